#include "broker/topic_config.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "base/quote.h"
#include "protocol/compression.h"

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
  const ConfigValues& cluster;

  std::optional<std::string> text(std::string_view key) const {
    const TopicConfigKey* row = find_topic_config_key(key);
    SQUALL_ASSERT(row != nullptr, "the key is in the table");
    return effective_value(*row, overrides, broker, cluster).value;
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
    case TopicCompression::lz4: {
      // Kafka's default names the fast compressor, not level 9 of the high-compression one.
      const std::int64_t level = from.integer("compression.lz4.level");
      return level == 9 ? protocol::Compressor::lz4_level : level;
    }
    case TopicCompression::zstd: return from.integer("compression.zstd.level");
    default: return 0;
  }
}

// Millionths of a decimal that has been checked; digits beyond the sixth are cut.
std::int32_t millionths(std::string_view text) {
  std::int32_t value = 0;
  std::int32_t scale = 1'000'000;
  bool fraction = false;
  for (const char c : trim(text)) {
    if (c == '.') {
      fraction = true;
    } else if (!fraction) {
      value += (c - '0') * scale;
    } else {
      scale /= 10;
      value += (c - '0') * scale;
    }
  }
  return value;
}

log::LogConfig resolve_log_config(const Resolver& from) {
  const auto int32 = [&](std::string_view key) { return static_cast<std::int32_t>(from.integer(key)); };
  const std::vector<std::string> policy = parse_list(from.text("cleanup.policy").value_or(""));
  log::LogConfig log;
  log.cleanup_delete = std::ranges::find(policy, "delete") != policy.end();
  log.cleanup_compact = std::ranges::find(policy, "compact") != policy.end();
  log.retention_ms = from.integer("retention.ms");
  log.retention_bytes = from.integer("retention.bytes");
  log.segment_bytes = int32("segment.bytes");
  log.segment_ms = from.integer("segment.ms");
  log.segment_jitter_ms = from.integer("segment.jitter.ms");
  log.segment_index_bytes = int32("segment.index.bytes");
  log.index_interval_bytes = int32("index.interval.bytes");
  log.max_message_bytes = int32("max.message.bytes");
  log.flush_messages = from.integer("flush.messages");
  log.flush_ms = from.integer("flush.ms");
  log.file_delete_delay_ms = from.integer("file.delete.delay.ms");
  log.preallocate = from.boolean("preallocate");
  const bool append_time = from.text("message.timestamp.type") == "LogAppendTime";
  log.timestamp_type = append_time ? log::TimestampType::log_append_time : log::TimestampType::create_time;
  log.timestamp_before_max_ms = from.integer("message.timestamp.before.max.ms");
  log.timestamp_after_max_ms = from.integer("message.timestamp.after.max.ms");
  log.delete_retention_ms = from.integer("delete.retention.ms");
  log.min_compaction_lag_ms = from.integer("min.compaction.lag.ms");
  log.max_compaction_lag_ms = from.integer("max.compaction.lag.ms");
  log.min_cleanable_dirty_millionths = millionths(from.text("min.cleanable.dirty.ratio").value_or("0.5"));
  return log;
}

}  // namespace

EffectiveValue effective_value(const TopicConfigKey& row, const ConfigValues& overrides, const BrokerConfig& broker,
                               const ConfigValues& cluster) {
  if (const auto at = overrides.find(row.key.name); at != overrides.end()) return {at->second, ConfigOrigin::topic, {}};
  if (const auto at = cluster.find(row.key.name); at != cluster.end()) {
    return {at->second, ConfigOrigin::dynamic_default, row.key.name};
  }
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

TopicConfig resolve_topic_config(const ConfigValues& overrides, const BrokerConfig& broker, const ConfigValues& cluster) {
  const Resolver from{overrides, broker, cluster};
  TopicConfig config;
  config.compression = compression_named(from.text("compression.type").value_or(""));
  config.compression_level = static_cast<std::int32_t>(compression_level(from, config.compression));
  config.min_insync_replicas = from.integer("min.insync.replicas");
  const auto throttled = [&](std::string_view key) {
    return ThrottledReplicas::parse(from.text(key).value_or("")).value_or(ThrottledReplicas{});
  };
  config.throttled_leaders = throttled("leader.replication.throttled.replicas");
  config.throttled_followers = throttled("follower.replication.throttled.replicas");
  config.log = resolve_log_config(from);
  return config;
}

std::optional<std::string> check_topic_config(std::string_view name, std::string_view value) {
  const TopicConfigKey* row = find_topic_config_key(name);
  if (row == nullptr) return fmt::format("Unknown topic config name: {}", quote(name));
  if (const auto wrong = check_value(row->key, value)) {
    return fmt::format("Invalid value {} for configuration {}: {}", quote(value), quote(name), *wrong);
  }
  if (name.ends_with(".replication.throttled.replicas") && !ThrottledReplicas::parse(value)) {
    return fmt::format(
        "Invalid value {} for configuration {}: must be the literal '*' or a list of replicas in the following "
        "format: [partitionId]:[brokerId],[partitionId]:[brokerId],...",
        quote(value), quote(name));
  }
  return std::nullopt;
}

}  // namespace squall::broker
