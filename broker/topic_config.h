// What holds for one topic: its own overrides, else the broker's configuration, else the defaults.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/config.h"
#include "broker/config_keys.h"
#include "broker/replication/throttle.h"
#include "log/log_config.h"

namespace squall::broker {

enum class TopicCompression : std::uint8_t { producer, uncompressed, gzip, snappy, lz4, zstd };

struct TopicConfig {
  TopicCompression compression = TopicCompression::producer;
  std::int32_t compression_level = 0;  // of that codec; unused for codecs without levels
  std::int64_t min_insync_replicas = 1;
  ThrottledReplicas throttled_leaders;    // leader.replication.throttled.replicas
  ThrottledReplicas throttled_followers;  // follower.replication.throttled.replicas
  log::LogConfig log;
  bool operator==(const TopicConfig&) const = default;
};

// As in DescribeConfigs.
enum class ConfigOrigin : std::int8_t { topic = 1, dynamic_broker = 2, dynamic_default = 3, static_broker = 4, fallback = 5 };

struct EffectiveValue {
  std::optional<std::string> value;
  ConfigOrigin origin = ConfigOrigin::fallback;
  std::string_view broker_key;  // where it came from, if from the broker
};

// The value that `row` has for a topic with `overrides`, where `cluster` is set for all brokers while they run (KIP-226): that
// wins over what a broker was started with, so that all brokers and the controller go by one value.
[[nodiscard]] EffectiveValue effective_value(const TopicConfigKey& row, const ConfigValues& overrides,
                                             const BrokerConfig& broker, const ConfigValues& cluster = {});
[[nodiscard]] TopicConfig resolve_topic_config(const ConfigValues& overrides, const BrokerConfig& broker,
                                               const ConfigValues& cluster = {});

// What is wrong with setting `name` to `value` on a topic, or nothing.
[[nodiscard]] std::optional<std::string> check_topic_config(std::string_view name, std::string_view value);

}  // namespace squall::broker
