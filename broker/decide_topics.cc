// Decisions on topics: making and deleting them, and adding partitions.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "broker/controller_decisions.h"
#include "broker/quote.h"
#include "broker/topic_config.h"
#include "protocol/error_code.h"

namespace squall::broker {
namespace {

using protocol::ErrorCode;

struct Refusal {
  ErrorCode code{};
  std::string message;
};
using Verdict = std::optional<Refusal>;

std::string without_dots(std::string_view name) {
  std::string flat{name};
  std::ranges::replace(flat, '.', '_');
  return flat;
}

// Metric names cannot tell '.' from '_': Kafka forbids two topics that differ in nothing else.
Verdict check_collision(const MetadataImage& image, std::string_view name) {
  if (name.find_first_of("._") == std::string_view::npos) return std::nullopt;
  const std::string flat = without_dots(name);
  for (const auto& [other, topic] : image.topics) {
    if (other != name && without_dots(other) == flat) {
      return Refusal{ErrorCode::invalid_topic_exception,
                     fmt::format("Topic '{}' collides with existing topic: {}", quote(name), quote(other))};
    }
  }
  return std::nullopt;
}

Verdict check_replicas(const MetadataImage& image, const std::vector<std::int32_t>& brokers) {
  if (brokers.empty()) {
    return Refusal{ErrorCode::invalid_replica_assignment, "The manual partition assignment includes an empty replica list."};
  }
  std::set<std::int32_t> seen;
  for (const std::int32_t broker : brokers) {
    if (!image.brokers.contains(NodeId{broker})) {
      return Refusal{
          ErrorCode::invalid_replica_assignment,
          fmt::format("The manual partition assignment includes broker {}, but no such broker is registered.", broker)};
    }
    if (!seen.insert(broker).second) {
      return Refusal{ErrorCode::invalid_replica_assignment,
                     fmt::format("The manual partition assignment includes the broker {} more than once.", broker)};
    }
  }
  return std::nullopt;
}

protocol::PartitionRecord partition_record(const MetadataImage& image, Uuid topic, std::int32_t index,
                                           const std::vector<std::int32_t>& replicas) {
  protocol::PartitionRecord record;
  record.partition_id = index;
  record.topic_id = topic;
  record.replicas = replicas;
  record.isr = replicas;
  record.leader = replicas.front();
  record.leader_epoch = 0;
  record.partition_epoch = 0;
  for (const std::int32_t replica : replicas) {
    const auto broker = image.brokers.find(NodeId{replica});
    const bool one_dir = broker != image.brokers.end() && broker->second.log_dirs.size() == 1;
    record.directories.push_back(one_dir ? broker->second.log_dirs.front() : Uuid{});
  }
  return record;
}

std::vector<std::int32_t> live_brokers(const MetadataImage& image) {
  std::vector<std::int32_t> brokers;
  for (const auto& [id, broker] : image.brokers) {
    if (!broker.fenced) brokers.push_back(id.value());
  }
  return brokers;
}

// Replicas by turns: partition i begins at the i-th broker.
std::vector<std::int32_t> placed(const std::vector<std::int32_t>& brokers, std::size_t partition, std::size_t factor) {
  std::vector<std::int32_t> replicas;
  for (std::size_t i = 0; i < factor; ++i) replicas.push_back(brokers[(partition + i) % brokers.size()]);
  return replicas;
}

using Assignments = std::vector<std::vector<std::int32_t>>;

struct Layout {
  Assignments assignments;
  Verdict refusal;
};

Layout refuse(ErrorCode code, std::string message) { return {{}, Refusal{code, std::move(message)}}; }

Layout manual_layout(const MetadataImage& image, const protocol::CreateTopicsRequest::CreatableTopic& topic) {
  if (topic.replication_factor != -1) {
    return refuse(ErrorCode::invalid_request,
                  "A manual partition assignment was specified, but replication factor was not set to -1.");
  }
  if (topic.num_partitions != -1) {
    return refuse(ErrorCode::invalid_request,
                  "A manual partition assignment was specified, but numPartitions was not set to -1.");
  }
  Layout layout;
  layout.assignments.resize(topic.assignments.size());
  std::set<std::int32_t> seen;
  for (const auto& assignment : topic.assignments) {
    const auto index = static_cast<std::size_t>(assignment.partition_index);
    if (assignment.partition_index < 0 || index >= layout.assignments.size() ||
        !seen.insert(assignment.partition_index).second) {
      return refuse(ErrorCode::invalid_replica_assignment, "partitions should be a consecutive 0-based integer sequence");
    }
    if (auto wrong = check_replicas(image, assignment.broker_ids)) return {{}, wrong};
    layout.assignments[index] = assignment.broker_ids;
  }
  return layout;
}

Layout automatic_layout(const DecisionInput& input, const protocol::CreateTopicsRequest::CreatableTopic& topic) {
  const std::int32_t count = topic.num_partitions == -1 ? input.config.num_partitions : topic.num_partitions;
  const std::int16_t factor =
      topic.replication_factor == -1 ? input.config.default_replication_factor : topic.replication_factor;
  if (count <= 0) {
    return refuse(ErrorCode::invalid_partitions, "Number of partitions was set to an invalid non-positive value.");
  }
  if (factor <= 0) {
    return refuse(ErrorCode::invalid_replication_factor,
                  "Replication factor must be larger than 0, or -1 to use the default value.");
  }
  const std::vector<std::int32_t> brokers = live_brokers(input.image);
  if (static_cast<std::size_t>(factor) > brokers.size()) {
    return refuse(ErrorCode::invalid_replication_factor,
                  fmt::format("Unable to replicate the partition {} time(s): The target replication factor of {} cannot be "
                              "reached because only {} broker(s) are registered.",
                              factor, factor, brokers.size()));
  }
  if (static_cast<std::size_t>(count) > records_per_operation_max) {
    return refuse(ErrorCode::policy_violation, "Excessively large number of partitions per request.");
  }
  Layout layout;
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    layout.assignments.push_back(placed(brokers, i, static_cast<std::size_t>(factor)));
  }
  return layout;
}

Verdict check_configs(const protocol::CreateTopicsRequest::CreatableTopic& topic, ConfigValues& configs) {
  for (const auto& config : topic.configs) {
    if (!config.value) {
      return Refusal{ErrorCode::invalid_config,
                     fmt::format("Null value not supported for topic configs: {}", quote(config.name))};
    }
    if (auto wrong = check_topic_config(config.name, *config.value)) return Refusal{ErrorCode::invalid_config, *wrong};
    configs[config.name] = *config.value;
  }
  return std::nullopt;
}

using CreateResult = protocol::CreateTopicsResponse::CreatableTopicResult;

void describe(CreateResult& result, const ConfigValues& configs, const BrokerConfig& broker) {
  result.configs.emplace();
  for (const TopicConfigKey& row : topic_config_keys()) {
    const EffectiveValue value = effective_value(row, configs, broker);
    auto& config = result.configs->emplace_back();
    config.name = row.key.name;
    config.value = value.value;
    config.config_source = static_cast<std::int8_t>(value.origin);
  }
}

Verdict create_one(const DecisionInput& input, const protocol::CreateTopicsRequest::CreatableTopic& topic,
                   std::vector<MetadataRecord>& records, CreateResult& result) {
  if (auto wrong = check_topic_name(topic.name)) return Refusal{ErrorCode::invalid_topic_exception, *wrong};
  if (topic.name == "__cluster_metadata") {
    return Refusal{ErrorCode::topic_authorization_failed, "Creation of internal topic __cluster_metadata is prohibited."};
  }
  if (input.image.topics.contains(topic.name)) {
    return Refusal{ErrorCode::topic_already_exists, fmt::format("Topic '{}' already exists.", quote(topic.name))};
  }
  if (auto wrong = check_collision(input.image, topic.name)) return wrong;
  Layout layout = topic.assignments.empty() ? automatic_layout(input, topic) : manual_layout(input.image, topic);
  if (layout.refusal) return layout.refusal;
  ConfigValues configs;
  if (auto wrong = check_configs(topic, configs)) return wrong;
  if (records.size() + layout.assignments.size() + configs.size() + 1 > records_per_operation_max) {
    return Refusal{ErrorCode::policy_violation, "Excessively large number of partitions per request."};
  }
  result.topic_id = Uuid::random(input.random);
  protocol::TopicRecord topic_record;
  topic_record.name = topic.name;
  topic_record.topic_id = result.topic_id;
  records.emplace_back(std::move(topic_record));
  for (const auto& [name, value] : configs) {
    protocol::ConfigRecord config;
    config.resource_type = static_cast<std::int8_t>(ConfigResource::topic);
    config.resource_name = topic.name;
    config.name = name;
    config.value = value;
    records.emplace_back(std::move(config));
  }
  for (std::size_t i = 0; i < layout.assignments.size(); ++i) {
    records.emplace_back(partition_record(input.image, result.topic_id, static_cast<std::int32_t>(i), layout.assignments[i]));
  }
  result.num_partitions = static_cast<std::int32_t>(layout.assignments.size());
  result.replication_factor = static_cast<std::int16_t>(layout.assignments.front().size());
  describe(result, configs, input.config);
  return std::nullopt;
}

template <class Result>
void note(Result& result, const Verdict& refusal) {
  result.error_message = std::nullopt;
  if (!refusal) return;
  result.error_code = static_cast<std::int16_t>(refusal->code);
  result.error_message = refusal->message;
}

}  // namespace

