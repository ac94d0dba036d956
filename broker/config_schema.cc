#include "broker/config_schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <system_error>

#include "base/quote.h"
#include "broker/topic_config.h"
#include "raft/controller/decision.h"

namespace squall::broker {

using raft::ConfigResource;

namespace {

// What a running broker takes over (KIP-73): bytes per second.
constexpr std::array<std::string_view, 2> dynamic_broker_keys{"leader.replication.throttled.rate",
                                                              "follower.replication.throttled.rate"};
constexpr std::string_view unthrottled = "9223372036854775807";

bool is_dynamic(std::string_view key) { return std::ranges::find(dynamic_broker_keys, key) != dynamic_broker_keys.end(); }

std::optional<std::string> check_rate(std::string_view key, std::string_view value) {
  std::int64_t rate = -1;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), rate);
  if (error == std::errc{} && end == value.data() + value.size() && rate >= 0) return std::nullopt;
  return fmt::format("Invalid value {} for configuration {}: it is no number of bytes per second", quote(value), key);
}

}  // namespace

std::optional<std::string> BrokerConfigSchema::refuses(ConfigResource resource, const std::vector<std::string>& keys) const {
  if (resource == ConfigResource::topic) return std::nullopt;
  if (resource != ConfigResource::broker) {
    return fmt::format("Unsupported resource type {}", static_cast<std::int8_t>(resource));
  }
  std::string names;
  for (const std::string& key : keys) {
    if (!is_dynamic(key)) names += (names.empty() ? "" : ",") + key;
  }
  if (names.empty()) return std::nullopt;
  return fmt::format("Cannot update these configs dynamically: {}", quote(names));
}

bool BrokerConfigSchema::knows(ConfigResource resource, std::string_view key) const {
  if (resource == ConfigResource::broker) return is_dynamic(key);
  return resource == ConfigResource::topic && find_topic_config_key(key) != nullptr;
}

bool BrokerConfigSchema::is_list(ConfigResource resource, std::string_view key) const {
  return resource == ConfigResource::topic && knows(resource, key) && find_topic_config_key(key)->key.type == ConfigType::list;
}

std::optional<std::string> BrokerConfigSchema::check(ConfigResource resource, std::string_view key,
                                                     std::string_view value) const {
  if (resource == ConfigResource::broker) return check_rate(key, value);
  return check_topic_config(key, value);
}

std::optional<std::string> BrokerConfigSchema::effective(ConfigResource resource, std::string_view key, const ConfigValues& own,
                                                         const ConfigValues& cluster) const {
  if (!knows(resource, key)) return std::nullopt;
  if (resource == ConfigResource::broker) {
    if (const auto at = own.find(key); at != own.end()) return at->second;
    if (const auto at = cluster.find(key); at != cluster.end()) return at->second;
    return std::string{unthrottled};
  }
  if (const auto at = cluster.find(key); at != cluster.end() && !own.contains(key)) return at->second;
  return effective_value(*find_topic_config_key(key), own, config_).value;
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
