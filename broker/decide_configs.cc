// Decisions on configurations, producer ids and the registration of brokers.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>

#include "broker/controller_decisions.h"
#include "broker/quote.h"
#include "broker/topic_config.h"
#include "protocol/error_code.h"
#include "protocol/reader.h"

namespace squall::broker {
namespace {

using protocol::ErrorCode;

enum class AlterOperation : std::int8_t { set = 0, remove = 1, append = 2, subtract = 3 };

struct Refusal {
  ErrorCode code{};
  std::string message;
};
using Verdict = std::optional<Refusal>;
using Alteration = protocol::IncrementalAlterConfigsRequest::AlterableConfig;

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ",") + word;
  return text;
}

// The list that a key has now, with the words of the request added or taken away.
Verdict edit_list(const DecisionInput& input, const std::string& topic, const TopicConfigKey& row, const Alteration& change,
                  std::string& value) {
  if (row.key.type != ConfigType::list) {
    return Refusal{
        ErrorCode::invalid_config,
        fmt::format("Can't {} to key {} because its type is not LIST.",
                    change.config_operation == static_cast<std::int8_t>(AlterOperation::append) ? "APPEND" : "SUBTRACT",
                    quote(change.name))};
  }
  const auto now = effective_value(row, input.image.config_of(ConfigResource::topic, topic), input.config).value;
  std::vector<std::string> words = parse_list(now.value_or(""));
  for (const std::string& word : parse_list(change.value.value_or(""))) {
    if (static_cast<AlterOperation>(change.config_operation) == AlterOperation::subtract) {
      std::erase(words, word);
    } else if (std::ranges::find(words, word) == words.end()) {
      words.push_back(word);
    }
  }
  value = joined(words);
  return std::nullopt;
}

Verdict alter_one(const DecisionInput& input, const std::string& topic, const Alteration& change,
                  std::vector<MetadataRecord>& records) {
  const TopicConfigKey* row = find_topic_config_key(change.name);
  if (row == nullptr)
    return Refusal{ErrorCode::invalid_config, fmt::format("Unknown topic config name: {}", quote(change.name))};
  protocol::ConfigRecord record;
  record.resource_type = static_cast<std::int8_t>(ConfigResource::topic);
  record.resource_name = topic;
  record.name = change.name;
  const ConfigValues& set = input.image.config_of(ConfigResource::topic, topic);
  const auto at = set.find(change.name);
  if (static_cast<AlterOperation>(change.config_operation) == AlterOperation::remove) {
    record.value = std::nullopt;
    if (at != set.end()) records.emplace_back(std::move(record));
    return std::nullopt;
  }
  if (change.config_operation < 0 || change.config_operation > static_cast<std::int8_t>(AlterOperation::subtract)) {
    return Refusal{ErrorCode::invalid_request, fmt::format("Unknown operation type {}", change.config_operation)};
  }
  if (!change.value)
    return Refusal{ErrorCode::invalid_request, fmt::format("Null value not supported for : {}", quote(change.name))};
  std::string value = *change.value;
  if (static_cast<AlterOperation>(change.config_operation) != AlterOperation::set) {
    if (auto wrong = edit_list(input, topic, *row, change, value)) return wrong;
  }
  if (value.size() > protocol::string_bytes_max) {
    return Refusal{ErrorCode::invalid_config, fmt::format("The value of {} would be longer than {} bytes.", quote(change.name),
                                                          protocol::string_bytes_max)};
  }
  if (auto wrong = check_topic_config(change.name, value)) return Refusal{ErrorCode::invalid_config, *wrong};
  if (at != set.end() && at->second == value) return std::nullopt;
  record.value = std::move(value);
  records.emplace_back(std::move(record));
  return std::nullopt;
}

