// What keeps the replicas of this broker going: the fetchers of those that follow, the ISR checks of those that lead, and the
// requests to the controller to change an ISR.
//
// One fiber for each source broker and fetcher (replica_fetcher.h), one for AlterPartition, one for the ISR checks; the last
// two exist from the first partition on that this broker leads with followers. A partition tells of its roles (PartitionHost)
// and is held here while it has one. Nothing here decides: that is PartitionCore's and FetchPlanner's.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "broker/partition.h"
#include "broker/replication/fetch_planner.h"
#include "broker/replication/replication_wire.h"
#include "broker/replication/throttle.h"
#include "client/error.h"
#include "protocol/messages/alter_partition.h"
#include "runtime/gate.h"
#include "runtime/io.h"
#include "runtime/wait_queue.h"
#include "runtime/world.h"

namespace squall::broker {

class ReplicaFetcher;

// The way to the active controller. One request at a time.
class AlterPartitionSender {
 public:
  virtual ~AlterPartitionSender() = default;
  // May wait, until `deadline`. An error: the request may have been done.
  [[nodiscard]] virtual client::Result<protocol::AlterPartitionResponse> send(const protocol::AlterPartitionRequest& request,
                                                                              Instant deadline) = 0;
};

struct ReplicaManagerOptions {
  NodeId self = no_node;
  std::int32_t fetchers = 1;  // num.replica.fetchers
  ReplicaFetchLimits limits;
  ReplicationConfig replication;
  Duration socket_timeout = std::chrono::seconds{30};  // replica.socket.timeout.ms
  Duration alter_timeout = std::chrono::seconds{30};   // until an AlterPartition counts as lost
  ThrottleWindow follower_throttle;
  // Where brokers reach a broker, as metadata has it now; empty: it is not there.
  std::function<std::optional<runtime::Endpoint>(NodeId)> endpoint_of;
  // This broker's registration, as metadata has it now.
  std::function<BrokerEpoch()> broker_epoch;
  // When the followers of a partition last fetched in a session that holds it.
  std::function<std::vector<FollowerRound>(const Partition&)> rounds_of;
  AlterPartitionSender* controller = nullptr;  // null: nobody is asked; outlives the manager's fibers
};

class ReplicaManager final : public PartitionHost, public std::enable_shared_from_this<ReplicaManager> {
 public:
  ReplicaManager(runtime::World& world, ReplicaManagerOptions options);
  ~ReplicaManager();
  ReplicaManager(const ReplicaManager&) = delete;
  ReplicaManager& operator=(const ReplicaManager&) = delete;

  // Nothing is fetched or asked before.
  void start();
  // May wait: ends the fibers, after the writes to logs that are under way. Nothing is fetched or asked any more.
  void stop();

  void role_ends(const Partition& partition) override;
  void role_begun(const PartitionRef& partition) override;
  void ask_controller(Partition& partition, const AlterPartitionAsk& ask) override;

  [[nodiscard]] ThrottleWindow& follower_throttle() { return options_.follower_throttle; }
  [[nodiscard]] std::size_t fetchers() const { return fetchers_.size(); }

 private:
  friend class ReplicaFetcher;
  struct Asked {
    PartitionRef partition;
    AlterPartitionAsk ask;
  };
  using Asks = std::map<ReplicaKey, Asked>;

  // ---- following ----
  void refresh(const PartitionRef& partition);
  void follow(const ReplicaKey& key, NodeId leader, const FetchWish& wish);
  void unfollow(const ReplicaKey& key);
  void hang_up_unused();
  void run_fetcher(const SourceId& source);
  runtime::FiberId spawn(std::string_view name, std::function<void()> work);

  // ---- leading ----
  void watch_isrs();
  void check_isrs();
  void alter_partitions();
  void tick_due();
  [[nodiscard]] protocol::AlterPartitionRequest request_of(const Asks& asks) const;
  void answer(const Asks& asks, const client::Result<protocol::AlterPartitionResponse>& response);

  runtime::World& world_;
  ReplicaManagerOptions options_;
  FetchPlanner planner_;
  std::map<ReplicaKey, PartitionRef> followed_;
  std::map<SourceId, std::size_t> used_;  // partitions that are fetched from there
  std::map<SourceId, std::shared_ptr<ReplicaFetcher>> fetchers_;
  std::map<ReplicaKey, PartitionRef> led_;  // with followers
  Asks asks_;
  std::map<ReplicaKey, Instant> retries_;
  runtime::WaitQueue asked_;
  runtime::WaitQueue checks_;
  std::optional<runtime::FiberId> asker_;
  bool started_ = false;
  bool stopping_ = false;
  runtime::Gate gate_;
};

}  // namespace squall::broker
