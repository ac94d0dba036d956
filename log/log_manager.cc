#include "log/log_manager.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "base/assert.h"
#include "log/files.h"
#include "log/log_state.h"
#include "log/manager_state.h"
#include "runtime/together.h"

namespace squall::log {

using runtime::IoError;

ManagerState::ManagerState(runtime::World& its_world, LogManagerOptions its_options)
    : world{its_world},
      options{std::move(its_options)},
      cluster_id{options.cluster_id},
      ids_{its_world.fork_random("log-manager")},
      created_{its_world},
      stopped_{its_world},
      gate_{its_world} {
  SQUALL_ASSERT(options.config_of != nullptr, "topics have a configuration");
  for (const std::string& path : options.log_dirs) {
    dirs.push_back(std::make_shared<LogDir>(world, path, options.on_dir_failed));
  }
}

template <class Work>
void ManagerState::every(std::string_view name, std::int64_t interval_ms, Work work) {
  auto inside = gate_.enter();
  if (!inside || interval_ms <= 0) return;
  world.spawn(name, [self = shared_from_this(), in = std::move(*inside), interval_ms, work] {
    while (!self->stopping_) {
      const Instant due = self->world.now() + std::chrono::milliseconds{interval_ms};
      if (self->stopped_.wait_until(due, [&] { return self->stopping_; })) return;
      work(*self);
    }
  });
}

void ManagerState::start() {
  for (const auto& dir : dirs) {
    if (!dir->online()) continue;
    auto inside = gate_.enter();
    if (!inside) return;
    world.spawn("log-deletions", [self = shared_from_this(), in = std::move(*inside), dir] { dir->run_deletions(); });
  }
  every("log-retention", options.retention_check_interval_ms, [](ManagerState& self) { self.run_retention(); });
  every("log-recovery-points", options.recovery_point_checkpoint_interval_ms, [](ManagerState& self) {
    for (const auto& dir : self.dirs) (void)dir->checkpoint_recovery_points(Shortage::keeps_old);
  });
  every("log-starts", options.log_start_checkpoint_interval_ms, [](ManagerState& self) {
    for (const auto& dir : self.dirs) (void)dir->checkpoint_log_starts(Shortage::keeps_old);
  });
  every("high-watermarks", options.high_watermark_checkpoint_interval_ms, [](ManagerState& self) {
    for (const auto& dir : self.dirs) (void)dir->checkpoint_high_watermarks(Shortage::keeps_old);
  });
  every("producer-expiry", options.producer_id_expiration_check_interval_ms,
        [](ManagerState& self) { self.expire_producers(); });
}

void ManagerState::stop() {
  stopping_ = true;
  stopped_.notify_all();
  for (const auto& dir : dirs) dir->stop();
}

void ManagerState::run_retention() {
  std::vector<std::shared_ptr<Log>> all;
  for (const auto& [partition, log] : logs) all.push_back(log);
  for (const auto& log : all) {
    if (stopping_) return;
    const Offset before = log->log_start_offset();
    (void)log->delete_old_segments();
    if (log->log_start_offset() != before && options.on_log_start_moved) options.on_log_start_moved(log->partition());
  }
}

void ManagerState::checkpoint() {
  for (const auto& dir : dirs) {
    if (!dir->checkpoint_recovery_points() || !dir->checkpoint_log_starts()) continue;
    (void)dir->checkpoint_high_watermarks();
  }
}

void ManagerState::expire_producers() {
  const std::int64_t now_ms = to_ms(world.wall_now());
  for (const auto& [partition, log] : logs) {
    (void)log->state().producers.remove_expired(now_ms, options.producer_id_expiration_ms);
  }
}

// Each waits for the disk a few times: a fiber waits at less cost than the thread that Kafka would have for it.
std::vector<std::shared_ptr<LogDir>> ManagerState::close_logs() {
  constexpr std::size_t fibers_for_a_thread = 16;
  std::vector<std::shared_ptr<LogDir>> unclean;
  std::vector<std::shared_ptr<Log>> all;
  for (const auto& [partition, log] : logs) all.push_back(log);
  std::size_t next = 0;
  const auto work = [&] {
    while (next < all.size()) {
      const std::shared_ptr<Log> held = all[next++];
      LogState& log = held->state();
      log.background.close_and_wait();
      if (!close_cleanly(log)) unclean.push_back(log.dir);
    }
  };
  const std::size_t fibers = fibers_for_a_thread * static_cast<std::size_t>(options.recovery_fibers_per_dir) * dirs.size();
  runtime::together(world, "log-closer", std::min(fibers, all.size()), work);
  return unclean;
}

void ManagerState::shutdown(std::int64_t broker_epoch) {
  if (stopping_) return;
  stop();
  gate_.close_and_wait();
  for (const auto& dir : dirs) dir->gate().close_and_wait();
  const std::vector<std::shared_ptr<LogDir>> unclean = close_logs();
  for (const auto& dir : dirs) {
    if (!dir->online()) continue;
    const bool written = dir->checkpoint_recovery_points() && dir->checkpoint_log_starts() && dir->checkpoint_high_watermarks();
    if (!written || std::ranges::find(unclean, dir) != unclean.end()) continue;
    const std::string path = dir->path() + "/" + std::string{clean_shutdown_name};
    if (auto marked = write_file_atomically(world, path, as_bytes(clean_shutdown_text(broker_epoch))); !marked) {
      (void)dir->fail(marked.error(), clean_shutdown_name);
    }
  }
  for (const auto& dir : dirs) dir->lock.reset();
}

std::expected<void, LogError> ManagerState::write_partition_metadata(LogState& log, Uuid topic_id, Durable durable) {
  const std::string text = partition_metadata_text(topic_id.to_string());
  const std::string path = log.path + "/" + std::string{partition_metadata_name};
  auto written = write_file_for_sync_dir(world, path, as_bytes(text));
  if (written && durable == Durable::now) written = world.sync_dir(log.path);
  if (!written) return log.failed(written.error(), partition_metadata_name);
  log.topic_id = topic_id;
  return {};
}

// Logs of one topic have the same.
LogConfig ManagerState::config_for(const std::string& topic) const {
  const auto known = logs.lower_bound({topic, PartitionIndex{0}});
  return known != logs.end() && known->first.topic == topic ? known->second->config() : options.config_of(topic);
}

std::expected<std::shared_ptr<Log>, LogError> ManagerState::make_log(const std::shared_ptr<LogDir>& dir,
                                                                     const TopicPartition& partition, Uuid topic_id) {
  if (auto forgotten = dir->forget_departed(partition); !forgotten) return std::unexpected(forgotten.error());
  const std::string path = dir->path() + "/" + directory_name(partition);
  auto state = std::make_unique<LogState>(world, dir, partition, path, config_for(partition.topic));
  if (auto made = world.create_dir(path); !made) return state->failed(made.error(), "create log");
  // One sync for all names in it. What a power cut leaves of them without it holds no record: such a log is empty, and without
  // a topic's id whoever asks for a log of that name gets it.
  if (auto written = write_partition_metadata(*state, topic_id, Durable::with_directory); !written)
    return std::unexpected(written.error());
  if (auto started = state->start_segment(Offset{0}); !started) return std::unexpected(started.error());
  if (auto synced = world.sync_dir(path); !synced) return state->failed(synced.error(), "create log");
  if (auto synced = dir->sync_names(); !synced) return state->failed(synced.error(), "create log");
  state->names_dirty = false;
  state->check_invariants();
  dir->add(*state);
  return std::make_shared<Log>(std::move(state));
}

// While one fiber makes the log of a partition, others wait who want it, too. Shared, for a fiber of a node that died may be
// the last one that has the manager.
class ManagerState::CreationTurn {
 public:
  CreationTurn(std::shared_ptr<ManagerState> manager, const TopicPartition& partition)
      : manager_{std::move(manager)}, partition_{partition} {
    while (!manager_->creating_.insert(partition_).second) manager_->created_.wait();
  }
  CreationTurn(const CreationTurn&) = delete;
  CreationTurn& operator=(const CreationTurn&) = delete;
  ~CreationTurn() {
    manager_->creating_.erase(partition_);
    manager_->created_.notify_all();
  }

