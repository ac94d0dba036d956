#include "scenarios/run/cluster_view.h"

#include <algorithm>

namespace squall::scenarios {

NodeId NewestView::active_controller() const {
  LeaderEpoch newest = no_epoch;
  NodeId leader = no_node;
  for (const NodeInsight* node : live_()) {
    // In one epoch there is at most one leader, and not everybody has heard of it.
    const bool newer = node->quorum_epoch() > newest;
    if (newer || (node->quorum_epoch() == newest && leader == no_node)) leader = node->quorum_leader();
    if (newer) newest = node->quorum_epoch();
  }
  return leader;
}

std::vector<VoterView> NewestView::voters() const {
  const NodeId leader = active_controller();
  for (const NodeInsight* node : live_()) {
    if (leader != no_node && node->self().id == leader) return node->voters();
  }
  return {};
}

const NodeInsight* NewestView::newest() const {
  const NodeInsight* newest = nullptr;
  for (const NodeInsight* node : live_()) {
    if (newest == nullptr || node->metadata_end() > newest->metadata_end()) newest = node;
  }
  return newest;
}

Offset NewestView::metadata_end() const {
  const NodeInsight* node = newest();
  return node == nullptr ? no_offset : node->metadata_end();
}

std::optional<PartitionView> NewestView::partition(std::string_view topic, std::int32_t index) const {
  const NodeInsight* node = newest();
  return node == nullptr ? std::nullopt : node->partition(topic, index);
}

bool NewestView::has_deposed_leader(std::string_view topic, std::int32_t index) const {
  const auto now = partition(topic, index);
  if (!now) return false;
  return std::ranges::any_of(live_(), [&](const NodeInsight* node) {
    const auto own = node->partition(topic, index);
    return own && own->leader_epoch < now->leader_epoch && node->leads(*own);
  });
}

}  // namespace squall::scenarios
