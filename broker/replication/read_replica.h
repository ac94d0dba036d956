// Which replica a consumer should read from (KIP-392): one in its rack, if it has what the consumer asks for.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "base/time.h"
#include "base/types.h"
#include "broker/replication/leader_state.h"

namespace squall::broker {

// A broker as `replica.selector.class` sees it.
struct ReadCandidate {
  NodeId id = no_node;
  std::string_view rack;  // empty: none
  bool live = true;       // registered, not fenced, and reachable by the consumer's listener
};

// The replica to name in the answer; empty: the consumer stays with the leader. Only followers in the ISR whose log holds
// `fetch_offset` are thought of: a laggard would make the consumer lag for as long as it reads there. Among those in the
// consumer's rack the longest log wins, then who was caught up last, then the highest id.
[[nodiscard]] std::optional<NodeId> preferred_read_replica(const LeaderState& leader, NodeId self, std::string_view rack,
                                                           Offset fetch_offset, std::span<const ReadCandidate> brokers);

}  // namespace squall::broker
