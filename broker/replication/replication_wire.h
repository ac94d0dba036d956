// The cores' asks and answers as Kafka's messages: Fetch between brokers, and AlterPartition.
#pragma once

#include <cstdint>

#include "base/types.h"
#include "broker/replication/fetch_source.h"
#include "broker/replication/follower_state.h"
#include "broker/replication/leader_state.h"
#include "protocol/messages/alter_partition.h"
#include "protocol/messages/fetch.h"

namespace squall::broker {

struct ReplicaFetchLimits {
  std::int32_t max_wait_ms = 500;              // replica.fetch.wait.max.ms
  std::int32_t min_bytes = 1;                  // replica.fetch.min.bytes
  std::int32_t partition_max_bytes = 1 << 20;  // replica.fetch.max.bytes; one batch is sent even if it is larger
  std::int32_t max_bytes = 10 << 20;           // replica.fetch.response.max.bytes
  // Whether the follower tells its high watermark (v18), so that the leader answers as soon as it can tell of a higher one: a
  // second request and answer for each append, worth it only where consumers read from followers (KIP-392, KAFKA-9952).
  bool state_high_watermark = false;
};

// By topic id, so for version 13 and later; the replica is named for all versions.
[[nodiscard]] protocol::FetchRequest fetch_request_of(const FetchPlan& plan, const ReplicaFetchLimits& limits, NodeId self,
                                                      BrokerEpoch broker_epoch);
// `own_epoch_end` is left to the caller, who can ask the log.
[[nodiscard]] FetchAnswered fetch_answer_of(const protocol::FetchResponse::PartitionData& data, const FetchTag& tag);

// Of version 3, in which the members of the new ISR have epochs: the controllers of this broker's cluster know it.
[[nodiscard]] protocol::AlterPartitionRequest::PartitionData alter_request_of(const AlterPartitionAsk& ask,
                                                                              PartitionIndex index);
[[nodiscard]] AlterPartitionAnswered alter_answer_of(const protocol::AlterPartitionResponse::PartitionData& data,
                                                     const AskTag& tag);

}  // namespace squall::broker
