#include "raft/controller/configs.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "protocol/reader.h"
#include "raft/metadata/record_version.h"

namespace squall::raft {
namespace {

using protocol::ErrorCode;

enum class AlterOperation : std::int8_t { set = 0, remove = 1, append = 2, subtract = 3 };

using Alteration = protocol::IncrementalAlterConfigsRequest::AlterableConfig;
using Alterations = protocol::IncrementalAlterConfigsRequest::AlterConfigsResource;

constexpr std::string_view min_isr_key = "min.insync.replicas";

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ",") + word;
  return text;
}

// The parts of a comma-separated list, trimmed, without empty ones.
std::vector<std::string> parts_of(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    std::string_view part = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    while (!part.empty() && part.front() == ' ') part.remove_prefix(1);
    while (!part.empty() && part.back() == ' ') part.remove_suffix(1);
    if (!part.empty()) parts.emplace_back(part);
  }
  return parts;
}

// One resource of a request, and what holds of it now.
struct Target {
  const DecisionContext& context;
  ConfigResource resource;
  const std::string& name;
  const ConfigValues& set;
};

// The list that a key has now, with the words of the request added or taken away.
Verdict edit_list(const Target& target, const Alteration& change, std::string& value) {
  const bool append = static_cast<AlterOperation>(change.config_operation) == AlterOperation::append;
  if (!target.context.schema.is_list(target.resource, change.name)) {
    return Refusal{ErrorCode::invalid_config, fmt::format("Can't {} to key {} because its type is not LIST.",
                                                          append ? "APPEND" : "SUBTRACT", quote(change.name))};
  }
  const auto now = target.context.schema.effective(target.resource, change.name, target.set,
                                                   target.context.image.config_of(ConfigResource::broker, ""));
  std::vector<std::string> words = parts_of(now.value_or(""));
  for (const std::string& word : parts_of(change.value.value_or(""))) {
    if (!append) {
      std::erase(words, word);
    } else if (std::ranges::find(words, word) == words.end()) {
      words.push_back(word);
    }
  }
  value = joined(words);
  return std::nullopt;
}

Verdict new_value(const Target& target, const Alteration& change, std::string& value) {
  if (change.config_operation < 0 || change.config_operation > static_cast<std::int8_t>(AlterOperation::subtract)) {
    return Refusal{ErrorCode::invalid_request, fmt::format("Unknown operation type {}", change.config_operation)};
  }
  if (!change.value) {
    return Refusal{ErrorCode::invalid_request, fmt::format("Null value not supported for : {}", quote(change.name))};
  }
  value = *change.value;
  if (static_cast<AlterOperation>(change.config_operation) != AlterOperation::set) {
    if (auto wrong = edit_list(target, change, value)) return wrong;
  }
  if (value.size() > protocol::string_bytes_max) {
    return Refusal{ErrorCode::invalid_config, fmt::format("The value of {} would be longer than {} bytes.", quote(change.name),
                                                          protocol::string_bytes_max)};
  }
  if (auto wrong = target.context.schema.check(target.resource, change.name, value)) {
    return Refusal{ErrorCode::invalid_config, *wrong};
  }
  return std::nullopt;
}

// Under eligible leader replicas, all brokers go by the minimum that the controller goes by (KIP-966).
Verdict check_minimum(const Target& target, bool remove) {
  if (target.resource != ConfigResource::broker || !elr_enabled(target.context.image)) return std::nullopt;
  if (!target.name.empty()) {
    return Refusal{ErrorCode::invalid_config, "Broker-level min.insync.replicas cannot be altered while ELR is enabled."};
  }
  if (!remove) return std::nullopt;
  return Refusal{ErrorCode::invalid_config, "Cluster-level min.insync.replicas cannot be removed while ELR is enabled."};
}

// Replicas that were eligible when the feature was turned off stay so, and would lead if it is turned on again.
bool any_eligible(const MetadataImage& image) {
  return std::any_of(image.brokers.begin(), image.brokers.end(),
                     [&](const auto& broker) { return image.index.any(PartitionRole::eligible, broker.first); });
}

// Leaders counted on the old minimum when they let replicas into the ELR.
void clear_eligible(const Target& target, Records& records) {
  if (!elr_enabled(target.context.image) && !any_eligible(target.context.image)) return;
  protocol::ClearElrRecord record;
  if (target.resource == ConfigResource::topic) {
    record.topic_name = target.name;
  } else if (target.resource != ConfigResource::broker) {
    return;
  }
  records.emplace_back(std::move(record));
}

