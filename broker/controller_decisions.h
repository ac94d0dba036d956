// The controller's decisions (raft/controller) for a node that is its own controller, from its own configuration.
#pragma once

#include <cstdint>
#include <vector>

#include "base/random.h"
#include "broker/config.h"
#include "broker/metadata_image.h"
#include "broker/metadata_record.h"
#include "protocol/messages/create_partitions.h"
#include "protocol/messages/create_topics.h"
#include "protocol/messages/delete_topics.h"
#include "protocol/messages/incremental_alter_configs.h"
#include "raft/controller/configs.h"
#include "raft/controller/decision.h"

namespace squall::broker {

using raft::check_topic_name;
using raft::Decision;
using raft::producer_id_block;
using raft::ProducerIdBlock;
using raft::records_per_operation_max;

// What decisions are taken from. `random` draws topic ids.
struct DecisionInput {
  const MetadataImage& image;
  const BrokerConfig& config;
  Random& random;
};

[[nodiscard]] Decision<protocol::CreateTopicsResponse> decide_create_topics(const DecisionInput& input,
                                                                            const protocol::CreateTopicsRequest& request);
[[nodiscard]] Decision<protocol::DeleteTopicsResponse> decide_delete_topics(const DecisionInput& input,
                                                                            const protocol::DeleteTopicsRequest& request);
[[nodiscard]] Decision<protocol::CreatePartitionsResponse> decide_create_partitions(
    const DecisionInput& input, const protocol::CreatePartitionsRequest& request);
[[nodiscard]] Decision<protocol::IncrementalAlterConfigsResponse> decide_alter_configs(
    const DecisionInput& input, const protocol::IncrementalAlterConfigsRequest& request);
[[nodiscard]] Decision<ProducerIdBlock> decide_producer_id_block(const DecisionInput& input);

// The records that a new cluster begins with: feature levels.
[[nodiscard]] std::vector<MetadataRecord> bootstrap_records();
// The registration of this broker, unfenced: one node is its own controller.
struct Registration {
  Uuid incarnation;
  std::vector<BrokerEndpointImage> endpoints;
  std::vector<Uuid> log_dirs;
};
[[nodiscard]] std::vector<MetadataRecord> registration_records(const BrokerConfig& config, const Registration& registration);

}  // namespace squall::broker
