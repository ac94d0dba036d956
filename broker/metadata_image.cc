#include "broker/metadata_image.h"

#include <algorithm>

namespace squall::broker {
namespace {

std::vector<NodeId> nodes(const std::vector<std::int32_t>& ids) {
  std::vector<NodeId> result;
  result.reserve(ids.size());
  for (const std::int32_t id : ids) result.emplace_back(id);
  return result;
}

}  // namespace

MetadataImage::Topic MetadataImage::find(std::string_view name) const {
  const auto at = topics.find(name);
  return at == topics.end() ? nullptr : at->second;
}

MetadataImage::Topic MetadataImage::find(Uuid id) const {
  const auto at = topics_by_id.find(id);
  return at == topics_by_id.end() ? nullptr : at->second;
}

const ConfigValues& MetadataImage::config_of(ConfigResource resource, std::string_view name) const {
  static const ConfigValues nothing;
  const auto at = configs.find({resource, std::string{name}});
  return at == configs.end() ? nothing : at->second;
}

bool ImageBuilder::replay(const MetadataRecord& record, Offset offset) {
  return std::visit(
      [&](const auto& value) {
        using Record = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<Record, protocol::RegisterBrokerRecord>) {
          return apply(value, offset);
        } else if constexpr (requires { apply(value); }) {
          return apply(value);
        } else {
          return true;  // it belongs to a part of Kafka that this node does not serve
        }
      },
      record);
}

std::shared_ptr<const MetadataImage> ImageBuilder::finish(Offset end_offset) {
  for (const auto& [id, topic] : changed_) {
    image_.topics[topic->name] = topic;
    image_.topics_by_id[id] = topic;
  }
  changed_.clear();
  image_.end_offset = end_offset;
  return std::make_shared<const MetadataImage>(std::move(image_));
}

std::vector<std::string> ImageBuilder::touched_topics() const {
  std::vector<std::string> names;
  for (const auto& [name, touched] : touched_) names.push_back(name);
  return names;
}

TopicImage* ImageBuilder::topic_to_change(Uuid id) {
  if (const auto at = changed_.find(id); at != changed_.end()) return at->second.get();
  const MetadataImage::Topic topic = image_.find(id);
  if (topic == nullptr) return nullptr;
  touched_[topic->name] = true;
  return changed_.emplace(id, std::make_shared<TopicImage>(*topic)).first->second.get();
}

bool ImageBuilder::apply(const protocol::TopicRecord& record) {
  if (image_.topics.contains(record.name) || changed_.contains(record.topic_id)) return false;
  touched_[record.name] = true;
  changed_.emplace(record.topic_id, std::make_shared<TopicImage>(TopicImage{record.name, record.topic_id, {}}));
  return true;
}

bool ImageBuilder::apply(const protocol::PartitionRecord& record) {
  TopicImage* topic = topic_to_change(record.topic_id);
  if (topic == nullptr || record.partition_id < 0) return false;
  const auto index = static_cast<std::size_t>(record.partition_id);
  if (index > topic->partitions.size()) return false;
  if (index == topic->partitions.size()) topic->partitions.emplace_back();
  topic->partitions[index] = {.replicas = nodes(record.replicas),
                              .in_sync_replicas = nodes(record.isr),
                              .directories = record.directories,
                              .leader = NodeId{record.leader},
                              .leader_epoch = LeaderEpoch{record.leader_epoch},
                              .partition_epoch = record.partition_epoch};
  return true;
}

bool ImageBuilder::apply(const protocol::PartitionChangeRecord& record) {
  TopicImage* topic = topic_to_change(record.topic_id);
  if (topic == nullptr || record.partition_id < 0) return false;
  const auto index = static_cast<std::size_t>(record.partition_id);
  if (index >= topic->partitions.size()) return false;
  constexpr std::int32_t no_leader_change = -2;
  PartitionImage& partition = topic->partitions[index];
  if (record.isr) partition.in_sync_replicas = nodes(*record.isr);
  if (record.replicas) partition.replicas = nodes(*record.replicas);
  if (record.directories) partition.directories = *record.directories;
  if (record.leader != no_leader_change) {
    partition.leader = NodeId{record.leader};
    ++partition.leader_epoch;
  }
  ++partition.partition_epoch;
  return true;
}

bool ImageBuilder::apply(const protocol::RemoveTopicRecord& record) {
  const TopicImage* topic = topic_to_change(record.topic_id);
  if (topic == nullptr) return false;
  const std::string name = topic->name;
  touched_[name] = true;
  changed_.erase(record.topic_id);
  image_.topics.erase(name);
  image_.topics_by_id.erase(record.topic_id);
  image_.configs.erase({ConfigResource::topic, name});
  return true;
}

bool ImageBuilder::apply(const protocol::ConfigRecord& record) {
  const auto resource = static_cast<ConfigResource>(record.resource_type);
  if (resource == ConfigResource::topic) touched_[record.resource_name] = true;
  const MetadataImage::ConfigName name{resource, record.resource_name};
  if (record.value) {
    image_.configs[name][record.name] = *record.value;
    return true;
  }
  const auto at = image_.configs.find(name);
  if (at == image_.configs.end()) return true;
  at->second.erase(record.name);
  if (at->second.empty()) image_.configs.erase(at);
  return true;
}

bool ImageBuilder::apply(const protocol::RegisterBrokerRecord& record, Offset offset) {
  BrokerImage broker{.id = NodeId{record.broker_id},
                     .epoch = record.broker_epoch >= 0 ? record.broker_epoch : offset.value(),
                     .incarnation = record.incarnation_id,
                     .rack = record.rack,
                     .endpoints = {},
                     .log_dirs = record.log_dirs,
                     .fenced = record.fenced};
  for (const auto& endpoint : record.end_points) broker.endpoints.push_back({endpoint.name, endpoint.host, endpoint.port});
  image_.brokers[broker.id] = std::move(broker);
  return true;
}

bool ImageBuilder::apply(const protocol::BrokerRegistrationChangeRecord& record) {
  const auto at = image_.brokers.find(NodeId{record.broker_id});
  if (at == image_.brokers.end()) return false;
  constexpr std::int8_t fence = 1;
  constexpr std::int8_t unfence = -1;
  if (record.fenced == fence) at->second.fenced = true;
  if (record.fenced == unfence) at->second.fenced = false;
  if (!record.log_dirs.empty()) at->second.log_dirs = record.log_dirs;
  return true;
}

bool ImageBuilder::apply(const protocol::FeatureLevelRecord& record) {
  if (record.feature_level == 0) {
    image_.features.erase(record.name);
  } else {
    image_.features[record.name] = record.feature_level;
  }
  return true;
}

bool ImageBuilder::apply(const protocol::ProducerIdsRecord& record) {
  if (record.next_producer_id < image_.next_producer_id) return false;
  image_.next_producer_id = record.next_producer_id;
  return true;
}

}  // namespace squall::broker
