// Replay of topics, partitions, configurations and transactions; replay_nodes.cc holds brokers, features and credentials.
#include "raft/metadata/image_builder.h"

#include <algorithm>
#include <utility>

namespace squall::raft {
namespace {

NodeList nodes(const std::optional<std::vector<std::int32_t>>& ids) { return ids ? NodeList::of(*ids) : NodeList{}; }

}  // namespace

std::string collision_key(std::string_view topic) {
  if (topic.find_first_of("._") == std::string_view::npos) return {};
  std::string flat{topic};
  std::ranges::replace(flat, '.', '_');
  return flat;
}

PartitionImage changed_by(PartitionImage partition, const protocol::PartitionChangeRecord& record) {
  if (record.isr) partition.in_sync_replicas = NodeList::of(*record.isr);
  if (record.replicas) partition.replicas = NodeList::of(*record.replicas);
  if (record.removing_replicas) partition.removing_replicas = NodeList::of(*record.removing_replicas);
  if (record.adding_replicas) partition.adding_replicas = NodeList::of(*record.adding_replicas);
  if (record.directories) partition.directories = *record.directories;
  if (record.eligible_leader_replicas) partition.eligible_leader_replicas = NodeList::of(*record.eligible_leader_replicas);
  if (record.last_known_elr) partition.last_known_leaders = NodeList::of(*record.last_known_elr);
  if (record.leader_recovery_state >= 0) partition.recovery = static_cast<LeaderRecovery>(record.leader_recovery_state);
  if (record.leader != no_leader_change) {
    partition.leader = NodeId{record.leader};
    ++partition.leader_epoch;
  }
  ++partition.partition_epoch;
  return partition;
}

bool ImageBuilder::replay(const protocol::MetadataRecord& record, Offset offset) {
  return std::visit(
      [&](const auto& value) {
        if constexpr (requires { apply(value, offset); }) {
          return apply(value, offset);
        } else if constexpr (requires { apply(value); }) {
          return apply(value);
        } else {
          return true;  // NoOp, and what only a migration from ZooKeeper needs
        }
      },
      record);
}

std::shared_ptr<const MetadataImage> ImageBuilder::finish(Offset end_offset) {
  put_changes();
  image_.end_offset = end_offset;
  return std::make_shared<const MetadataImage>(std::move(image_));
}

std::vector<PartitionKey> ImageBuilder::touched_partitions() const {
  std::vector<PartitionKey> keys = touched_partitions_;
  std::ranges::sort(keys);
  const auto doubles = std::ranges::unique(keys);
  keys.erase(doubles.begin(), doubles.end());
  return keys;
}

void ImageBuilder::put_changes() {
  for (const auto& [id, topic] : changed_) {
    image_.topics.set(topic->name, topic);
    image_.topics_by_id.set(id, topic);
  }
  changed_.clear();
}

TopicImage* ImageBuilder::topic_to_change(Uuid id) {
  if (const auto at = changed_.find(id); at != changed_.end()) return at->second.get();
  const MetadataImage::Topic* topic = image_.topics_by_id.get(id);
  if (topic == nullptr) return nullptr;
  touched_.insert((*topic)->name);
  return changed_.emplace(id, std::make_shared<TopicImage>(**topic)).first->second.get();
}

void ImageBuilder::index(PartitionKey key, const PartitionImage& partition) {
  image_.index.add(PartitionRole::leads, partition.leader, key);
  for (const NodeId node : partition.in_sync_replicas) image_.index.add(PartitionRole::in_sync, node, key);
  for (const NodeId node : partition.eligible_leader_replicas) image_.index.add(PartitionRole::eligible, node, key);
  if (partition.is_reassigning()) image_.reassigning.set(key, {});
  if (!partition.has_preferred_leader()) image_.not_preferred.set(key, {});
}

void ImageBuilder::unindex(PartitionKey key, const PartitionImage& partition) {
  image_.index.remove(PartitionRole::leads, partition.leader, key);
  for (const NodeId node : partition.in_sync_replicas) image_.index.remove(PartitionRole::in_sync, node, key);
  for (const NodeId node : partition.eligible_leader_replicas) image_.index.remove(PartitionRole::eligible, node, key);
  if (partition.is_reassigning()) image_.reassigning.erase(key);
  if (!partition.has_preferred_leader()) image_.not_preferred.erase(key);
}

// Most changes move few of a partition's places: the others are left alone.
void ImageBuilder::reindex(PartitionKey key, const PartitionImage& before, const PartitionImage& after) {
  const auto move_members = [&](PartitionRole role, const NodeList& from, const NodeList& to) {
    for (const NodeId node : from) {
      if (!to.contains(node)) image_.index.remove(role, node, key);
    }
    for (const NodeId node : to) {
      if (!from.contains(node)) image_.index.add(role, node, key);
    }
  };
  if (before.leader != after.leader) {
    image_.index.remove(PartitionRole::leads, before.leader, key);
    image_.index.add(PartitionRole::leads, after.leader, key);
  }
  move_members(PartitionRole::in_sync, before.in_sync_replicas, after.in_sync_replicas);
  move_members(PartitionRole::eligible, before.eligible_leader_replicas, after.eligible_leader_replicas);
  const auto mark = [&](PersistentSet<PartitionKey>& keys, bool was, bool is) {
    if (was && !is) keys.erase(key);
    if (is && !was) keys.set(key, {});
  };
  mark(image_.reassigning, before.is_reassigning(), after.is_reassigning());
  mark(image_.not_preferred, !before.has_preferred_leader(), !after.has_preferred_leader());
}

void ImageBuilder::put(TopicImage& topic, std::int32_t number, PartitionImage partition) {
  const PartitionKey key{topic.id, number};
  const auto at = static_cast<std::size_t>(number);
  touched_partitions_.push_back(key);
  if (at == topic.partitions.size()) {
    index(key, partition);
    topic.partitions.push_back(std::move(partition));
    return;
  }
  reindex(key, topic.partitions[at], partition);
  topic.partitions.change(at) = std::move(partition);
}

bool ImageBuilder::apply(const protocol::TopicRecord& record) {
  if (image_.topics.contains(record.name) || changed_.contains(record.topic_id)) return false;
  touched_.insert(record.name);
  changed_.emplace(record.topic_id, std::make_shared<TopicImage>(TopicImage{record.name, record.topic_id, {}}));
  if (const std::string key = collision_key(record.name); !key.empty()) image_.colliding_names.set(key, record.name);
  return true;
}

bool ImageBuilder::apply(const protocol::PartitionRecord& record) {
  TopicImage* topic = topic_to_change(record.topic_id);
  if (topic == nullptr || record.partition_id < 0) return false;
  if (static_cast<std::size_t>(record.partition_id) > topic->partitions.size()) return false;
  PartitionImage partition{.replicas = NodeList::of(record.replicas),
                           .in_sync_replicas = NodeList::of(record.isr),
                           .removing_replicas = NodeList::of(record.removing_replicas),
                           .adding_replicas = NodeList::of(record.adding_replicas),
                           .eligible_leader_replicas = nodes(record.eligible_leader_replicas),
                           .last_known_leaders = nodes(record.last_known_elr),
                           .directories = record.directories,
                           .leader = NodeId{record.leader},
                           .leader_epoch = LeaderEpoch{record.leader_epoch},
                           .partition_epoch = record.partition_epoch,
                           .recovery = static_cast<LeaderRecovery>(record.leader_recovery_state)};
  put(*topic, record.partition_id, std::move(partition));
  return true;
}

bool ImageBuilder::apply(const protocol::PartitionChangeRecord& record) {
  TopicImage* topic = topic_to_change(record.topic_id);
  const PartitionImage* before = topic == nullptr ? nullptr : topic->partition(record.partition_id);
  if (before == nullptr) return false;
  put(*topic, record.partition_id, changed_by(*before, record));
  return true;
}

bool ImageBuilder::apply(const protocol::RemoveTopicRecord& record) {
  TopicImage* topic = topic_to_change(record.topic_id);
  if (topic == nullptr) return false;
  const std::string name = topic->name;
  touched_.insert(name);
  for (std::size_t i = 0; i < topic->partitions.size(); ++i) {
    unindex({topic->id, static_cast<std::int32_t>(i)}, topic->partitions[i]);
  }
  changed_.erase(record.topic_id);
  image_.topics.erase(name);
  image_.topics_by_id.erase(record.topic_id);
  image_.configs.erase(MetadataImage::ConfigName{ConfigResource::topic, name});
  if (const std::string key = collision_key(name); !key.empty()) image_.colliding_names.erase(key);
  return true;
}

bool ImageBuilder::apply(const protocol::ConfigRecord& record) {
  const auto resource = static_cast<ConfigResource>(record.resource_type);
  if (resource == ConfigResource::topic) touched_.insert(record.resource_name);
  const MetadataImage::ConfigName name{resource, record.resource_name};
  ConfigValues values = image_.config_of(resource, record.resource_name);
  if (record.value) {
    values[record.name] = *record.value;
  } else {
    values.erase(record.name);
  }
  if (values.empty()) {
    image_.configs.erase(name);
  } else {
    image_.configs.set(name, std::make_shared<const ConfigValues>(std::move(values)));
  }
  return true;
}

void ImageBuilder::clear_eligible_replicas(Uuid id) {
  const MetadataImage::Topic topic = *image_.topics_by_id.get(id);
  for (std::size_t i = 0; i < topic->partitions.size(); ++i) {
    const PartitionImage& before = topic->partitions[i];
    if (before.eligible_leader_replicas.empty() && before.last_known_leaders.empty()) continue;
    PartitionImage partition = before;
    partition.eligible_leader_replicas = {};
    partition.last_known_leaders = {};
    ++partition.partition_epoch;
    put(*topic_to_change(id), static_cast<std::int32_t>(i), std::move(partition));
  }
}

// Without a name: of all topics.
bool ImageBuilder::apply(const protocol::ClearElrRecord& record) {
  put_changes();
  if (record.topic_name.empty()) {
    const auto topics = image_.topics_by_id;
    for (const auto& [id, topic] : topics) clear_eligible_replicas(id);
    return true;
  }
  const MetadataImage::Topic* topic = image_.topics.get(record.topic_name);
  if (topic == nullptr) return false;
  clear_eligible_replicas((*topic)->id);
  return true;
}

bool ImageBuilder::apply(const protocol::BeginTransactionRecord&, Offset offset) {
  if (image_.before_transaction != nullptr) return false;
  put_changes();
  image_.end_offset = offset;
  image_.before_transaction = std::make_shared<const MetadataImage>(image_);
  return true;
}

bool ImageBuilder::apply(const protocol::EndTransactionRecord&) {
  if (image_.before_transaction == nullptr) return false;
  image_.before_transaction = nullptr;
  return true;
}

bool ImageBuilder::apply(const protocol::AbortTransactionRecord&) {
  if (image_.before_transaction == nullptr) return false;
  changed_.clear();
  const auto before = image_.before_transaction;
  image_ = *before;
  return true;
}

}  // namespace squall::raft
