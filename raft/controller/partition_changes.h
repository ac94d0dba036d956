// What is asked of single partitions: changes of the ISR, elections, reassignments.
#pragma once

#include "protocol/messages/alter_partition.h"
#include "protocol/messages/alter_partition_reassignments.h"
#include "protocol/messages/elect_leaders.h"
#include "protocol/messages/list_partition_reassignments.h"
#include "raft/controller/decision.h"
#include "raft/controller/leadership.h"

namespace squall::raft {

// A leader changes its ISR. Checked in this order, by partition:
//
//  - no such topic: UNKNOWN_TOPIC_ID; no such partition: UNKNOWN_TOPIC_OR_PARTITION
//  - leader or partition epoch ahead of this controller's: NOT_CONTROLLER (it is not the newest one, KAFKA-14154)
//  - leader epoch behind: FENCED_LEADER_EPOCH
//  - not from the leader: INVALID_REQUEST
//  - partition epoch behind: INVALID_UPDATE_VERSION
//  - an ISR that is empty, has doubles, strangers or not the leader: INVALID_REQUEST
//  - more than the leader while it recovers, or RECOVERED back to RECOVERING: INVALID_REQUEST
//  - a member that is fenced, shutting down, or of another epoch than the leader saw (KIP-841, KIP-903): INELIGIBLE_REPLICA
//  - a change that completes a reassignment and moves the leader is made, and told as NEW_LEADER_ELECTED
[[nodiscard]] Decision<protocol::AlterPartitionResponse> decide_alter_partition(const DecisionContext& context,
                                                                                const protocol::AlterPartitionRequest& request);

[[nodiscard]] Decision<protocol::ElectLeadersResponse> decide_elect_leaders(const DecisionContext& context,
                                                                            const protocol::ElectLeadersRequest& request);

// Elections that nobody asked for; at most `most` of them. `more`: there are others to come.
struct PeriodicElections {
  Records records;
  bool more = false;
};
// Gives leadership back to first replicas that are in sync again.
[[nodiscard]] PeriodicElections balance_leaders(const DecisionContext& context, std::size_t most);
// Finds leaders for partitions without one: unclean elections may have been enabled since, or the predecessor failed before it
// had offered all of them to a broker that came.
[[nodiscard]] PeriodicElections find_leaders(const DecisionContext& context, std::size_t most);

// Replicas are added first and removed once all that stay are in sync (KIP-455, KAFKA-15665); a null target cancels.
[[nodiscard]] Decision<protocol::AlterPartitionReassignmentsResponse> decide_reassignments(
    const DecisionContext& context, const protocol::AlterPartitionReassignmentsRequest& request);
[[nodiscard]] protocol::ListPartitionReassignmentsResponse list_reassignments(
    const MetadataImage& image, const protocol::ListPartitionReassignmentsRequest& request);

}  // namespace squall::raft