std::optional<std::string> check_topic_name(std::string_view name) {
  constexpr std::size_t longest = 249;
  if (name.empty()) return "Topic name is invalid: the empty string is not allowed";
  if (name == "." || name == "..") return "Topic name is invalid: '.' or '..' is not allowed";
  if (name.size() > longest) {
    return fmt::format("Topic name is invalid: the length of '{}' is longer than the max allowed length {}", quote(name),
                       longest);
  }
  const bool legal = std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  });
  if (legal) return std::nullopt;
  return fmt::format(
      "Topic name is invalid: '{}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'",
      quote(name));
}

Decision<protocol::CreateTopicsResponse> decide_create_topics(const DecisionInput& input,
                                                              const protocol::CreateTopicsRequest& request) {
  Decision<protocol::CreateTopicsResponse> decision;
  std::map<std::string_view, int> times;
  for (const auto& topic : request.topics) ++times[topic.name];
  std::set<std::string> flat_names;
  for (const auto& topic : request.topics) {
    const bool repeated = times[topic.name] > 1;
    if (repeated && std::ranges::any_of(decision.response.topics, [&](const auto& done) { return done.name == topic.name; })) {
      continue;
    }
    CreateResult& result = decision.response.topics.emplace_back();
    result.name = topic.name;
    Verdict refusal;
    if (repeated) {
      refusal = Refusal{ErrorCode::invalid_request, "Duplicate topic name."};
    } else if (!flat_names.insert(without_dots(topic.name)).second) {
      refusal = Refusal{ErrorCode::invalid_topic_exception,
                        fmt::format("Topic '{}' collides with another topic of the same request.", quote(topic.name))};
    } else {
      refusal = create_one(input, topic, decision.records, result);
    }
    note(result, refusal);
  }
  if (request.validate_only) {
    decision.records.clear();
    for (auto& result : decision.response.topics) result.topic_id = Uuid{};
  }
  return decision;
}

