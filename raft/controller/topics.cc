// Decisions on topics: making and deleting them; partitions.cc adds partitions.
#include "raft/controller/topics.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "raft/controller/placement.h"
#include "raft/metadata/image_builder.h"
#include "raft/metadata/metadata_topic.h"

namespace squall::raft {
namespace {

using protocol::ErrorCode;

// Metric names cannot tell '.' from '_': Kafka forbids two topics that differ in nothing else.
Verdict check_collision(const MetadataImage& image, std::string_view name) {
  const std::string key = collision_key(name);
  const std::string* other = key.empty() ? nullptr : image.colliding_names.get(key);
  if (other == nullptr || *other == name) return std::nullopt;
  return Refusal{ErrorCode::invalid_topic_exception,
                 fmt::format("Topic '{}' collides with existing topic: {}", quote(name), quote(*other))};
}

using Assignments = std::vector<Assignment>;

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
    if (auto wrong = check_assignment(image, assignment.broker_ids)) return {{}, wrong};
    layout.assignments[index] = assignment.broker_ids;
  }
  for (const Assignment& replicas : layout.assignments) {
    if (replicas.size() == layout.assignments.front().size()) continue;
    return refuse(ErrorCode::invalid_replica_assignment,
                  "The manual partition assignment includes partitions with different numbers of replicas.");
  }
  return layout;
}

Layout automatic_layout(const DecisionContext& context, const protocol::CreateTopicsRequest::CreatableTopic& topic) {
  const std::int32_t count = topic.num_partitions == -1 ? context.schema.num_partitions() : topic.num_partitions;
  const std::int16_t factor =
      topic.replication_factor == -1 ? context.schema.default_replication_factor() : topic.replication_factor;
  if (count <= 0) {
    return refuse(ErrorCode::invalid_partitions, "Number of partitions was set to an invalid non-positive value.");
  }
  if (factor <= 0) {
    return refuse(ErrorCode::invalid_replication_factor,
                  "Replication factor must be larger than 0, or -1 to use the default value.");
  }
  if (static_cast<std::size_t>(count) > records_per_operation_max) {
    return refuse(ErrorCode::policy_violation, "Excessively large number of partitions per request.");
  }
  ReplicaPlacer placer{context.image, context.random};
  if (static_cast<std::size_t>(factor) > placer.brokers()) {
    return refuse(ErrorCode::invalid_replication_factor,
                  fmt::format("Unable to replicate the partition {} time(s): The target replication factor of {} cannot be "
                              "reached because only {} broker(s) are registered.",
                              factor, factor, placer.brokers()));
  }
  if (placer.all_fenced()) {
    return refuse(ErrorCode::invalid_replication_factor,
                  fmt::format("Unable to replicate the partition {} time(s): All brokers are currently fenced.", factor));
  }
  Layout layout;
  for (std::int32_t i = 0; i < count; ++i) layout.assignments.push_back(placer.place(static_cast<std::size_t>(factor)));
  return layout;
}

Verdict check_configs(const ConfigSchema& schema, const protocol::CreateTopicsRequest::CreatableTopic& topic,
                      ConfigValues& configs) {
  for (const auto& config : topic.configs) {
    if (!config.value) {
      return Refusal{ErrorCode::invalid_config,
                     fmt::format("Null value not supported for topic configs: {}", quote(config.name))};
    }
    if (!schema.knows(ConfigResource::topic, config.name)) {
      return Refusal{ErrorCode::invalid_config, fmt::format("Unknown topic config name: {}", quote(config.name))};
    }
    if (auto wrong = schema.check(ConfigResource::topic, config.name, *config.value)) {
      return Refusal{ErrorCode::invalid_config, *wrong};
    }
    configs[config.name] = *config.value;
  }
  return std::nullopt;
}

std::string flat_name(const std::string& name) {
  const std::string key = collision_key(name);
  return key.empty() ? name : key;
}

using CreateResult = protocol::CreateTopicsResponse::CreatableTopicResult;

Verdict create_one(const DecisionContext& context, const protocol::CreateTopicsRequest::CreatableTopic& topic, Records& records,
                   CreateResult& result) {
  if (auto wrong = check_topic_name(topic.name)) return Refusal{ErrorCode::invalid_topic_exception, *wrong};
  if (topic.name == metadata_topic_name) {
    return Refusal{ErrorCode::topic_authorization_failed,
                   fmt::format("Creation of internal topic {} is prohibited.", metadata_topic_name)};
  }
  if (context.image.topics.contains(topic.name)) {
    return Refusal{ErrorCode::topic_already_exists, fmt::format("Topic '{}' already exists.", quote(topic.name))};
  }
  if (auto wrong = check_collision(context.image, topic.name)) return wrong;
  Layout layout = topic.assignments.empty() ? automatic_layout(context, topic) : manual_layout(context.image, topic);
  if (layout.refusal) return layout.refusal;
  ConfigValues configs;
  if (auto wrong = check_configs(context.schema, topic, configs)) return wrong;
  if (records.size() + layout.assignments.size() + configs.size() + 1 > records_per_operation_max) {
    return Refusal{ErrorCode::policy_violation, "Excessively large number of partitions per request."};
  }
  const Uuid id = Uuid::random(context.random);
  Records partitions;
  for (std::size_t i = 0; i < layout.assignments.size(); ++i) {
    const auto index = static_cast<std::int32_t>(i);
    auto record = new_partition(context.image, id, index, layout.assignments[i]);
    if (!record) return nobody_active(index);
    partitions.emplace_back(std::move(*record));
  }
  result.topic_id = id;
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
  std::ranges::move(partitions, std::back_inserter(records));
  result.num_partitions = static_cast<std::int32_t>(layout.assignments.size());
  result.replication_factor = static_cast<std::int16_t>(layout.assignments.front().size());
  result.configs = context.schema.describe_topic(configs);
  return std::nullopt;
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

Decision<protocol::CreateTopicsResponse> decide_create_topics(const DecisionContext& context,
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
    } else if (!flat_names.insert(flat_name(topic.name)).second) {
      refusal = Refusal{ErrorCode::invalid_topic_exception,
                        fmt::format("Topic '{}' collides with another topic of the same request.", quote(topic.name))};
    } else {
      refusal = create_one(context, topic, decision.records, result);
    }
    note(result, refusal);
  }
  if (request.validate_only) {
    decision.records.clear();
    for (auto& result : decision.response.topics) result.topic_id = Uuid{};
  }
  return decision;
}

Decision<protocol::DeleteTopicsResponse> decide_delete_topics(const DecisionContext& context,
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
    const MetadataImage::Topic topic = name ? context.image.find(*name) : context.image.find(id);
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
    decision.records.emplace_back(std::move(record));
    note(result, std::nullopt);
  };
  for (const auto& topic : request.topics) remove(topic.name, topic.topic_id);
  for (const std::string& name : request.topic_names) remove(name, Uuid{});
  return decision;
}

}  // namespace squall::raft
