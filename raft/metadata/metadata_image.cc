#include "raft/metadata/metadata_image.h"

#include <algorithm>

namespace squall::raft {

std::optional<Uuid> PartitionImage::directory_of(NodeId broker) const {
  const auto at = std::ranges::find(replicas, broker);
  if (at == replicas.end()) return std::nullopt;
  const auto index = static_cast<std::size_t>(at - replicas.begin());
  return index < directories.size() ? directories[index] : Uuid{};
}

bool BrokerImage::has_online(Uuid directory) const {
  return directory.is_zero() || log_dirs.empty() || std::ranges::find(log_dirs, directory) != log_dirs.end();
}

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
