#include "broker/replication/read_replica.h"

#include <algorithm>
#include <tuple>

namespace squall::broker {
namespace {

bool holds(const ReplicaProgress& replica, Offset offset) {
  return replica.log_start() != no_offset && replica.log_start() <= offset && offset <= replica.log_end();
}

auto worth(const ReplicaProgress& replica) { return std::tuple{replica.log_end(), replica.last_caught_up(), replica.id()}; }

}  // namespace

std::optional<NodeId> preferred_read_replica(const LeaderState& leader, NodeId self, std::string_view rack, Offset fetch_offset,
                                             std::span<const ReadCandidate> brokers) {
  if (rack.empty()) return std::nullopt;
  const ReplicaProgress* best = nullptr;
  for (const ReadCandidate& broker : brokers) {
    if (!broker.live || broker.rack != rack) continue;
    if (broker.id == self) return std::nullopt;  // the leader is as near as any
    const ReplicaProgress* replica = leader.follower(broker.id);
    if (replica == nullptr || !contains(leader.in_sync(), broker.id) || !holds(*replica, fetch_offset)) continue;
    if (best == nullptr || worth(*replica) > worth(*best)) best = replica;
  }
  return best == nullptr ? std::nullopt : std::optional{best->id()};
}

}  // namespace squall::broker
