#include "scenarios/checks/one_leader_an_epoch.h"

#include <fmt/format.h>

#include <algorithm>

namespace squall::scenarios {

void OneLeaderAnEpoch::quorum_leader(std::string_view node, LeaderEpoch epoch, NodeId leader, Instant at) {
  if (leader == no_node) return;
  count();
  const auto [known, first] = quorum_.try_emplace(epoch, leader);
  if (first || known->second == leader) return;
  violated(at, fmt::format("in epoch {} of the quorum {} has node {} for the leader, but node {} led it", epoch, node, leader,
                           known->second));
}

void OneLeaderAnEpoch::partition_leader(std::string_view partition, std::string_view topic_id, LeaderEpoch epoch, NodeId leader,
                                        Instant at) {
  count();
  Led& led = partitions_[fmt::format("{} {}", topic_id, partition)];
  const auto known = std::ranges::find(led, epoch, &std::pair<LeaderEpoch, NodeId>::first);
  if (known == led.end()) {
    led.emplace_back(epoch, leader);
  } else if (known->second != leader) {
    violated(at, fmt::format("broker {} leads {} in leader epoch {}, but broker {} led it", leader, partition, epoch,
                             known->second));
  }
}

void OneLeaderAnEpoch::forget_all() {
  quorum_.clear();
  partitions_.clear();
}

}  // namespace squall::scenarios
