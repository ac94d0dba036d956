// What must hold in the model cluster, whatever happens.
#include <fmt/format.h>

#include "tests/broker/replication/model_cluster.h"

namespace squall::broker::model {

// Readers see what is below the high watermark, at leaders and at followers (KIP-392). What one has seen, all see, for ever.
void Cluster::check_committed(Node& at, Offset high_watermark) {
  if (high_watermark > at.log.end()) return fail(fmt::format("node {} calls committed what it does not have", at.id));
  for (; at.checked < high_watermark; ++at.checked) {
    const auto index = static_cast<std::size_t>(at.checked.value());
    const Record& record = at.log.at(at.checked);
    ++counts_.compared;
    if (index == committed_.size()) {
      committed_.push_back(record);
    } else if (committed_[index] != record) {
      return fail(fmt::format("offset {} at node {} is {} of epoch {}, but readers saw {} of epoch {}", at.checked, at.id,
                              record.value, record.epoch, committed_[index].value, committed_[index].epoch));
    }
  }
}

void Cluster::check_acknowledged(const Node& at, const char* who) {
  for (const auto& [offset, value] : acknowledged_) {
    ++counts_.compared;
    if (offset >= at.log.end() || at.log.at(offset).value != value) {
      return fail(fmt::format("{}, node {}, does not have the acknowledged value {} at offset {}", who, at.id, value, offset));
    }
  }
}

void Cluster::check() {
  const PartitionRegistration& truth = controller_.now();
  for (const NodeId id : truth.in_sync) {
    if (!contains(truth.replicas, id)) fail("the ISR is not a part of the replicas");
  }
  if (truth.leader != no_node && !contains(truth.in_sync, truth.leader)) fail("the leader is not in the ISR");
  for (Node& at : nodes_) {
    if (!at.up) continue;
    const LeaderState* leader = at.core->leader();
    const FollowerState* follower = at.core->follower();
    if (leader == nullptr && follower == nullptr) continue;
    const Offset high_watermark = leader != nullptr ? leader->high_watermark() : follower->high_watermark();
    check_committed(at, high_watermark);
    if (follower != nullptr && follower->log_end() != at.log.end()) fail("the follower does not know its log");
    if (leader == nullptr) continue;
    if (at.led_epoch == leader->leader_epoch() && high_watermark < at.led_high_watermark) {
      fail("the high watermark of a leader fell");
    }
    at.led_epoch = leader->leader_epoch();
    at.led_high_watermark = high_watermark;
    for (const NodeId id : leader->in_sync()) {
      if (id != at.id && leader->follower(id) == nullptr) fail("a leader's ISR is not a part of its replicas");
    }
  }
  // Any member of the ISR may be the next leader: each has all that was acknowledged.
  if (acknowledged_.empty()) return;
  const auto& [offset, value] = *acknowledged_.rbegin();
  for (const NodeId id : truth.in_sync) {
    const Node& at = node(id);
    if (at.up && (offset >= at.log.end() || at.log.at(offset).value != value)) check_acknowledged(at, "a member of the ISR");
  }
}

bool Cluster::whole() {
  const PartitionRegistration& truth = controller_.now();
  if (truth.leader == no_node || controller_.reassigning() || truth.in_sync.size() != truth.replicas.size()) return false;
  const Node& leading = node(truth.leader);
  if (leading.core->leader() == nullptr || !waiting_.empty()) return false;
  for (const NodeId id : truth.replicas) {
    const Node& at = node(id);
    const FollowerState* follower = at.core->follower();
    if (follower == nullptr && id != truth.leader) return false;
    if (at.log.end() != leading.log.end() || at.log.high_watermark != at.log.end()) return false;
    check_acknowledged(at, "a replica, healed,");
  }
  return committed_.size() == static_cast<std::size_t>(leading.log.end().value());
}

}  // namespace squall::broker::model
