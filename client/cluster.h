// A cluster as one client sees it: its nodes and topics, and a connection to each node that is needed.
//
// Metadata is fetched for the topics that were asked for, from any node that answers, at most once at a time; it is fetched
// again when it is older than `metadata_max_age`, and when somebody who was told otherwise calls `invalidate`. A node that
// cannot be reached is not tried again before its back-off (drawn from the stream "client/cluster") has passed.
//
// Belongs to one client; all calls from fibers of its node. Results that are pointers stay valid until the next call that may
// wait.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.h"
#include "base/types.h"
#include "base/uuid.h"
#include "client/backoff.h"
#include "client/connection.h"
#include "client/error.h"
#include "runtime/condition.h"
#include "runtime/world.h"

namespace squall::client {

struct ClusterOptions {
  std::vector<runtime::Endpoint> bootstrap;  // bootstrap.servers; at least one
  ConnectionOptions connection;
  Duration metadata_max_age = std::chrono::minutes{5};
  Backoff reconnect{std::chrono::milliseconds{50}, std::chrono::seconds{1}};
  Backoff retry{std::chrono::milliseconds{100}, std::chrono::seconds{1}};
  bool create_topics = false;  // allow.auto.create.topics
};

struct NodeInfo {
  NodeId id = no_node;
  runtime::Endpoint endpoint;
  std::string rack;
};

struct PartitionInfo {
  PartitionIndex index;
  NodeId leader = no_node;  // none while it is being elected
  LeaderEpoch leader_epoch = no_epoch;
  std::vector<NodeId> replicas;
  std::vector<NodeId> in_sync_replicas;
};

struct TopicInfo {
  std::string name;
  Uuid id;  // zero if the cluster has no topic ids
  bool internal = false;
  std::vector<PartitionInfo> partitions;  // by index
};

class Cluster {
 public:
  Cluster(runtime::World& world, ClusterOptions options);
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  [[nodiscard]] runtime::World& world() const { return world_; }
  [[nodiscard]] const ClusterOptions& options() const { return options_; }

  // ---- what is known; never waits ----
  // Null if it is not known (yet).
  [[nodiscard]] const TopicInfo* find_topic(std::string_view name) const;
  [[nodiscard]] const TopicInfo* find_topic(const Uuid& id) const;
  [[nodiscard]] const PartitionInfo* find_partition(std::string_view topic, PartitionIndex partition) const;
  [[nodiscard]] const std::map<NodeId, NodeInfo>& nodes() const { return nodes_; }
  [[nodiscard]] NodeId controller() const { return controller_; }
  [[nodiscard]] const std::string& cluster_id() const { return cluster_id_; }
  // Raised whenever metadata has been fetched: what was derived from it can tell that it is old.
  [[nodiscard]] std::uint64_t version() const { return version_; }

  // ---- getting to know; may wait ----
  // Asks until the topic is known, an error that will not pass comes, or the deadline does (then with the last error).
  [[nodiscard]] Result<const TopicInfo*> topic(std::string_view name, Instant deadline);
  // Asks until the partition has a leader. `invalid` if the topic has no such partition.
  [[nodiscard]] Result<const PartitionInfo*> led_partition(std::string_view topic, PartitionIndex partition, Instant deadline);
  // Fetches metadata once, now (or waits for the fetch that is under way).
  [[nodiscard]] Result<void> refresh(Instant deadline);
  // What is known is wrong: the next `refresh_if_needed` fetches, after a back-off while it stays wrong.
  void invalidate();
  // When `refresh_if_needed` will have something to do.
  [[nodiscard]] Instant next_refresh() const;
  // Fetches if it is time to.
  [[nodiscard]] Result<void> refresh_if_needed(Instant deadline);
  // A leader that an answer named (KIP-951): taken over if its epoch is newer than what is known. True if it was.
  bool learn_leader(std::string_view topic, PartitionIndex partition, NodeId leader, LeaderEpoch epoch);
  // The back-off after `attempts` failures in a row. False, at once, if the deadline comes before its end.
  [[nodiscard]] bool wait_before_retry(std::uint32_t attempts, Instant deadline);

  // ---- connections; may wait ----
  // The connection to `node`, opened if need be: after the rest of its back-off, if that ends before the deadline.
  [[nodiscard]] Result<std::shared_ptr<Connection>> connection_to(NodeId node, Instant deadline);
  // To any node, connected ones first; to a bootstrap server while no node is known or none can be reached.
  [[nodiscard]] Result<std::shared_ptr<Connection>> any_connection(Instant deadline);
  // To the node that Metadata names as controller, else to any.
  [[nodiscard]] Result<std::shared_ptr<Connection>> controller_connection(Instant deadline);

  // Closes all connections; whoever waits here leaves with `closed`.
  void close();
  [[nodiscard]] bool closed() const { return closed_; }
  [[nodiscard]] Random& random() { return random_; }

 private:
  struct Link {  // to one node or bootstrap server
    std::shared_ptr<Connection> connection;
    std::uint32_t failures = 0;
    Instant not_before{};
    bool opening = false;

    [[nodiscard]] bool up() const { return connection != nullptr && !connection->broken(); }
  };

  [[nodiscard]] Result<std::shared_ptr<Connection>> open_link(Link& link, runtime::Endpoint endpoint, Instant deadline);
  [[nodiscard]] Link* connected_link();
  [[nodiscard]] std::vector<std::pair<Link*, runtime::Endpoint>> candidates();
  [[nodiscard]] Result<void> fetch_metadata(Instant deadline);
  void take_over(const protocol::MetadataResponse& response);
  void take_over_nodes(const protocol::MetadataResponse& response);
  // True if a leader has changed.
  bool take_over_topic(const protocol::MetadataResponse::MetadataResponseTopic& from);

  runtime::World& world_;
  ClusterOptions options_;
  Random random_;
  runtime::Condition changed_;
  std::map<NodeId, NodeInfo> nodes_;
  std::map<NodeId, Link> links_;  // never erased: fibers wait at them
  std::vector<Link> bootstrap_links_;
  std::map<std::string, TopicInfo, std::less<>> topics_;
  std::map<std::string, protocol::ErrorCode, std::less<>> wanted_;  // and what the last answer said of each
  std::string cluster_id_;
  NodeId controller_ = no_node;
  std::uint64_t version_ = 0;
  Instant fetched_at_{};
  Instant refresh_not_before_{};
  std::uint32_t invalidations_ = 0;  // in a row, without a change for the better
  bool known_ = false;
  bool stale_ = true;
  bool fetching_ = false;
  bool closed_ = false;
};

}  // namespace squall::client
