// The topic configuration that a log obeys: names, units and defaults of Kafka's topic configs. Pure data; whoever owns the
// configuration maps properties to it.
#pragma once

#include <cstdint>
#include <limits>

namespace squall::log {

enum class TimestampType : std::uint8_t { create_time = 0, log_append_time = 1 };

inline constexpr std::int64_t unlimited = std::numeric_limits<std::int64_t>::max();

struct LogConfig {
  // cleanup.policy: either or both.
  bool cleanup_delete = true;
  bool cleanup_compact = false;
  std::int64_t retention_ms = 604'800'000;                    // retention.ms; -1 keeps forever
  std::int64_t retention_bytes = -1;                          // retention.bytes; -1 is unlimited
  std::int32_t segment_bytes = 1 << 30;                       // segment.bytes
  std::int64_t segment_ms = 604'800'000;                      // segment.ms
  std::int64_t segment_jitter_ms = 0;                         // segment.jitter.ms
  std::int32_t segment_index_bytes = 10 << 20;                // segment.index.bytes
  std::int32_t index_interval_bytes = 4096;                   // index.interval.bytes
  std::int32_t max_message_bytes = (1 << 20) + 12;            // max.message.bytes: the largest batch, header included
  std::int64_t flush_messages = unlimited;                    // flush.messages
  std::int64_t flush_ms = unlimited;                          // flush.ms
  std::int64_t file_delete_delay_ms = 60'000;                 // file.delete.delay.ms
  bool preallocate = false;                                   // preallocate
  TimestampType timestamp_type = TimestampType::create_time;  // message.timestamp.type
  std::int64_t timestamp_before_max_ms = unlimited;           // message.timestamp.before.max.ms
  std::int64_t timestamp_after_max_ms = 3'600'000;            // message.timestamp.after.max.ms
  // No topic configuration: an append whose write finds the disk full is refused and leaves no trace, and the directory stays
  // online. A roll or a sync that does still fails the directory, and so does any other log in it.
  bool survives_full_disk = false;
  // No topic configuration either: what one append adds may be more than segment_bytes, and then has a segment of its own.
  bool exceeds_segment_bytes = false;
  // Compaction; the cleaner reads them.
  std::int64_t delete_retention_ms = 86'400'000;          // delete.retention.ms
  std::int64_t min_compaction_lag_ms = 0;                 // min.compaction.lag.ms
  std::int64_t max_compaction_lag_ms = unlimited;         // max.compaction.lag.ms
  std::int32_t min_cleanable_dirty_millionths = 500'000;  // min.cleanable.dirty.ratio, in millionths

  bool operator==(const LogConfig&) const = default;
};

}  // namespace squall::log
