#include "broker/controller_decisions.h"

#include "broker/config_schema.h"
#include "raft/controller/features.h"
#include "raft/controller/topics.h"
#include "raft/metadata/record_version.h"

namespace squall::broker {
namespace {

// Calls `decide(context)` with what the controller wants to know, taken from the node's configuration.
template <class Decide>
auto decided(const DecisionInput& input, Decide decide) {
  const BrokerConfigSchema schema{input.config};
  raft::ControllerSettings settings;
  settings.node_id = input.config.node_id;
  return decide(raft::DecisionContext{input.image, settings, schema, input.random});
}

}  // namespace

Decision<protocol::CreateTopicsResponse> decide_create_topics(const DecisionInput& input,
                                                              const protocol::CreateTopicsRequest& request) {
  return decided(input, [&](const raft::DecisionContext& context) { return raft::decide_create_topics(context, request); });
}

Decision<protocol::DeleteTopicsResponse> decide_delete_topics(const DecisionInput& input,
                                                              const protocol::DeleteTopicsRequest& request) {
  return decided(input, [&](const raft::DecisionContext& context) { return raft::decide_delete_topics(context, request); });
}

Decision<protocol::CreatePartitionsResponse> decide_create_partitions(const DecisionInput& input,
                                                                      const protocol::CreatePartitionsRequest& request) {
  return decided(input, [&](const raft::DecisionContext& context) { return raft::decide_create_partitions(context, request); });
}

Decision<protocol::IncrementalAlterConfigsResponse> decide_alter_configs(
    const DecisionInput& input, const protocol::IncrementalAlterConfigsRequest& request) {
  return decided(input, [&](const raft::DecisionContext& context) { return raft::decide_alter_configs(context, request); });
}

Decision<ProducerIdBlock> decide_producer_id_block(const DecisionInput& input) {
  return raft::decide_producer_id_block(input.image, input.config.node_id);
}

std::vector<MetadataRecord> bootstrap_records() {
  protocol::FeatureLevelRecord level;
  level.name = raft::metadata_version_feature;
  level.feature_level = raft::metadata_version_max;
  return {MetadataRecord{std::move(level)}};
}

std::vector<MetadataRecord> registration_records(const BrokerConfig& config, const Registration& registration) {
  protocol::RegisterBrokerRecord record;
  record.broker_id = config.node_id.value();
  record.incarnation_id = registration.incarnation;
  record.broker_epoch = -1;
  record.rack = config.rack;
  record.fenced = false;
  record.log_dirs = registration.log_dirs;
  for (const BrokerEndpointImage& from : registration.endpoints) {
    auto& endpoint = record.end_points.emplace_back();
    endpoint.name = from.listener;
    endpoint.host = from.host;
    endpoint.port = from.port;
  }
  return {MetadataRecord{std::move(record)}};
}

}  // namespace squall::broker
