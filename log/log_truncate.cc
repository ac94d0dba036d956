// Moving the log's ends: truncation, DeleteRecords, retention.
#include <algorithm>
#include <mutex>

#include "base/assert.h"
#include "log/files.h"
#include "log/log_state.h"
#include "log/recovery.h"

namespace squall::log {

using runtime::EventName;

std::expected<void, LogError> LogState::delete_segments(std::size_t first, std::size_t count) {
  const std::vector<std::shared_ptr<Segment>> gone(segments.begin() + static_cast<std::ptrdiff_t>(first),
                                                   segments.begin() + static_cast<std::ptrdiff_t>(first + count));
  segments.erase(segments.begin() + static_cast<std::ptrdiff_t>(first),
                 segments.begin() + static_cast<std::ptrdiff_t>(first + count));
  for (const auto& segment : gone) std::erase(indexes_in_memory, segment);
  for (const auto& segment : gone) {
    auto marked = segment->mark_deleted();
    if (!marked) return failed(marked.error(), "delete segment");
    dir->delete_later(std::move(*marked), config.file_delete_delay_ms);
    world.emit(EventName::segment_deleted, {{"partition", name}, {"base", segment->base_offset().value()}});
  }
  names_dirty = names_dirty || !gone.empty();
  return {};
}

namespace {

// Removes snapshots above the log end and replays the rest.
std::expected<void, LogError> rebuild_producers(LogState& log) {
  if (auto replayed = replay_producers(log, to_ms(log.world.wall_now())); !replayed) {
    return log.failed(replayed.error(), "replay producers");
  }
  log.producers.on_high_watermark(log.high_watermark);
  return {};
}

// Everything that depends on the log end is brought down to it. First the recovery point, on disk too: what will be written
// above is not flushed, whatever an old checkpoint says.
std::expected<void, LogError> lower_ends(LogState& log, Offset end) {
  ++log.truncations;
  log.log_end = end;
  log.high_watermark = std::min(log.high_watermark, end);
  log.log_start = std::min(log.log_start, end);
  log.policy_end = std::min(log.policy_end, end);
  if (log.recovery_point > end) {
    log.recovery_point = end;
    if (auto written = log.dir->checkpoint_recovery_points(); !written) return written;
  }
  if (log.epochs.truncate_from_end(end)) {
    if (auto written = log.write_epochs(); !written) return written;
  }
  return {};
}

// What was exposed before: what an operator wants to know of a truncation is whether it took any of it.
struct Bounds {
  explicit Bounds(const LogState& log) : high_watermark{log.high_watermark}, log_start{log.log_start} {}
  Offset high_watermark;
  Offset log_start;
};

void tell_truncated(LogState& log, Offset end, const Bounds& before) {
  log.world.emit(EventName::log_truncated, {{"partition", log.name},
                                            {"offset", end.value()},
                                            {"high_watermark", before.high_watermark.value()},
                                            {"log_start", before.log_start.value()}});
}

}  // namespace

std::expected<Offset, LogError> Log::truncate_to(Offset offset) {
  LogState& log = *state_;
  std::unique_lock turn{log.writing};
  if (const auto usable = log.usable(); !usable) return std::unexpected(usable.error());
  if (offset >= log.log_end) {
    // No record goes, but an epoch that begins at the log end and wrote nothing does: a follower that is told to cut here would
    // else ask about that epoch for ever (KIP-279).
    if (offset == log.log_end && log.epochs.truncate_from_end(offset)) {
      if (auto written = log.write_epochs(); !written) return std::unexpected(written.error());
    }
    return log.log_end;
  }
  const std::shared_ptr<Segment> segment = log.segment_of(offset);
  if (segment == nullptr) {
    turn.unlock();
    if (auto done = truncate_fully_and_start_at(offset); !done) return std::unexpected(done.error());
    return offset;
  }
  const auto found = segment->find(offset);
  if (!found) return log.failed(found.error(), "truncate");
  const std::uint64_t position = *found ? (*found)->position : segment->size();
  const Offset end = *found ? std::min(offset, (*found)->base_offset) : offset;
  const auto at = std::ranges::find(log.segments, segment);
  const auto index = static_cast<std::size_t>(at - log.segments.begin());
  const Bounds before{log};
  if (auto lowered = lower_ends(log, end); !lowered) return std::unexpected(lowered.error());
  if (auto deleted = log.delete_segments(index + 1, log.segments.size() - index - 1); !deleted) {
    return std::unexpected(deleted.error());
  }
  if (auto synced = log.world.sync_dir(log.path); !synced) return log.failed(synced.error(), "truncate");
  if (auto cut = segment->truncate_to(position, end); !cut) return log.failed(cut.error(), "truncate");
  std::erase(log.indexes_in_memory, segment);
  log.tail_dirty = false;
  if (auto rebuilt = rebuild_producers(log); !rebuilt) return std::unexpected(rebuilt.error());
  log.check_invariants();
  tell_truncated(log, end, before);
  return end;
}

std::expected<void, LogError> Log::truncate_fully_and_start_at(Offset offset) {
  LogState& log = *state_;
  std::lock_guard turn{log.writing};
  if (const auto usable = log.usable(); !usable) return usable;
  const Bounds before{log};
  ++log.truncations;
  // Nothing is kept: names that a power cut brings back or forgets in the midst of this are no damaged log.
  log.recovery_point = std::min(log.log_start, offset);
  if (auto written = log.dir->checkpoint_recovery_points(); !written) return written;
  log.epochs.clear();
  if (auto written = log.write_epochs(); !written) return written;
  // The new segment comes before the old ones go, so that the log is never without one.
  const std::size_t old = log.segments.size();
  std::shared_ptr<Segment> reused;
  for (const auto& segment : log.segments) {
    if (segment->base_offset() == offset) reused = segment;
  }
  log.tail_dirty = false;
  if (reused != nullptr) {
    if (auto cut = reused->truncate_to(0, offset); !cut) return log.failed(cut.error(), "truncate");
    std::erase(log.segments, reused);
    std::erase(log.indexes_in_memory, reused);
    log.segments.push_back(reused);
    if (auto deleted = log.delete_segments(0, old - 1); !deleted) return deleted;
  } else {
    if (auto started = log.start_segment(offset); !started) return started;
    if (auto deleted = log.delete_segments(0, old); !deleted) return deleted;
  }
  log.log_start = log.log_end = log.high_watermark = log.policy_end = offset;
  if (auto synced = log.world.sync_dir(log.path); !synced) return log.failed(synced.error(), "truncate");
  if (auto written = log.dir->checkpoint_log_starts(); !written) return written;
  log.producers.reset({}, offset, to_ms(log.world.wall_now()));
  if (auto removed = remove_snapshots_above(log, Offset{-1}); !removed) return log.failed(removed.error(), "truncate");
  log.check_invariants();
  tell_truncated(log, offset, before);
  return {};
}

std::expected<void, LogError> Log::delete_records_before(Offset offset) {
  if (const auto usable = state_->usable(); !usable) return usable;
  if (offset > state_->high_watermark) return std::unexpected(LogError::offset_out_of_range);
  return advance_log_start(offset);
}

std::expected<void, LogError> Log::advance_log_start(Offset offset) {
  LogState& log = *state_;
  if (const auto usable = log.usable(); !usable) return usable;
  if (offset <= log.log_start) return {};
  if (offset > log.log_end) return std::unexpected(LogError::offset_out_of_range);
  std::lock_guard turn{log.writing};
  // Removed meanwhile, its path may be that of another log of the same name by now.
  if (const auto usable = log.usable(); !usable) return usable;
  if (offset <= log.log_start) return {};
  if (offset > log.log_end) return std::unexpected(LogError::offset_out_of_range);
  log.log_start = offset;
  log.high_watermark = std::max(log.high_watermark, offset);
  log.producers.on_log_start(offset);
  log.world.emit(EventName::log_start_moved, {{"partition", log.name}, {"offset", offset.value()}});
  // In this order: the epochs of what a start still counts as records must be known to it.
  if (auto written = log.dir->checkpoint_log_starts(); !written) return written;
  if (!log.epochs.truncate_from_start(offset)) return {};
  return log.write_epochs();
}

}  // namespace squall::log
