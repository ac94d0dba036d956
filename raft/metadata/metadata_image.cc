#include "raft/metadata/metadata_image.h"

namespace squall::raft {

MetadataImage::Topic MetadataImage::find(std::string_view name) const {
  const Topic* topic = topics.get(name);
  return topic == nullptr ? nullptr : *topic;
}

MetadataImage::Topic MetadataImage::find(Uuid id) const {
  const Topic* topic = topics_by_id.get(id);
  return topic == nullptr ? nullptr : *topic;
}

const PartitionImage* MetadataImage::find(PartitionKey key) const {
  const Topic* topic = topics_by_id.get(key.topic);
  return topic == nullptr ? nullptr : (*topic)->partition(key.partition);
}

const ConfigValues& MetadataImage::config_of(ConfigResource resource, std::string_view name) const {
  static const ConfigValues nothing;
  const Shared<ConfigValues>* values = configs.get(ConfigName{resource, name});
  return values == nullptr ? nothing : **values;
}

std::int16_t MetadataImage::feature(std::string_view name) const {
  const std::int16_t* level = features.get(name);
  return level == nullptr ? std::int16_t{0} : *level;
}

bool MetadataImage::is_active(NodeId broker) const {
  const BrokerImage* image = brokers.get(broker);
  return image != nullptr && image->is_active();
}

}  // namespace squall::raft
