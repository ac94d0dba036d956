// Which segments go: by age, by size, because the log start has passed them. Never one that reaches above the high watermark.
#include <algorithm>
#include <mutex>

#include "log/log_state.h"

namespace squall::log {
namespace {

// Whether the oldest segments up to `index` may go as far as the high watermark is concerned.
bool below_high_watermark(const LogState& log, std::size_t index) {
  const Offset end = index + 1 < log.segments.size() ? log.segments[index + 1]->base_offset() : log.log_end;
  return end <= log.high_watermark;
}

// The number of oldest segments that are too old. A segment is as old as its newest record.
SegmentResult<std::size_t> too_old(LogState& log, std::int64_t now_ms) {
  if (!log.config.cleanup_delete || log.config.retention_ms < 0) return 0;
  const std::vector<std::shared_ptr<Segment>> segments = log.segments;
  std::size_t count = 0;
  for (; count < segments.size() && below_high_watermark(log, count); ++count) {
    if (segments[count]->size() == 0) break;
    const auto newest_ms = segments[count]->max_timestamp();
    if (!newest_ms) return std::unexpected(newest_ms.error());
    log.used(segments[count]);
    const std::int64_t time_ms = *newest_ms >= 0 ? *newest_ms : log.segment_created_ms;
    if (now_ms - time_ms <= log.config.retention_ms) break;
  }
  return count;
}

std::size_t too_much(const LogState& log) {
  if (!log.config.cleanup_delete || log.config.retention_bytes < 0) return 0;
  std::uint64_t size = 0;
  for (const auto& segment : log.segments) size += segment->size();
  const auto limit = static_cast<std::uint64_t>(log.config.retention_bytes);
  std::size_t count = 0;
  while (count < log.segments.size() && below_high_watermark(log, count)) {
    const std::uint64_t bytes = log.segments[count]->size();
    if (bytes == 0 || size < limit || size - limit < bytes) break;
    size -= bytes;
    ++count;
  }
  return count;
}

std::size_t below_log_start(const LogState& log) {
  std::size_t count = 0;
  while (count + 1 < log.segments.size() && log.segments[count + 1]->base_offset() <= log.log_start) ++count;
  return count;
}

}  // namespace

std::expected<std::size_t, LogError> Log::delete_old_segments() {
  LogState& log = *state_;
  std::lock_guard turn{log.writing};
  if (const auto usable = log.usable(); !usable) return std::unexpected(usable.error());
  const auto old = too_old(log, to_ms(log.world.wall_now()));
  if (!old) return log.failed(old.error(), "retention");
  const std::size_t count = std::max({*old, too_much(log), below_log_start(log)});
  if (count == 0) return 0;
  // All of them: the log goes on in a new, empty one.
  if (count == log.segments.size()) {
    if (auto rolled = log.roll(shared_from_this(), log.log_end); !rolled) return std::unexpected(rolled.error());
  }
  const Offset start = log.segments[count]->base_offset();
  if (start > log.log_start) {
    log.log_start = start;
    log.producers.on_log_start(start);
    log.world.emit(runtime::EventName::log_start_moved, {{"partition", log.name}, {"offset", start.value()}});
    // Durable before any file goes: names are forgotten in no order, and a start after a power cut must not take an old
    // segment that came back, with a gap behind it, for the log's beginning.
    if (auto written = log.dir->checkpoint_log_starts(); !written) return std::unexpected(written.error());
    if (log.epochs.truncate_from_start(start)) {
      if (auto written = log.write_epochs(); !written) return std::unexpected(written.error());
    }
  }
  if (auto deleted = log.delete_segments(0, count); !deleted) return std::unexpected(deleted.error());
  return count;
}

}  // namespace squall::log
