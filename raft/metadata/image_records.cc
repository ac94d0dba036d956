#include "raft/metadata/image_records.h"

#include "base/assert.h"
#include "raft/metadata/record_version.h"

namespace squall::raft {
namespace {

using Visit = std::function<void(const protocol::MetadataRecord&)>;

template <class Record>
void fill(Record& record, const std::vector<BrokerEndpointImage>& endpoints, const SupportedFeatures& features) {
  for (const BrokerEndpointImage& from : endpoints) {
    auto& endpoint = record.end_points.emplace_back();
    endpoint.name = from.listener;
    endpoint.host = from.host;
    endpoint.port = from.port;
    endpoint.security_protocol = from.security_protocol;
  }
  for (const auto& [name, levels] : features) {
    auto& feature = record.features.emplace_back();
    feature.name = name;
    feature.min_supported_version = levels.min;
    feature.max_supported_version = levels.max;
  }
}

void visit_features(const MetadataImage& image, const Visit& visit) {
  const auto level = [&](const std::string& name, std::int16_t value) {
    protocol::FeatureLevelRecord record;
    record.name = name;
    record.feature_level = value;
    visit(record);
  };
  if (const std::int16_t* version = image.features.get(metadata_version_feature)) {
    level(std::string{metadata_version_feature}, *version);
  }
  for (const auto& [name, value] : image.features) {
    if (name != metadata_version_feature) level(name, value);
  }
}

void visit_nodes(const MetadataImage& image, const Visit& visit) {
  for (const auto& [id, broker] : image.brokers) {
    protocol::RegisterBrokerRecord record;
    record.broker_id = id.value();
    record.broker_epoch = broker.epoch;
    record.incarnation_id = broker.incarnation;
    record.rack = broker.rack;
    record.fenced = broker.fenced;
    record.in_controlled_shutdown = broker.in_controlled_shutdown;
    record.log_dirs = broker.log_dirs;
    fill(record, broker.endpoints, broker.features);
    visit(record);
  }
  for (const auto& [id, controller] : image.controllers) {
    protocol::RegisterControllerRecord record;
    record.controller_id = id.value();
    record.incarnation_id = controller.incarnation;
    fill(record, controller.endpoints, controller.features);
    visit(record);
  }
}

protocol::PartitionRecord record_of(Uuid topic, std::int32_t index, const PartitionImage& partition) {
  protocol::PartitionRecord record;
  record.topic_id = topic;
  record.partition_id = index;
  record.replicas = partition.replicas.ids();
  record.isr = partition.in_sync_replicas.ids();
  record.removing_replicas = partition.removing_replicas.ids();
  record.adding_replicas = partition.adding_replicas.ids();
  record.leader = partition.leader.value();
  record.leader_recovery_state = static_cast<std::int8_t>(partition.recovery);
  record.leader_epoch = partition.leader_epoch.value();
  record.partition_epoch = partition.partition_epoch;
  record.directories = partition.directories;
  if (!partition.eligible_leader_replicas.empty()) record.eligible_leader_replicas = partition.eligible_leader_replicas.ids();
  if (!partition.last_known_leaders.empty()) record.last_known_elr = partition.last_known_leaders.ids();
  return record;
}

void visit_topics(const MetadataImage& image, const Visit& visit) {
  for (const auto& [name, topic] : image.topics) {
    protocol::TopicRecord record;
    record.name = name;
    record.topic_id = topic->id;
    visit(record);
    for (std::size_t i = 0; i < topic->partitions.size(); ++i) {
      visit(record_of(topic->id, static_cast<std::int32_t>(i), topic->partitions[i]));
    }
  }
}

void visit_configs(const MetadataImage& image, const Visit& visit) {
  for (const auto& [name, values] : image.configs) {
    for (const auto& [key, value] : *values) {
      protocol::ConfigRecord record;
      record.resource_type = static_cast<std::int8_t>(name.first);
      record.resource_name = name.second;
      record.name = key;
      record.value = value;
      visit(record);
    }
  }
}

template <class Map>
void visit_kept(const Map& records, const Visit& visit) {
  for (const auto& entry : records) visit(*entry.second);
}

}  // namespace

void visit_records(const MetadataImage& image, const Visit& visit) {
  SQUALL_ASSERT(image.before_transaction == nullptr, "a snapshot is of what is decided");
  visit_features(image, visit);
  visit_nodes(image, visit);
  visit_topics(image, visit);
  visit_configs(image, visit);
  visit_kept(image.access_control, visit);
  visit_kept(image.scram, visit);
  visit_kept(image.delegation_tokens, visit);
  visit_kept(image.quotas, visit);
  if (image.next_producer_id > 0) {
    protocol::ProducerIdsRecord record;
    record.broker_id = -1;
    record.next_producer_id = image.next_producer_id;
    visit(record);
  }
}

}  // namespace squall::raft