Decision<protocol::DeleteTopicsResponse> decide_delete_topics(const DecisionInput& input,
                                                              const protocol::DeleteTopicsRequest& request) {
  Decision<protocol::DeleteTopicsResponse> decision;
  std::set<Uuid> gone;
  const auto remove = [&](const std::optional<std::string>& name, Uuid id) {
    auto& result = decision.response.responses.emplace_back();
    result.name = name;
    result.topic_id = id;
    if (name.has_value() == !id.is_zero()) {
      return note(result, Refusal{ErrorCode::invalid_request, "Give either the name or the id of a topic."});
    }
    const MetadataImage::Topic topic = name ? input.image.find(*name) : input.image.find(id);
    if (topic == nullptr && name) {
      return note(result, Refusal{ErrorCode::unknown_topic_or_partition, "This server does not host this topic-partition."});
    }
    if (topic == nullptr) {
      return note(result, Refusal{ErrorCode::unknown_topic_id, "This server does not host this topic ID."});
    }
    result.name = topic->name;
    result.topic_id = topic->id;
    if (!gone.insert(topic->id).second) {
      return note(result, Refusal{ErrorCode::invalid_request, "Duplicate topic in the request."});
    }
    protocol::RemoveTopicRecord record;
    record.topic_id = topic->id;
    decision.records.emplace_back(record);
    note(result, std::nullopt);
  };
  for (const auto& topic : request.topics) remove(topic.name, topic.topic_id);
  for (const std::string& name : request.topic_names) remove(name, Uuid{});
  return decision;
}

