#include "log/log_dir.h"

#include <fmt/format.h>

#include <mutex>
#include <utility>

#include "log/files.h"
#include "log/log_state.h"

namespace squall::log {

using runtime::EventName;
using runtime::IoError;

LogDir::LogDir(runtime::World& world, std::string path, std::function<void(const std::string&)> on_failed)
    : world_{world},
      path_{std::move(path)},
      on_failed_{std::move(on_failed)},
      names_turn_{world},
      checkpointing_{world},
      recovery_points_{recovery_point_checkpoint_name, [](const LogState& log) { return log.durable_point(); }},
      log_starts_{log_start_checkpoint_name, [](const LogState& log) { return log.log_start; }},
      high_watermarks_{high_watermark_checkpoint_name, [](const LogState& log) { return log.high_watermark; }},
      gate_{world},
      deletions_changed_{world},
      stopped_{world} {}

LogError LogDir::fail(IoError error, std::string_view what) {
  if (!online_) return LogError::storage_error;
  online_ = false;
  failure_ = fmt::format("{}: {}", what, to_string(error));
  world_.emit(EventName::log_dir_failed, {{"dir", path_}, {"error", to_string(error)}, {"in", what}});
  for (auto& [partition, log] : logs_) log->on_failure();
  deletions_changed_.notify_all();
  if (on_failed_) on_failed_(path_);
  return LogError::storage_error;
}

void LogDir::add(LogState& log) { logs_[log.partition] = &log; }

void LogDir::remove(const LogState& log) {
  const auto found = logs_.find(log.partition);
  if (found == logs_.end() || found->second != &log) return;
  logs_.erase(found);
  departed(log.partition);
}

runtime::Result<void> LogDir::sync_names() {
  struct Turn {  // given up by a cancelled fiber, too
    explicit Turn(LogDir& its_dir) : dir{its_dir} { dir.names_syncing_ = true; }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() {
      dir.names_syncing_ = false;
      dir.names_turn_.notify_all();
    }
    LogDir& dir;
  };
  const std::uint64_t wanted = ++names_asked_;
  while (names_synced_ < wanted) {
    if (names_syncing_) {
      names_turn_.wait();
      continue;
    }
    const Turn turn{*this};
    const std::uint64_t asked = names_asked_;
    if (auto synced = world_.sync_dir(path_); !synced) return synced;
    names_synced_ = asked;
  }
  return {};
}

void LogDir::departed(const TopicPartition& partition) {
  for (Checkpoint* one : {&recovery_points_, &log_starts_, &high_watermarks_}) one->departed.insert(partition);
}

std::expected<void, LogError> LogDir::forget_departed(const TopicPartition& partition) {
  for (Checkpoint* one : {&recovery_points_, &log_starts_, &high_watermarks_}) {
    if (!one->departed.contains(partition)) continue;
    if (auto written = write(*one, Shortage::fails); !written) return written;
  }
  return {};
}

std::expected<void, LogError> LogDir::write(Checkpoint& checkpoint, Shortage shortage) {
  std::lock_guard turn{checkpointing_};
  if (!online_) return std::unexpected(LogError::storage_error);
  std::set<TopicPartition> departed = std::exchange(checkpoint.departed, {});
  std::string text = offset_checkpoint_header(logs_.size());
  for (const auto& [partition, log] : logs_) append_offset(text, partition, checkpoint.value(*log));
  const std::string path = path_ + "/" + std::string{checkpoint.name};
  auto done = write_file_atomically(world_, path, as_bytes(text));
  if (done) return {};
  checkpoint.departed.merge(departed);
  if (done.error() == IoError::too_many_open && shortage == Shortage::keeps_old) return {};  // the next one may do
  if (done.error() == IoError::no_space && shortage == Shortage::keeps_old) {
    done = remove_if_exists(world_, path + std::string{temporary_suffix});
  }
  if (!done) return std::unexpected(fail(done.error(), checkpoint.name));
  return {};
}

std::expected<void, LogError> LogDir::checkpoint_recovery_points(Shortage shortage) {
  return write(recovery_points_, shortage);
}
std::expected<void, LogError> LogDir::checkpoint_log_starts(Shortage shortage) { return write(log_starts_, shortage); }
std::expected<void, LogError> LogDir::checkpoint_high_watermarks(Shortage shortage) {
  return write(high_watermarks_, shortage);
}

void LogDir::delete_later(std::vector<std::string> paths, std::int64_t delay_ms) {
  const Instant due = world_.now() + std::chrono::milliseconds{delay_ms};
  for (std::string& path : paths) deletions_.emplace(due, std::move(path));
  deletions_changed_.notify_all();
}

void LogDir::run_deletions() {
  while (!stopping_ && online_) {
    if (deletions_.empty()) {
      deletions_changed_.wait();
      continue;
    }
    const Instant due = deletions_.begin()->first;
    if (world_.now() < due) {
      (void)deletions_changed_.wait_until(due);
      continue;
    }
    const std::string path = std::move(deletions_.begin()->second);
    deletions_.erase(deletions_.begin());
    auto removed = remove_if_exists(world_, path);
    if (!removed && (removed.error() == IoError::is_a_directory || removed.error() == IoError::not_empty)) {
      removed = remove_directory(world_, path);
    }
    if (!removed) (void)fail(removed.error(), "delete");
  }
}

void LogDir::wait_until(Instant until) {
  (void)stopped_.wait_until(until, [&] { return stopping_; });
}

void LogDir::stop() {
  stopping_ = true;
  stopped_.notify_all();
  deletions_changed_.notify_all();
}

}  // namespace squall::log
