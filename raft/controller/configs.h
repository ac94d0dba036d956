// Altering configurations of topics, brokers, groups and client metrics (KIP-339), and handing out producer ids.
#pragma once

#include "protocol/messages/allocate_producer_ids.h"
#include "protocol/messages/incremental_alter_configs.h"
#include "raft/controller/decision.h"

namespace squall::raft {

// When `min.insync.replicas` changes, ELRs are cleared, even such as the feature left behind when it was turned off: they were
// kept by another measure (KIP-966). While leaders may be elected from them, no single broker may have a minimum of its own,
// and the cluster's cannot be removed.
[[nodiscard]] Decision<protocol::IncrementalAlterConfigsResponse> decide_alter_configs(
    const DecisionContext& context, const protocol::IncrementalAlterConfigsRequest& request);

struct ProducerIdBlock {
  std::int64_t first = 0;
  std::int64_t count = 0;
};
// The next block, for `broker`. Empty records: there are no more ids.
[[nodiscard]] Decision<ProducerIdBlock> decide_producer_id_block(const MetadataImage& image, NodeId broker);
[[nodiscard]] Decision<protocol::AllocateProducerIdsResponse> decide_allocate_producer_ids(
    const DecisionContext& context, const protocol::AllocateProducerIdsRequest& request);

}  // namespace squall::raft
