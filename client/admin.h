// The administrator's client. Every call may wait, until its deadline; a failure that may pass (a lost connection, an old
// controller) is tried again until then. A call fails as a whole only if no answer was got: what the cluster says of each item
// is in the item's outcome.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/types.h"
#include "base/uuid.h"
#include "client/cluster.h"
#include "client/error.h"
#include "client/offsets.h"
#include "client/topic_partition.h"
#include "runtime/world.h"

namespace squall::client {

// What the cluster says of one item.
struct Outcome {
  std::string name;
  protocol::ErrorCode code{};  // 0: done
  std::string message;

  [[nodiscard]] bool done() const { return code == protocol::ErrorCode{}; }
};

struct NewTopic {
  std::string name;
  std::int32_t partitions = -1;          // -1: the cluster's default
  std::int16_t replication_factor = -1;  // -1: the cluster's default
  std::vector<std::pair<std::string, std::string>> configs;
};

enum class ConfigResource : std::int8_t { topic = 2, broker = 4 };

struct ConfigEntry {
  std::string name;
  std::optional<std::string> value;  // null if sensitive
  bool read_only = false;
  bool sensitive = false;
  std::int8_t source = 0;
};

enum class AlterOperation : std::int8_t { set = 0, remove = 1, append = 2, subtract = 3 };

struct ConfigChange {
  std::string name;
  AlterOperation operation = AlterOperation::set;
  std::optional<std::string> value;
};

struct ClusterDescription {
  std::string cluster_id;
  NodeId controller = no_node;
  std::vector<NodeInfo> nodes;
};

struct ReplicaDescription {
  TopicPartition partition;
  std::int64_t size_bytes = 0;
  std::int64_t offset_lag = 0;
};

struct LogDirDescription {
  std::string path;
  protocol::ErrorCode code{};
  std::int64_t total_bytes = -1;
  std::int64_t usable_bytes = -1;
  std::vector<ReplicaDescription> replicas;
};

class Admin {
 public:
  Admin(runtime::World& world, ClusterOptions options);

  [[nodiscard]] Result<std::vector<Outcome>> create_topics(std::span<const NewTopic> topics, Instant deadline,
                                                           bool validate_only = false);
  [[nodiscard]] Result<std::vector<Outcome>> delete_topics(std::span<const std::string> names, Instant deadline);
  // Grows `topic` to `total` partitions.
  [[nodiscard]] Result<Outcome> create_partitions(const std::string& topic, std::int32_t total, Instant deadline);
  // Begins to move the partition to these replicas, the preferred leader first; nothing: ends a move that is under way.
  [[nodiscard]] Result<Outcome> reassign(const TopicPartition& partition, const std::optional<std::vector<NodeId>>& replicas,
                                         Instant deadline);
  // Makes the preferred leader lead. ELECTION_NOT_NEEDED if it does.
  [[nodiscard]] Result<Outcome> elect_preferred_leader(const TopicPartition& partition, Instant deadline);
  [[nodiscard]] Result<ClusterDescription> describe_cluster(Instant deadline);
  // All topics, or refused.
  [[nodiscard]] Result<std::vector<TopicInfo>> list_topics(Instant deadline);
  [[nodiscard]] Result<std::vector<ConfigEntry>> describe_configs(ConfigResource type, const std::string& name,
                                                                  Instant deadline);
  [[nodiscard]] Result<Outcome> alter_configs(ConfigResource type, const std::string& name,
                                              std::span<const ConfigChange> changes, Instant deadline,
                                              bool validate_only = false);
  [[nodiscard]] Result<std::vector<LogDirDescription>> describe_log_dirs(NodeId broker, Instant deadline);
  // Removes the records below `before` (-1: below the high watermark); gives the new log start.
  [[nodiscard]] Result<Offset> delete_records(const TopicPartition& partition, Offset before, Instant deadline);
  [[nodiscard]] Result<FoundOffset> list_offset(const TopicPartition& partition, OffsetSpec spec, Instant deadline,
                                                IsolationLevel isolation = IsolationLevel::read_uncommitted);

  // How often the last request was sent, or tried to be: of one that was sent more than once, an earlier sending may still take
  // effect.
  [[nodiscard]] std::uint32_t sendings() const { return sendings_; }

  void close() { cluster_.close(); }
  [[nodiscard]] Cluster& cluster() { return cluster_; }

 private:
  // Sends to the controller (or to `node`) until an answer comes.
  template <class Request, class CodeOf>
  [[nodiscard]] Result<typename Api<Request>::Response> ask(const Request& request, NodeId node, Instant deadline,
                                                            CodeOf&& code_of);
  [[nodiscard]] Result<void> know_cluster(Instant deadline);
  [[nodiscard]] static Result<NodeId> node_for(ConfigResource type, const std::string& name);

  Cluster cluster_;
  std::uint32_t sendings_ = 0;
};

}  // namespace squall::client
