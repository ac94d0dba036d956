#include "broker/replication/types.h"

#include <algorithm>

namespace squall::broker {

BrokerDirectory::BrokerDirectory(std::vector<BrokerStanding> brokers) : brokers_{std::move(brokers)} {
  std::ranges::sort(brokers_, {}, &BrokerStanding::id);
}

const BrokerStanding* BrokerDirectory::find(NodeId id) const {
  const auto at = std::ranges::lower_bound(brokers_, id, {}, &BrokerStanding::id);
  return at != brokers_.end() && at->id == id ? &*at : nullptr;
}

bool contains(const std::vector<NodeId>& nodes, NodeId id) { return std::ranges::find(nodes, id) != nodes.end(); }

}  // namespace squall::broker
