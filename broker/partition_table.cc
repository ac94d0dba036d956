#include "broker/partition_table.h"

#include <algorithm>

namespace squall::broker {
namespace {

const PartitionRef nobody;

template <class Found, class Map>
const PartitionRef& at(const Map& map, Found found, std::int32_t index) {
  if (found == map.end()) return nobody;
  const auto& partitions = found->second->partitions;
  if (index < 0 || static_cast<std::size_t>(index) >= partitions.size()) return nobody;
  return partitions[static_cast<std::size_t>(index)];
}

bool holds(const PartitionImage& partition, NodeId node) {
  return std::ranges::find(partition.replicas, node) != partition.replicas.end();
}

}  // namespace

const PartitionRef& PartitionTable::find(std::string_view topic, std::int32_t index) const {
  return at(by_name_, by_name_.find(topic), index);
}

const PartitionRef& PartitionTable::find(Uuid topic, std::int32_t index) const { return at(by_id_, by_id_.find(topic), index); }

void PartitionTable::apply(const MetadataImage& image, const std::vector<std::string>& topics) {
  for (const std::string& name : topics) {
    const MetadataImage::Topic wanted = image.find(name);
    const auto held = ordered_.find(name);
    if (held != ordered_.end() && (wanted == nullptr || wanted->id != held->second->id)) remove(name);
    if (wanted == nullptr) continue;
    put(*wanted, true);
    configure(*ordered_.find(name)->second);
  }
}

void PartitionTable::load(const MetadataImage& image) {
  for (const auto& [name, topic] : image.topics) {
    put(*topic, false);
    configure(*ordered_.find(name)->second);
  }
  for (const auto& log : logs_.logs()) {
    const log::TopicPartition name = log->partition();
    if (name.topic == "__cluster_metadata" || find(name.topic, name.partition.value()) != nullptr) continue;
    (void)logs_.set_aside(name);
  }
}

void PartitionTable::put(const TopicImage& topic, bool announce) {
  const auto [at, fresh] = ordered_.try_emplace(topic.name);
  if (fresh) at->second = std::make_shared<Topic>(Topic{topic.name, topic.id, {}});
  const TopicRef held = at->second;
  const std::size_t before = held->partitions.size();
  for (std::size_t i = before; i < topic.partitions.size(); ++i) {
    PartitionRef partition = holds(topic.partitions[i], node_) ? opened(topic, i) : nullptr;
    held->partitions.push_back(std::move(partition));
  }
  if (!fresh && held->partitions.size() == before) return;
  by_name_[topic.name] = held;
  by_id_[topic.id] = held;
  if (!announce) return;
  world_.emit(fresh ? runtime::EventName::topic_created : runtime::EventName::partitions_added,
              {{"topic", topic.name}, {"partitions", static_cast<std::int64_t>(topic.partitions.size())}});
}

void PartitionTable::configure(const Topic& topic) {
  logs_.config_changed(topic.name);
  const TopicConfig config = config_of_(topic.name);
  for (const PartitionRef& partition : topic.partitions) {
    if (partition != nullptr) partition->set_compression(config.compression, config.compression_level);
  }
}

PartitionRef PartitionTable::opened(const TopicImage& topic, std::size_t index) {
  const log::TopicPartition name{topic.name, PartitionIndex{static_cast<std::int32_t>(index)}};
  const LeaderEpoch epoch = topic.partitions[index].leader_epoch;
  auto log = logs_.create_log(name, topic.id);
  if (!log) return std::make_shared<Partition>(name, topic.id, nullptr, epoch);
  if ((*log)->latest_epoch() < epoch && !(*log)->assign_epoch_start(epoch, (*log)->log_end_offset())) {
    return std::make_shared<Partition>(name, topic.id, nullptr, epoch);
  }
  auto partition = std::make_shared<Partition>(name, topic.id, std::move(*log), epoch);
  partition->advance_high_watermark();
  return partition;
}

void PartitionTable::remove(std::string_view name) {
  const auto at = ordered_.find(name);
  if (at == ordered_.end()) return;
  const TopicRef topic = at->second;
  ordered_.erase(at);
  by_name_.erase(topic->name);
  by_id_.erase(topic->id);
  for (const PartitionRef& partition : topic->partitions) {
    if (partition == nullptr) continue;
    partition->remove();
    (void)logs_.remove_log(partition->name());
  }
  world_.emit(runtime::EventName::topic_deleted, {{"topic", topic->name}});
}

std::vector<PartitionRef> PartitionTable::all() const {
  std::vector<PartitionRef> partitions;
  for (const auto& [name, topic] : ordered_) {
    for (const PartitionRef& partition : topic->partitions) {
      if (partition != nullptr) partitions.push_back(partition);
    }
  }
  return partitions;
}

}  // namespace squall::broker
