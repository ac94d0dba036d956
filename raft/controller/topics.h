// Making and deleting topics, and adding partitions.
#pragma once

#include "protocol/messages/create_partitions.h"
#include "protocol/messages/create_topics.h"
#include "protocol/messages/delete_topics.h"
#include "raft/controller/decision.h"

namespace squall::raft {

[[nodiscard]] Decision<protocol::CreateTopicsResponse> decide_create_topics(const DecisionContext& context,
                                                                            const protocol::CreateTopicsRequest& request);
[[nodiscard]] Decision<protocol::DeleteTopicsResponse> decide_delete_topics(const DecisionContext& context,
                                                                            const protocol::DeleteTopicsRequest& request);
[[nodiscard]] Decision<protocol::CreatePartitionsResponse> decide_create_partitions(
    const DecisionContext& context, const protocol::CreatePartitionsRequest& request);

using Assignment = std::vector<std::int32_t>;

// INVALID_REPLICA_ASSIGNMENT unless all of `brokers` are registered and differ.
[[nodiscard]] Verdict check_assignment(const MetadataImage& image, const Assignment& brokers);
// The record of a new partition: in sync are those replicas that are active, and the first of them leads. Nothing if none is.
[[nodiscard]] std::optional<protocol::PartitionRecord> new_partition(const MetadataImage& image, Uuid topic, std::int32_t index,
                                                                     const Assignment& replicas);
[[nodiscard]] Refusal nobody_active(std::int32_t partition);

}  // namespace squall::raft
