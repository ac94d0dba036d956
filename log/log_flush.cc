// Flushing: what is durable, and the recovery point that says so.
#include <algorithm>
#include <mutex>

#include "base/assert.h"
#include "log/files.h"
#include "log/log_state.h"
#include "log/producer_snapshot.h"

namespace squall::log {
namespace {

// Ends a flush round however it ends, also by cancellation.
struct FlushRound {
  explicit FlushRound(LogState& its_log) : log{its_log} { log.flushing = true; }
  ~FlushRound() {
    log.flushing = false;
    log.flushed.notify_all();
  }
  FlushRound(const FlushRound&) = delete;
  FlushRound& operator=(const FlushRound&) = delete;
  LogState& log;
};

std::expected<void, LogError> sync_names(LogState& log) {
  if (!log.names_dirty) return {};
  log.names_dirty = false;
  if (auto synced = log.world.sync_dir(log.path); !synced) {
    log.names_dirty = true;
    return log.failed(synced.error(), "sync directory");
  }
  return {};
}

// Syncs every segment that reaches above the recovery point.
std::expected<void, LogError> flush_round(LogState& log) {
  FlushRound round{log};
  const Offset end = log.log_end;
  const std::uint64_t truncations = log.truncations;
  std::vector<std::shared_ptr<Segment>> segments;
  for (std::size_t i = 0; i < log.segments.size(); ++i) {
    const Offset next = i + 1 < log.segments.size() ? log.segments[i + 1]->base_offset() : end + 1;
    if (next > log.recovery_point) segments.push_back(log.segments[i]);
  }
  for (const auto& segment : segments) {
    if (segment->sealed()) {
      if (auto written = segment->write_indexes(true); !written) return log.failed(written.error(), "flush index");
      log.names_dirty = true;
    }
    if (auto synced = segment->sync_records(); !synced) return log.failed(synced.error(), "flush");
  }
  if (auto synced = sync_names(log); !synced) return synced;
  if (const auto usable = log.usable(); !usable && usable.error() == LogError::storage_error) return usable;
  if (truncations == log.truncations && end > log.recovery_point) {
    log.recovery_point = end;
    log.world.emit(runtime::EventName::log_flushed, {{"partition", log.name}, {"offset", end.value()}});
  }
  return {};
}

}  // namespace

std::expected<void, LogError> LogState::flush_until(Offset end) {
  while (recovery_point < std::min(end, log_end)) {
    if (!dir->online() || quarantined) return std::unexpected(LogError::storage_error);
    if (removed) return std::unexpected(LogError::not_found);
    if (flushing) {
      flushed.wait();
      continue;
    }
    if (auto done = flush_round(*this); !done) return done;
  }
  return {};
}

std::expected<void, LogError> LogState::write_snapshot(Offset at, ByteView bytes) {
  auto file = world.open(path + "/" + segment_file_name(at, snapshot_suffix), runtime::OpenMode::create);
  if (!file) return failed(file.error(), "snapshot");
  if (auto emptied = (*file)->truncate(0); !emptied) return failed(emptied.error(), "snapshot");
  if (auto written = runtime::pwrite_all(**file, bytes, 0); !written) return failed(written.error(), "snapshot");
  if (auto synced = (*file)->sync(); !synced) return failed(synced.error(), "snapshot");
  names_dirty = true;
  return {};
}

std::expected<void, LogError> LogState::write_epochs() {
  epochs.check_invariants();
  epochs_dirty = true;
  const std::string text = epochs.to_text();
  if (auto done = write_file_atomically(world, path + "/" + std::string{epoch_checkpoint_name}, as_bytes(text)); !done) {
    return failed(done.error(), epoch_checkpoint_name);
  }
  epochs_dirty = false;
  return {};
}

void LogState::arm_flush_timer(const std::shared_ptr<Log>& self) {
  if (flush_timer || dir->stopping()) return;
  auto inside = dir->gate().enter();
  if (!inside) return;
  flush_timer = true;
  const Instant due = world.now() + std::chrono::milliseconds{std::min<std::int64_t>(config.flush_ms, 1'000'000'000'000)};
  world.spawn("log-flush-ms", [log = self, in = std::move(*inside), due] {
    LogState& state = log->state();
    state.dir->wait_until(due);
    state.flush_timer = false;
    if (state.dir->stopping() || !state.usable()) return;
    (void)state.flush_until(state.log_end);
  });
}

std::expected<void, LogError> Log::flush() {
  if (const auto usable = state_->usable(); !usable) return usable;
  if (auto flushed = state_->flush_until(state_->log_end); !flushed) return flushed;
  state_->policy_end = std::max(state_->policy_end, std::min(state_->recovery_point, state_->log_end));
  return {};
}

std::expected<void, LogError> Log::checkpoint_recovery_point() {
  if (const auto usable = state_->usable(); !usable) return usable;
  return state_->dir->checkpoint_recovery_points(Shortage::keeps_old);
}

std::expected<void, LogError> Log::assign_epoch_start(LeaderEpoch epoch, Offset start) {
  LogState& log = *state_;
  std::lock_guard turn{log.writing};
  if (const auto usable = log.usable(); !usable) return usable;
  if (!log.epochs.assign(epoch, start) && !log.epochs_dirty) return {};
  return log.write_epochs();
}

std::expected<void, LogError> close_cleanly(LogState& log) {
  std::lock_guard turn{log.writing};
  if (const auto usable = log.usable(); !usable) return usable;
  log.closed = true;  // nothing is appended any more
  if (auto flushed = log.flush_until(log.log_end); !flushed) return flushed;
  log.active().seal();
  for (const auto& segment : log.segments) {
    if (segment->indexes_durable()) continue;
    if (auto written = segment->write_indexes(true); !written) return log.failed(written.error(), "flush index");
  }
  if (auto written = log.write_snapshot(log.log_end, encode_producer_snapshot(log.producers.producers())); !written) {
    return written;
  }
  log.names_dirty = true;
  return sync_names(log);
}

}  // namespace squall::log
