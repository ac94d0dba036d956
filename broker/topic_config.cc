#include "broker/topic_config.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"

namespace squall::broker {
namespace {

std::string times(const std::string& text, std::int64_t multiplier) {
  if (multiplier == 1) return text;
  const auto number = parse_integer(text);
  SQUALL_ASSERT(number.has_value(), "numbers were checked when the configuration was made");
  return std::to_string(*number < 0 ? *number : *number * multiplier);
}

struct Resolver {
  const ConfigValues& overrides;
  const BrokerConfig& broker;

  std::optional<std::string> text(std::string_view key) const {
    const TopicConfigKey* row = find_topic_config_key(key);
    SQUALL_ASSERT(row != nullptr, "the key is in the table");
    return effective_value(*row, overrides, broker).value;
  }
  std::int64_t integer(std::string_view key) const {
    const auto number = parse_integer(text(key).value_or(""));
    SQUALL_ASSERT(number.has_value(), "topic numbers are checked before they are stored");
    return *number;
  }
  bool boolean(std::string_view key) const { return parse_boolean(text(key).value_or("false")).value_or(false); }
};

TopicCompression compression_named(std::string_view name) {
  if (name == "uncompressed") return TopicCompression::uncompressed;
  if (name == "gzip") return TopicCompression::gzip;
  if (name == "snappy") return TopicCompression::snappy;
  if (name == "lz4") return TopicCompression::lz4;
  if (name == "zstd") return TopicCompression::zstd;
  return TopicCompression::producer;
}

std::int64_t compression_level(const Resolver& from, TopicCompression codec) {
  switch (codec) {
    case TopicCompression::gzip: return from.integer("compression.gzip.level");
    case TopicCompression::lz4: return from.integer("compression.lz4.level");
    case TopicCompression::zstd: return from.integer("compression.zstd.level");
    default: return 0;
  }
}

}  // namespace

EffectiveValue effective_value(const TopicConfigKey& row, const ConfigValues& overrides, const BrokerConfig& broker) {
  if (const auto at = overrides.find(row.key.name); at != overrides.end()) return {at->second, ConfigOrigin::topic, {}};
  const Synonym* last = nullptr;
  for (const Synonym& synonym : row.synonyms) {
    if (synonym.broker_key.empty()) break;
    last = &synonym;
    const auto given = broker.given().find(synonym.broker_key);
    if (given != broker.given().end()) {
      return {times(given->second, synonym.multiplier), ConfigOrigin::static_broker, synonym.broker_key};
    }
  }
  if (last != nullptr) {
    if (const auto value = broker.text(last->broker_key)) {
      return {times(*value, last->multiplier), ConfigOrigin::fallback, last->broker_key};
    }
  }
  if (!row.key.default_value) return {};
  return {std::string{*row.key.default_value}, ConfigOrigin::fallback, {}};
}

TopicConfig resolve_topic_config(const ConfigValues& overrides, const BrokerConfig& broker) {
  const Resolver from{overrides, broker};
  TopicConfig config;
  config.compression = compression_named(from.text("compression.type").value_or(""));
  config.compression_level = static_cast<std::int32_t>(compression_level(from, config.compression));
  config.log_append_time = from.text("message.timestamp.type") == "LogAppendTime";
  config.timestamp_before_max_ms = from.integer("message.timestamp.before.max.ms");
  config.timestamp_after_max_ms = from.integer("message.timestamp.after.max.ms");
  config.max_message_bytes = from.integer("max.message.bytes");
  config.min_insync_replicas = from.integer("min.insync.replicas");
  const std::vector<std::string> policy = parse_list(from.text("cleanup.policy").value_or(""));
  config.delete_old_segments = std::ranges::find(policy, "delete") != policy.end();
  config.compact = std::ranges::find(policy, "compact") != policy.end();
  config.retention_ms = from.integer("retention.ms");
  config.retention_bytes = from.integer("retention.bytes");
  config.segment_bytes =
      from.text("internal.segment.bytes") ? from.integer("internal.segment.bytes") : from.integer("segment.bytes");
  config.segment_ms = from.integer("segment.ms");
  config.segment_jitter_ms = from.integer("segment.jitter.ms");
  config.segment_index_bytes = from.integer("segment.index.bytes");
  config.index_interval_bytes = from.integer("index.interval.bytes");
  config.flush_messages = from.integer("flush.messages");
  config.flush_ms = from.integer("flush.ms");
  config.file_delete_delay_ms = from.integer("file.delete.delay.ms");
  config.preallocate = from.boolean("preallocate");
  return config;
}

std::optional<std::string> check_topic_config(std::string_view name, std::string_view value) {
  const TopicConfigKey* row = find_topic_config_key(name);
  if (row == nullptr) return fmt::format("Unknown topic config name: {}", name);
  if (const auto wrong = check_value(row->key, value)) {
    return fmt::format("Invalid value {} for configuration {}: {}", value, name, *wrong);
  }
  return std::nullopt;
}

}  // namespace squall::broker
