// In which directories of brokers replicas stand (KIP-858).
#pragma once

#include "protocol/messages/assign_replicas_to_dirs.h"
#include "raft/controller/decision.h"

namespace squall::raft {

// A broker tells where its replicas stand. The answer has an error for each: UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION,
// NOT_LEADER_OR_FOLLOWER (it holds no replica of it). A replica in a directory that is not among those the broker has
// registered and not lost since leaves the ISR, and another leads.
[[nodiscard]] Decision<protocol::AssignReplicasToDirsResponse> decide_assign_replicas(
    const DecisionContext& context, const protocol::AssignReplicasToDirsRequest& request);

}  // namespace squall::raft
