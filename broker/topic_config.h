// What holds for one topic: its own overrides, else the broker's configuration, else the defaults.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/config.h"
#include "broker/config_keys.h"

namespace squall::broker {

enum class TopicCompression : std::uint8_t { producer, uncompressed, gzip, snappy, lz4, zstd };

// Resolved values, in the units of their keys; -1 of retention means "no limit".
struct TopicConfig {
  TopicCompression compression = TopicCompression::producer;
  std::int32_t compression_level = 0;  // of that codec; unused for codecs without levels
  bool log_append_time = false;
  std::int64_t timestamp_before_max_ms = 0;
  std::int64_t timestamp_after_max_ms = 0;
  std::int64_t max_message_bytes = 0;
  std::int64_t min_insync_replicas = 1;
  bool delete_old_segments = true;  // cleanup.policy contains "delete"
  bool compact = false;
  std::int64_t retention_ms = -1;
  std::int64_t retention_bytes = -1;
  std::int64_t segment_bytes = 0;
  std::int64_t segment_ms = 0;
  std::int64_t segment_jitter_ms = 0;
  std::int64_t segment_index_bytes = 0;
  std::int64_t index_interval_bytes = 0;
  std::int64_t flush_messages = 0;
  std::int64_t flush_ms = 0;
  std::int64_t file_delete_delay_ms = 0;
  bool preallocate = false;
};

enum class ConfigOrigin : std::int8_t { topic = 1, static_broker = 4, fallback = 5 };  // as in DescribeConfigs

struct EffectiveValue {
  std::optional<std::string> value;
  ConfigOrigin origin = ConfigOrigin::fallback;
  std::string_view broker_key;  // where it came from, if from the broker
};

// The value that `row` has for a topic with `overrides`.
[[nodiscard]] EffectiveValue effective_value(const TopicConfigKey& row, const ConfigValues& overrides,
                                             const BrokerConfig& broker);
[[nodiscard]] TopicConfig resolve_topic_config(const ConfigValues& overrides, const BrokerConfig& broker);

// What is wrong with setting `name` to `value` on a topic, or nothing.
[[nodiscard]] std::optional<std::string> check_topic_config(std::string_view name, std::string_view value);

}  // namespace squall::broker