 private:
  std::shared_ptr<ManagerState> manager_;
  const TopicPartition partition_;
};

std::expected<std::shared_ptr<Log>, LogError> ManagerState::create_log(const TopicPartition& partition, Uuid topic_id,
                                                                       PartitionAge age, std::string_view only_in) {
  if (const auto found = logs.find(partition); found != logs.end() && found->second->topic_id() == topic_id) {
    return found->second;
  }
  const CreationTurn turn{shared_from_this(), partition};
  if (const auto found = logs.find(partition); found != logs.end()) {
    std::shared_ptr<Log> log = found->second;
    if (log->topic_id() == topic_id) return log;
    if (log->topic_id().is_zero()) {
      if (auto written = write_partition_metadata(log->state(), topic_id, Durable::now); !written)
        return std::unexpected(written.error());
      return log;
    }
    if (auto out = take_out(partition, "stray"); !out) return std::unexpected(out.error());
  }
  std::shared_ptr<LogDir> place;
  for (const auto& dir : dirs) {
    if (age == PartitionAge::known && !dir->online()) return std::unexpected(LogError::storage_error);
    if (!only_in.empty() && dir->path() != only_in) continue;
    const auto size_of = [](const LogDir& one) { return one.logs().size() + one.in_the_making; };
    if (dir->online() && (place == nullptr || size_of(*dir) < size_of(*place))) place = dir;
  }
  if (place == nullptr || stopping_) return std::unexpected(LogError::storage_error);
  ++place->in_the_making;
  struct Making {  // here, until it is among the logs
    std::shared_ptr<LogDir> dir;
    ~Making() { --dir->in_the_making; }
  };
  const Making making{place};
  auto made = make_log(place, partition, topic_id);
  if (made) logs[partition] = *made;
  return made;
}

std::expected<std::string, LogError> ManagerState::take_out(const TopicPartition& partition, std::string_view kind) {
  const auto found = logs.find(partition);
  if (found == logs.end()) return std::unexpected(LogError::not_found);
  const std::shared_ptr<Log> log = found->second;
  LogState& state = log->state();
  if (!state.dir->online()) return std::unexpected(LogError::storage_error);
  const std::lock_guard turn{state.writing};
  state.closed = state.removed = true;
  state.background.close_and_wait();
  while (state.flushing) state.flushed.wait();
  const Uuid id = Uuid::random(ids_);
  constexpr std::size_t name_bytes_max = 255;
  const std::string ending =
      fmt::format("-{}.{:016x}{:016x}-{}", partition.partition, id.most_significant, id.least_significant, kind);
  const std::string topic = partition.topic.substr(0, name_bytes_max - ending.size());
  std::string path = state.dir->path() + "/" + topic + ending;
  auto renamed = world.rename(state.path, path);
  if (renamed) renamed = world.sync_dir(state.dir->path());
  if (!renamed) return std::unexpected(state.dir->fail(renamed.error(), "remove log"));
  state.dir->remove(state);
  logs.erase(partition);
  return path;
}

// ---- LogManager ----

LogManager::LogManager(runtime::World& world, LogManagerOptions options)
    : state_{std::make_shared<ManagerState>(world, std::move(options))} {}

LogManager::~LogManager() { state_->stop(); }

std::expected<void, OpenError> LogManager::open() { return state_->open(); }
void LogManager::start() { state_->start(); }
void LogManager::shutdown(std::int64_t broker_epoch) { state_->shutdown(broker_epoch); }

std::shared_ptr<Log> LogManager::find(const TopicPartition& partition) const {
  const auto found = state_->logs.find(partition);
  return found == state_->logs.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<Log>> LogManager::logs() const {
  std::vector<std::shared_ptr<Log>> all;
  for (const auto& [partition, log] : state_->logs) all.push_back(log);
  return all;
}

std::expected<std::shared_ptr<Log>, LogError> LogManager::create_log(const TopicPartition& partition, Uuid topic_id,
                                                                     PartitionAge age, std::string_view only_in) {
  return state_->create_log(partition, topic_id, age, only_in);
}

std::expected<void, LogError> LogManager::remove_log(const TopicPartition& partition) {
  const std::shared_ptr<Log> log = find(partition);
  if (log == nullptr) return std::unexpected(LogError::not_found);
  auto path = state_->take_out(partition, "delete");
  if (!path) return std::unexpected(path.error());
  state_->world.emit(runtime::EventName::log_removed, {{"partition", directory_name(partition)}});
  log->state().dir->delete_later({std::move(*path)}, log->config().file_delete_delay_ms);
  return {};
}

std::expected<void, LogError> LogManager::set_aside(const TopicPartition& partition) {
  auto path = state_->take_out(partition, "stray");
  if (!path) return std::unexpected(path.error());
  return {};
}

std::optional<Offset> LogManager::lost_below(const TopicPartition& partition) const {
  const auto found = state_->lost_below.find(partition);
  return found == state_->lost_below.end() ? std::nullopt : std::optional{found->second};
}

void LogManager::config_changed(std::string_view topic) {
  const LogConfig config = state_->options.config_of(topic);
  const TopicPartition first{.topic = std::string{topic}, .partition = PartitionIndex{0}};
  for (auto at = state_->logs.lower_bound(first); at != state_->logs.end() && at->first.topic == topic; ++at) {
    at->second->set_config(config);
  }
}

std::vector<LogDirInfo> LogManager::dirs() const {
  std::vector<LogDirInfo> all;
  for (const auto& dir : state_->dirs) {
    LogDirInfo info{
        .path = dir->path(), .directory_id = dir->directory_id, .online = dir->online(), .failure = dir->failure(), .logs = {}};
    for (const auto& [partition, log] : state_->logs) {
      if (log->state().dir == dir) info.logs.push_back(log);
    }
    all.push_back(std::move(info));
  }
  return all;
}

bool LogManager::all_usable() const {
  return std::ranges::all_of(state_->dirs, [](const auto& dir) { return dir->online() && dir->quarantined_logs == 0; });
}

std::string LogManager::cluster_id() const { return state_->cluster_id; }
bool LogManager::was_clean_shutdown() const { return state_->was_clean; }
std::int64_t LogManager::previous_broker_epoch() const { return state_->previous_broker_epoch; }
void LogManager::run_retention() { state_->run_retention(); }
void LogManager::checkpoint() { state_->checkpoint(); }

}  // namespace squall::log
