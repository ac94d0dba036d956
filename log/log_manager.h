// All logs of one node, over one or more log directories (log.dirs).
//
// Owns the directories' locks, meta.properties, checkpoints and the background work: retention, checkpoints, producer expiry.
// A directory in which an I/O error occurred goes offline: its logs refuse everything with storage_error, the other
// directories go on, and `on_dir_failed` is told, once. Whether a node without directories goes on is its owner's decision
// (log.dir.failure.timeout.ms counts there, from that call).
//
// Order of use: create, open, start, ..., shutdown. All calls on fibers of the World; `open`, `create_log`, `remove_log` and
// `shutdown` may wait.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "base/types.h"
#include "base/uuid.h"
#include "log/log.h"
#include "log/log_config.h"
#include "log/log_error.h"
#include "log/topic_partition.h"
#include "runtime/world.h"

namespace squall::log {

struct LogManagerOptions {
  std::vector<std::string> log_dirs;  // log.dirs; created if absent (their parents must exist)
  std::string cluster_id;             // written to a new directory; must equal that of an old one
  NodeId node_id = no_node;
  // The configuration of a topic's logs, asked at open and at create_log.
  std::function<LogConfig(std::string_view topic)> config_of;
  std::function<void(const std::string& dir)> on_dir_failed;
  std::function<void(const TopicPartition&)> on_log_start_moved;    // by retention; may be empty
  std::int64_t retention_check_interval_ms = 300'000;               // log.retention.check.interval.ms
  std::int64_t recovery_point_checkpoint_interval_ms = 60'000;      // log.flush.offset.checkpoint.interval.ms
  std::int64_t log_start_checkpoint_interval_ms = 60'000;           // log.flush.start.offset.checkpoint.interval.ms
  std::int64_t high_watermark_checkpoint_interval_ms = 5'000;       // replica.high.watermark.checkpoint.interval.ms
  std::int64_t producer_id_expiration_ms = 86'400'000;              // producer.id.expiration.ms
  std::int64_t producer_id_expiration_check_interval_ms = 600'000;  // producer.id.expiration.check.interval.ms
  std::int32_t recovery_fibers_per_dir = 2;                         // num.recovery.threads.per.data.dir
};

// Why `open` gave up: no directory is usable, or one belongs to another cluster or node.
struct OpenError {
  std::string dir;
  std::string reason;  // one clear line
};

struct LogDirInfo {
  std::string path;
  Uuid directory_id;
  bool online = true;
  std::string failure{};                   // what failed and why, if it is not online
  std::vector<std::shared_ptr<Log>> logs;  // by partition
};

class ManagerState;  // log/manager_state.h

// Whether a partition may have a log already (Kafka's `isNew`).
enum class PartitionAge { made_now, known };

class LogManager {
 public:
  LogManager(runtime::World& world, LogManagerOptions options);
  ~LogManager();  // does not wait, writes nothing: as a crash would
  LogManager(const LogManager&) = delete;
  LogManager& operator=(const LogManager&) = delete;

  // Locks the directories, reads or writes meta.properties, removes the clean-shutdown marks (KAFKA-10471), loads and recovers
  // every log. A directory that fails goes offline; an error only when none is left or a directory is somebody else's.
  std::expected<void, OpenError> open();
  // Starts the background fibers.
  void start();
  // Stops the background work, flushes all logs, writes snapshots, checkpoints and the clean-shutdown marks. The logs refuse
  // appends afterwards.
  void shutdown(std::int64_t broker_epoch = -1);

  // Null if there is none. A log in a failed directory is found, and refuses.
  [[nodiscard]] std::shared_ptr<Log> find(const TopicPartition& partition) const;
  [[nodiscard]] std::vector<std::shared_ptr<Log>> logs() const;  // sorted by partition
  // The existing log, or a new empty one in the online directory with the fewest logs; durable when it returns. Partition
  // metadata of another topic id means a stray of a deleted topic: it is set aside first (KAFKA-14616). The log of a known
  // partition may be in a directory that is offline: while there is one, storage_error instead of a second, empty log. Calls
  // for different partitions may overlap, and then share what they wait for. A new one is made in the directory `only_in`,
  // where that is said.
  std::expected<std::shared_ptr<Log>, LogError> create_log(const TopicPartition& partition, Uuid topic_id,
                                                           PartitionAge age = PartitionAge::known,
                                                           std::string_view only_in = {});
  // Renames the directory to `<name>.<id>-delete` (durable when it returns); its files go after file.delete.delay.ms.
  std::expected<void, LogError> remove_log(const TopicPartition& partition);
  // Renames it to `<name>.<id>-stray`: kept for the operator, served to nobody.
  std::expected<void, LogError> set_aside(const TopicPartition& partition);
  // What the recovery point says was synced when the directories were opened, if the log ended below it, or was not there:
  // synced records are gone. Nothing where all of them were found.
  [[nodiscard]] std::optional<Offset> lost_below(const TopicPartition& partition) const;
  // Asks `config_of` again for the logs of `topic`.
  void config_changed(std::string_view topic);

  [[nodiscard]] std::vector<LogDirInfo> dirs() const;  // in the order of log.dirs
  // Whether no directory has failed and no log is quarantined. Costs nothing, however many logs there are.
  [[nodiscard]] bool all_usable() const;
  [[nodiscard]] std::string cluster_id() const;
  // True if every directory had its clean-shutdown mark; the broker epoch that they agree on, or -1.
  [[nodiscard]] bool was_clean_shutdown() const;
  [[nodiscard]] std::int64_t previous_broker_epoch() const;

  // One pass of the background work each, at once.
  void run_retention();
  void checkpoint();

 private:
  std::shared_ptr<ManagerState> state_;
};

}  // namespace squall::log
