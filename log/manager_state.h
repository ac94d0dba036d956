// What LogManager is made of; shared with its fibers, so that they may outlive a manager that is destroyed without a shutdown.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "log/log_dir.h"
#include "log/log_manager.h"
#include "log/meta_properties.h"
#include "runtime/condition.h"
#include "runtime/gate.h"

namespace squall::log {

class ManagerState : public std::enable_shared_from_this<ManagerState> {
 public:
  ManagerState(runtime::World& its_world, LogManagerOptions its_options);

  // ---- opening: manager_open.cc ----
  std::expected<void, OpenError> open();

  // ---- background ----
  void start();
  void stop();  // wakes every fiber; does not wait
  void run_retention();
  void checkpoint();
  void expire_producers();
  void shutdown(std::int64_t broker_epoch);

  // ---- logs ----
  std::expected<std::shared_ptr<Log>, LogError> create_log(const TopicPartition& partition, Uuid topic_id, PartitionAge age,
                                                           std::string_view only_in);
  // Renames the log's directory to `<name>.<id>-<kind>`; the log refuses everything from then on.
  std::expected<std::string, LogError> take_out(const TopicPartition& partition, std::string_view kind);

  runtime::World& world;
  LogManagerOptions options;
  std::vector<std::shared_ptr<LogDir>> dirs;
  std::map<TopicPartition, std::shared_ptr<Log>> logs;
  std::map<TopicPartition, Offset> lost_below;  // recovery points above what was found
  std::string cluster_id;
  bool was_clean = false;
  std::int64_t previous_broker_epoch = -1;

 private:
  class CreationTurn;

  std::expected<void, OpenError> claim_dirs();
  [[nodiscard]] OpenError none_usable() const;
  std::expected<std::optional<MetaProperties>, OpenError> claim_dir(LogDir& dir);
  [[nodiscard]] std::expected<void, OpenError> check_owner(const LogDir& dir, const MetaProperties& theirs) const;
  void identify(LogDir& dir, const std::optional<MetaProperties>& theirs);
  std::expected<void, OpenError> take_clean_mark(LogDir& dir);
  std::expected<void, OpenError> load_dir(const std::shared_ptr<LogDir>& dir);
  void remove_half_made();
  // The directories of the logs that could not be closed.
  std::vector<std::shared_ptr<LogDir>> close_logs();
  std::expected<std::shared_ptr<Log>, LogError> make_log(const std::shared_ptr<LogDir>& dir, const TopicPartition& partition,
                                                         Uuid topic_id);
  [[nodiscard]] LogConfig config_for(const std::string& topic) const;
  enum class Durable : std::uint8_t { now, with_directory };  // the latter: once the log's directory is synced
  std::expected<void, LogError> write_partition_metadata(LogState& log, Uuid topic_id, Durable durable);
  template <class Work>
  void every(std::string_view name, std::int64_t interval_ms, Work work);

  Random ids_;
  std::set<TopicPartition> creating_;  // each by one fiber at a time
  runtime::Condition created_;
  runtime::Condition stopped_;
  runtime::Gate gate_;
  bool stopping_ = false;
};

}  // namespace squall::log