Decision<protocol::CreatePartitionsResponse> decide_create_partitions(const DecisionInput& input,
                                                                      const protocol::CreatePartitionsRequest& request) {
  Decision<protocol::CreatePartitionsResponse> decision;
  std::map<std::string_view, int> times;
  for (const auto& topic : request.topics) ++times[topic.name];
  const auto grow = [&](const protocol::CreatePartitionsRequest::CreatePartitionsTopic& wanted) -> Verdict {
    if (times[wanted.name] > 1) return Refusal{ErrorCode::invalid_request, "Duplicate topic name."};
    const MetadataImage::Topic topic = input.image.find(wanted.name);
    if (topic == nullptr) {
      return Refusal{ErrorCode::unknown_topic_or_partition, "This server does not host this topic-partition."};
    }
    const auto now = static_cast<std::int64_t>(topic->partitions.size());
    if (wanted.count < now) {
      return Refusal{ErrorCode::invalid_partitions,
                     fmt::format("The topic {} currently has {} partition(s); {} would not be an increase.", quote(wanted.name),
                                 now, wanted.count)};
    }
    if (wanted.count == now) {
      return Refusal{ErrorCode::invalid_partitions, fmt::format("Topic already has {} partition(s).", now)};
    }
    const auto added = static_cast<std::size_t>(wanted.count - now);
    if (decision.records.size() + added > records_per_operation_max) {
      return Refusal{ErrorCode::policy_violation, "Excessively large number of partitions per request."};
    }
    if (wanted.assignments && wanted.assignments->size() != added) {
      return Refusal{ErrorCode::invalid_replica_assignment,
                     fmt::format("Attempted to add {} additional partition(s), but only {} assignment(s) were specified.",
                                 added, wanted.assignments->size())};
    }
    const std::vector<std::int32_t> brokers = live_brokers(input.image);
    const std::size_t factor = topic->partitions.front().replicas.size();
    if (factor > brokers.size()) {
      return Refusal{ErrorCode::invalid_replication_factor, "Not enough brokers are registered."};
    }
    std::vector<MetadataRecord> records;
    for (std::size_t i = 0; i < added; ++i) {
      const std::size_t index = topic->partitions.size() + i;
      const auto replicas = wanted.assignments ? (*wanted.assignments)[i].broker_ids : placed(brokers, index, factor);
      if (auto wrong = check_replicas(input.image, replicas)) return wrong;
      records.emplace_back(partition_record(input.image, topic->id, static_cast<std::int32_t>(index), replicas));
    }
    std::ranges::move(records, std::back_inserter(decision.records));
    return std::nullopt;
  };
  for (const auto& topic : request.topics) {
    auto& result = decision.response.results.emplace_back();
    result.name = topic.name;
    note(result, grow(topic));
  }
  if (request.validate_only) decision.records.clear();
  return decision;
}

}  // namespace squall::broker
