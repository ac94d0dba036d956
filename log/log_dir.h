// One log directory: whether it works, its checkpoints, and what is to be deleted from it later.
//
// Shared by the manager and the logs in it. The first I/O error in it takes it offline, for good.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"
#include "base/uuid.h"
#include "log/checkpoint_text.h"
#include "log/log_error.h"
#include "log/topic_partition.h"
#include "protocol/compression.h"
#include "runtime/condition.h"
#include "runtime/gate.h"
#include "runtime/io.h"
#include "runtime/mutex.h"
#include "runtime/world.h"

namespace squall::log {

struct LogState;

inline constexpr std::string_view recovery_point_checkpoint_name = "recovery-point-offset-checkpoint";
inline constexpr std::string_view log_start_checkpoint_name = "log-start-offset-checkpoint";
inline constexpr std::string_view high_watermark_checkpoint_name = "replication-offset-checkpoint";
inline constexpr std::string_view clean_shutdown_name = ".kafka_cleanshutdown";
inline constexpr std::string_view lock_name = ".lock";

// What a checkpoint that finds the disk full, or no descriptor free, does to its directory: fail it, or leave the old
// checkpoint, which is still true.
enum class Shortage : std::uint8_t { fails, keeps_old };

class LogDir {
 public:
  LogDir(runtime::World& world, std::string path, std::function<void(const std::string&)> on_failed);
  LogDir(const LogDir&) = delete;
  LogDir& operator=(const LogDir&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] bool online() const { return online_; }
  // What failed and why, once it is offline.
  [[nodiscard]] const std::string& failure() const { return failure_; }
  // The directory is offline from now on. Always storage_error.
  LogError fail(runtime::IoError error, std::string_view what);

  // The logs that live here; the checkpoints are taken from them.
  void add(LogState& log);
  void remove(const LogState& log);
  [[nodiscard]] const std::map<TopicPartition, LogState*>& logs() const { return logs_; }
  // Logs that are being made here: they count where the next one is placed.
  std::size_t in_the_making = 0;
  // What was named in the directory is durable when it returns. May wait: calls that come while a sync is under way share the
  // next one.
  runtime::Result<void> sync_names();
  // The checkpoints on the disk may tell of a log that is not here (any more).
  void departed(const TopicPartition& partition);
  // May wait. They do not tell of such a log from now on: it would be taken for a new one of the same name. An error: the
  // directory has failed.
  std::expected<void, LogError> forget_departed(const TopicPartition& partition);

  // Writes the file, durably. Calls take turns; each writes what is true when its turn comes. May wait.
  std::expected<void, LogError> checkpoint_recovery_points(Shortage shortage = Shortage::fails);
  std::expected<void, LogError> checkpoint_log_starts(Shortage shortage = Shortage::fails);
  std::expected<void, LogError> checkpoint_high_watermarks(Shortage shortage = Shortage::fails);

  // ---- deletion after file.delete.delay.ms: files already marked `.deleted`, directories already marked `-delete` ----
  void delete_later(std::vector<std::string> paths, std::int64_t delay_ms);
  // The body of the fiber that does it, until `stop`. What is left over is deleted by the next start.
  void run_deletions();
  void stop();
  [[nodiscard]] bool stopping() const { return stopping_; }
  // Until `until`, or the stop if that comes first.
  void wait_until(Instant until);

  // Fibers that logs start (flushes) are inside while they run.
  [[nodiscard]] runtime::Gate& gate() { return gate_; }
  [[nodiscard]] runtime::World& world() const { return world_; }

  Uuid directory_id;
  std::unique_ptr<runtime::FileLock> lock;
  // Of all logs here, whose appends may take turns: no call of it waits.
  protocol::Compressor compressor;
  std::size_t quarantined_logs = 0;
  bool was_clean = false;
  std::int64_t previous_broker_epoch = -1;

 private:
  struct Checkpoint {
    std::string_view name;
    Offset (*value)(const LogState&);
    std::set<TopicPartition> departed{};  // logs that the file may tell of though they are not here
  };
  std::expected<void, LogError> write(Checkpoint& checkpoint, Shortage shortage);

  runtime::World& world_;
  std::string path_;
  std::function<void(const std::string&)> on_failed_;
  std::map<TopicPartition, LogState*> logs_;
  std::uint64_t names_asked_ = 0;   // calls of `sync_names`
  std::uint64_t names_synced_ = 0;  // of them, those whose names are durable
  bool names_syncing_ = false;
  runtime::Condition names_turn_;
  runtime::Mutex checkpointing_;
  Checkpoint recovery_points_;
  Checkpoint log_starts_;
  Checkpoint high_watermarks_;
  runtime::Gate gate_;
  runtime::Condition deletions_changed_;
  runtime::Condition stopped_;
  std::multimap<Instant, std::string> deletions_;
  std::string failure_;
  bool online_ = true;
  bool stopping_ = false;
};

}  // namespace squall::log