Verdict alter_resource(const DecisionInput& input,
                       const protocol::IncrementalAlterConfigsRequest::AlterConfigsResource& resource,
                       std::vector<MetadataRecord>& records) {
  const auto type = static_cast<ConfigResource>(resource.resource_type);
  if (type == ConfigResource::broker) {
    std::vector<std::string> names;
    for (const auto& change : resource.configs) names.push_back(change.name);
    return Refusal{ErrorCode::invalid_request,
                   fmt::format("Cannot update these configs dynamically: {}", quote(joined(names)))};
  }
  if (type != ConfigResource::topic) {
    return Refusal{ErrorCode::invalid_request, fmt::format("Unsupported resource type {}", resource.resource_type)};
  }
  if (input.image.find(resource.resource_name) == nullptr) {
    return Refusal{ErrorCode::unknown_topic_or_partition,
                   fmt::format("The topic '{}' does not exist.", quote(resource.resource_name))};
  }
  std::set<std::string_view> seen;
  for (const auto& change : resource.configs) {
    if (!seen.insert(change.name).second) {
      return Refusal{ErrorCode::invalid_request, fmt::format("Error due to duplicate config keys: {}", quote(change.name))};
    }
    if (auto wrong = alter_one(input, resource.resource_name, change, records)) return wrong;
  }
  return std::nullopt;
}

}  // namespace

Decision<protocol::IncrementalAlterConfigsResponse> decide_alter_configs(
    const DecisionInput& input, const protocol::IncrementalAlterConfigsRequest& request) {
  Decision<protocol::IncrementalAlterConfigsResponse> decision;
  std::map<std::pair<std::int8_t, std::string_view>, int> times;
  for (const auto& resource : request.resources) ++times[{resource.resource_type, resource.resource_name}];
  for (const auto& resource : request.resources) {
    std::vector<MetadataRecord> records;
    Verdict refusal;
    if (times[{resource.resource_type, resource.resource_name}] > 1) {
      refusal = Refusal{ErrorCode::invalid_request, "Each resource must appear at most once."};
    } else {
      refusal = alter_resource(input, resource, records);
    }
    auto& result = decision.response.responses.emplace_back();
    result.resource_type = resource.resource_type;
    result.resource_name = resource.resource_name;
    result.error_message = std::nullopt;
    if (refusal) {
      result.error_code = static_cast<std::int16_t>(refusal->code);
      result.error_message = refusal->message;
    } else if (!request.validate_only) {
      std::ranges::move(records, std::back_inserter(decision.records));
    }
  }
  return decision;
}

Decision<ProducerIdBlock> decide_producer_id_block(const DecisionInput& input) {
  Decision<ProducerIdBlock> decision;
  const std::int64_t first = input.image.next_producer_id;
  if (first > std::numeric_limits<std::int64_t>::max() - producer_id_block) return decision;
  protocol::ProducerIdsRecord record;
  record.broker_id = input.config.node_id.value();
  if (const auto broker = input.image.brokers.find(input.config.node_id); broker != input.image.brokers.end()) {
    record.broker_epoch = broker->second.epoch;
  }
  record.next_producer_id = first + producer_id_block;
  decision.records.emplace_back(record);
  decision.response = {first, producer_id_block};
  return decision;
}

std::vector<MetadataRecord> bootstrap_records() {
  constexpr std::int16_t metadata_version_4_2 = 29;
  protocol::FeatureLevelRecord level;
  level.name = "metadata.version";
  level.feature_level = metadata_version_4_2;
  std::vector<MetadataRecord> records;
  records.emplace_back(std::move(level));
  return records;
}

std::vector<MetadataRecord> registration_records(const BrokerConfig& config, const Registration& registration) {
  protocol::RegisterBrokerRecord record;
  record.broker_id = config.node_id.value();
  record.incarnation_id = registration.incarnation;
  record.broker_epoch = -1;
  record.rack = config.rack;
  record.fenced = false;
  record.log_dirs = registration.log_dirs;
  for (const BrokerEndpointImage& from : registration.endpoints) {
    auto& endpoint = record.end_points.emplace_back();
    endpoint.name = from.listener;
    endpoint.host = from.host;
    endpoint.port = from.port;
  }
  std::vector<MetadataRecord> records;
  records.emplace_back(std::move(record));
  return records;
}

}  // namespace squall::broker
