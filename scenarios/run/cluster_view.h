// What a cluster is at this moment: who is the active controller, who leads a partition and who is in sync. It is what the
// newest live image of the metadata says, not what any one node believes.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "base/types.h"
#include "base/uuid.h"

namespace squall::scenarios {

// A voter of the metadata quorum. A disk that was replaced is another voter.
struct VoterView {
  NodeId id = no_node;
  Uuid directory{};
  bool operator==(const VoterView&) const = default;
};

struct PartitionView {
  NodeId leader = no_node;
  std::vector<NodeId> replicas;
  std::vector<NodeId> in_sync;
  std::vector<NodeId> eligible{};  // KIP-966: not in sync any more, and yet with all that was committed
  LeaderEpoch leader_epoch = no_epoch;
  bool recovering = false;  // its leader was not in sync when it was elected
};

// What one node knows, while it runs.
class NodeInsight {
 public:
  virtual ~NodeInsight() = default;
  // The epoch of the metadata quorum, and the leader in it if it is known.
  [[nodiscard]] virtual LeaderEpoch quorum_epoch() const = 0;
  [[nodiscard]] virtual NodeId quorum_leader() const = 0;
  // Who votes, as far as the node's log says; and which voter the node is, if it is one.
  [[nodiscard]] virtual std::vector<VoterView> voters() const { return {}; }
  [[nodiscard]] virtual VoterView self() const { return {}; }
  // One past the last metadata record that its image holds.
  [[nodiscard]] virtual Offset metadata_end() const = 0;
  // One past the last metadata record that was written, if the node is the active controller.
  [[nodiscard]] virtual std::optional<Offset> written_end() const = 0;
  // Nothing: its image has no such partition.
  [[nodiscard]] virtual std::optional<PartitionView> partition(std::string_view topic, std::int32_t index) const = 0;
  // Whether it is the leader there, by its own image.
  [[nodiscard]] virtual bool leads(const PartitionView& partition) const = 0;
};

class ClusterView {
 public:
  virtual ~ClusterView() = default;
  // `no_node` while nobody knows of one.
  [[nodiscard]] virtual NodeId active_controller() const = 0;
  // By id; of who leads the quorum. Empty while nobody is known to.
  [[nodiscard]] virtual std::vector<VoterView> voters() const { return {}; }
  // One past the last metadata record of the newest image; what is said of partitions changes only with it.
  [[nodiscard]] virtual Offset metadata_end() const { return no_offset; }
  // Nothing while nobody knows of the partition.
  [[nodiscard]] virtual std::optional<PartitionView> partition(std::string_view topic, std::int32_t index) const = 0;
  // Whether a node that is up still takes itself for the leader of an epoch that is over.
  [[nodiscard]] virtual bool has_deposed_leader(std::string_view, std::int32_t) const { return false; }
};

// The insights of all nodes that are up, in the order of their ids.
using LiveInsights = std::function<std::vector<const NodeInsight*>()>;

// Takes the word of the node with the newest epoch about the controller, and of the newest image about partitions.
class NewestView final : public ClusterView {
 public:
  explicit NewestView(LiveInsights live) : live_{std::move(live)} {}
  [[nodiscard]] NodeId active_controller() const override;
  [[nodiscard]] std::vector<VoterView> voters() const override;
  [[nodiscard]] Offset metadata_end() const override;
  [[nodiscard]] std::optional<PartitionView> partition(std::string_view topic, std::int32_t index) const override;
  [[nodiscard]] bool has_deposed_leader(std::string_view topic, std::int32_t index) const override;

 private:
  [[nodiscard]] const NodeInsight* newest() const;  // null: none is up

  LiveInsights live_;
};

// One node that is everything there is, while it serves.
class SoleNodeView final : public ClusterView {
 public:
  SoleNodeView(NodeId id, std::function<bool()> serves) : id_{id}, serves_{std::move(serves)} {}
  [[nodiscard]] NodeId active_controller() const override { return serves_() ? id_ : no_node; }
  [[nodiscard]] std::optional<PartitionView> partition(std::string_view, std::int32_t) const override {
    return PartitionView{.leader = active_controller(), .replicas = {id_}, .in_sync = {id_}, .eligible = {}};
  }

 private:
  NodeId id_;
  std::function<bool()> serves_;
};

}  // namespace squall::scenarios
