#include "broker/config_schema.h"

#include <fmt/format.h>

#include "base/quote.h"
#include "broker/topic_config.h"
#include "raft/controller/decision.h"

namespace squall::broker {

using raft::ConfigResource;

std::optional<std::string> BrokerConfigSchema::refuses(ConfigResource resource, const std::vector<std::string>& keys) const {
  if (resource == ConfigResource::topic) return std::nullopt;
  if (resource != ConfigResource::broker) {
    return fmt::format("Unsupported resource type {}", static_cast<std::int8_t>(resource));
  }
  std::string names;
  for (const std::string& key : keys) {
    if (find_dynamic_broker_config_key(key) == nullptr) names += (names.empty() ? "" : ",") + key;
  }
  if (names.empty()) return std::nullopt;
  return fmt::format("Cannot update these configs dynamically: {}", quote(names));
}

bool BrokerConfigSchema::knows(ConfigResource resource, std::string_view key) const {
  if (resource == ConfigResource::broker) return find_dynamic_broker_config_key(key) != nullptr;
  return resource == ConfigResource::topic && find_topic_config_key(key) != nullptr;
}

bool BrokerConfigSchema::is_list(ConfigResource resource, std::string_view key) const {
  return resource == ConfigResource::topic && knows(resource, key) && find_topic_config_key(key)->key.type == ConfigType::list;
}

std::optional<std::string> BrokerConfigSchema::check(ConfigResource resource, std::string_view key,
                                                     std::string_view value) const {
  if (resource == ConfigResource::topic) return check_topic_config(key, value);
  const auto wrong = check_value(*find_dynamic_broker_config_key(key), value);
  if (!wrong) return std::nullopt;
  return fmt::format("Invalid value {} for configuration {}: {}", quote(value), quote(key), *wrong);
}

std::optional<std::string> BrokerConfigSchema::effective(ConfigResource resource, std::string_view key, const ConfigValues& own,
                                                         const ConfigValues& cluster) const {
  if (!knows(resource, key)) return std::nullopt;
  if (resource == ConfigResource::topic) return effective_value(*find_topic_config_key(key), own, config_, cluster).value;
  if (const auto at = own.find(key); at != own.end()) return at->second;
  if (const auto at = cluster.find(key); at != cluster.end()) return at->second;
  return std::string{*find_dynamic_broker_config_key(key)->default_value};
}

std::vector<protocol::CreateTopicsResponse::CreatableTopicConfigs> BrokerConfigSchema::describe_topic(
    const ConfigValues& own) const {
  std::vector<protocol::CreateTopicsResponse::CreatableTopicConfigs> configs;
  for (const TopicConfigKey& row : topic_config_keys()) {
    const EffectiveValue value = effective_value(row, own, config_);
    auto& config = configs.emplace_back();
    config.name = row.key.name;
    config.value = value.value;
    config.config_source = static_cast<std::int8_t>(value.origin);
  }
  return configs;
}

}  // namespace squall::broker