Verdict alter_one(const Target& target, const Alteration& change, Records& records) {
  if (!target.context.schema.knows(target.resource, change.name)) {
    const std::string_view kind = target.resource == ConfigResource::topic ? "topic " : "";
    return Refusal{ErrorCode::invalid_config, fmt::format("Unknown {}config name: {}", kind, quote(change.name))};
  }
  const bool remove = static_cast<AlterOperation>(change.config_operation) == AlterOperation::remove;
  if (change.name == min_isr_key) {
    if (auto wrong = check_minimum(target, remove)) return wrong;
  }
  protocol::ConfigRecord record;
  record.resource_type = static_cast<std::int8_t>(target.resource);
  record.resource_name = target.name;
  record.name = change.name;
  record.value = std::nullopt;
  const auto at = target.set.find(change.name);
  if (remove) {
    if (at == target.set.end()) return std::nullopt;
  } else {
    std::string value;
    if (auto wrong = new_value(target, change, value)) return wrong;
    if (at != target.set.end() && at->second == value) return std::nullopt;
    record.value = std::move(value);
  }
  records.emplace_back(std::move(record));
  if (change.name == min_isr_key) clear_eligible(target, records);
  return std::nullopt;
}

Verdict check_broker_resource(const MetadataImage& image, const std::string& name) {
  if (name.empty()) return std::nullopt;
  std::int32_t id = -1;
  const auto parsed = std::from_chars(name.data(), name.data() + name.size(), id);
  if (parsed.ec != std::errc{} || parsed.ptr != name.data() + name.size() || id < 0) {
    return Refusal{ErrorCode::invalid_request,
                   fmt::format("Invalid broker name {}: it has to be a number, or empty for the default", quote(name))};
  }
  if (image.brokers.contains(NodeId{id}) || image.controllers.contains(NodeId{id})) return std::nullopt;
  return Refusal{ErrorCode::broker_id_not_registered, fmt::format("No node with id {} found.", id)};
}

Verdict check_resource(const DecisionContext& context, const Alterations& resource) {
  const auto type = static_cast<ConfigResource>(resource.resource_type);
  if (type != ConfigResource::topic && type != ConfigResource::broker && type != ConfigResource::client_metrics &&
      type != ConfigResource::group) {
    return Refusal{ErrorCode::invalid_request, fmt::format("Unsupported resource type {}", resource.resource_type)};
  }
  std::vector<std::string> keys;
  for (const auto& change : resource.configs) keys.push_back(change.name);
  if (const auto why = context.schema.refuses(type, keys)) return Refusal{ErrorCode::invalid_request, *why};
  if (type == ConfigResource::broker) return check_broker_resource(context.image, resource.resource_name);
  if (type == ConfigResource::topic && !context.image.topics.contains(resource.resource_name)) {
    return Refusal{ErrorCode::unknown_topic_or_partition,
                   fmt::format("The topic '{}' does not exist.", quote(resource.resource_name))};
  }
  return std::nullopt;
}

Verdict alter_resource(const DecisionContext& context, const Alterations& resource, Records& records) {
  if (auto wrong = check_resource(context, resource)) return wrong;
  const auto type = static_cast<ConfigResource>(resource.resource_type);
  const Target target{context, type, resource.resource_name, context.image.config_of(type, resource.resource_name)};
  std::set<std::string_view> seen;
  for (const auto& change : resource.configs) {
    if (!seen.insert(change.name).second) {
      return Refusal{ErrorCode::invalid_request, fmt::format("Error due to duplicate config keys: {}", quote(change.name))};
    }
    if (auto wrong = alter_one(target, change, records)) return wrong;
  }
  return std::nullopt;
}

}  // namespace

Decision<protocol::IncrementalAlterConfigsResponse> decide_alter_configs(
    const DecisionContext& context, const protocol::IncrementalAlterConfigsRequest& request) {
  Decision<protocol::IncrementalAlterConfigsResponse> decision;
  std::map<std::pair<std::int8_t, std::string_view>, int> times;
  for (const auto& resource : request.resources) ++times[{resource.resource_type, resource.resource_name}];
  for (const auto& resource : request.resources) {
    Records records;
    Verdict refusal;
    if (times[{resource.resource_type, resource.resource_name}] > 1) {
      refusal = Refusal{ErrorCode::invalid_request, "Each resource must appear at most once."};
    } else {
      refusal = alter_resource(context, resource, records);
    }
    auto& result = decision.response.responses.emplace_back();
    result.resource_type = resource.resource_type;
    result.resource_name = resource.resource_name;
    note(result, refusal);
    if (!refusal && !request.validate_only) std::ranges::move(records, std::back_inserter(decision.records));
  }
  return decision;
}

}  // namespace squall::raft
