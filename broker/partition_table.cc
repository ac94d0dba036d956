#include "broker/partition_table.h"

#include <algorithm>
#include <utility>

#include "raft/metadata/metadata_topic.h"
#include "runtime/together.h"

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

std::vector<NodeId> nodes_of(const raft::NodeList& list) { return {list.begin(), list.end()}; }

PartitionRegistration registration_of(const PartitionImage& image) {
  return {
      .replicas = nodes_of(image.replicas),
      .in_sync = nodes_of(image.in_sync_replicas),
      .adding = nodes_of(image.adding_replicas),
      .removing = nodes_of(image.removing_replicas),
      .leader = image.leader,
      .leader_epoch = image.leader_epoch,
      .partition_epoch = PartitionEpoch{image.partition_epoch},
      .recovery = image.recovery == raft::LeaderRecovery::recovering ? RecoveryState::recovering : RecoveryState::recovered};
}

}  // namespace

const PartitionRef& PartitionTable::find(std::string_view topic, std::int32_t index) const {
  return at(by_name_, by_name_.find(topic), index);
}

const PartitionRef& PartitionTable::find(Uuid topic, std::int32_t index) const { return at(by_id_, by_id_.find(topic), index); }

void PartitionTable::apply(const MetadataImage& image, const ImageChange& change) {
  if (change.brokers || change.all) {
    know_brokers(image);
    know_defaults(image);
  }
  if (!change.all) {
    for (const std::string& name : change.topics) agree(image, name, log::PartitionAge::made_now);
    return;
  }
  std::vector<std::string> held;
  for (const auto& [name, topic] : ordered_) held.push_back(name);
  // What a snapshot tells of may be older than what is known here.
  for (const std::string& name : held) agree(image, name, log::PartitionAge::known);
  for (const auto& [name, topic] : image.topics) {
    if (!ordered_.contains(name)) agree(image, name, log::PartitionAge::known);
  }
}

void PartitionTable::agree(const MetadataImage& image, const std::string& name, log::PartitionAge age) {
  const MetadataImage::Topic wanted = image.find(name);
  const auto held = ordered_.find(name);
  if (held != ordered_.end() && (wanted == nullptr || wanted->id != held->second->id)) remove(name);
  if (wanted != nullptr) put(wanted, age);
}

void PartitionTable::load(const MetadataImage& image) {
  know_brokers(image);
  know_defaults(image);
  for (const auto& [name, topic] : image.topics) put(topic, log::PartitionAge::known);
  for (const auto& log : logs_.logs()) {
    const log::TopicPartition name = log->partition();
    if (name.topic == raft::metadata_topic_name || find(name.topic, name.partition.value()) != nullptr) continue;
    (void)logs_.set_aside(name);
  }
}

void PartitionTable::know_brokers(const MetadataImage& image) {
  std::vector<BrokerStanding> standings;
  for (const auto& [id, broker] : image.brokers) {
    standings.push_back({.id = id,
                         .epoch = BrokerEpoch{broker.epoch},
                         .fenced = broker.fenced,
                         .shutting_down = broker.in_controlled_shutdown});
  }
  brokers_ = std::make_shared<const BrokerDirectory>(std::move(standings));
  for (const PartitionRef& partition : all()) partition->brokers_changed(brokers_);
}

// What is set for all brokers may be a default of every topic.
void PartitionTable::know_defaults(const MetadataImage& image) {
  const raft::ConfigValues& defaults = image.config_of(ConfigResource::broker, "");
  if (defaults == defaults_) return;
  defaults_ = defaults;
  for (const auto& [name, topic] : ordered_) configure(*topic);
}

void PartitionTable::put(const MetadataImage::Topic& topic, log::PartitionAge age) {
  const auto [at, fresh] = ordered_.try_emplace(topic->name);
  if (fresh) at->second = std::make_shared<Topic>(Topic{.name = topic->name, .id = topic->id});
  const TopicRef held = at->second;
  configure(*held);
  const std::size_t before = held->partitions.size();
  const auto known = std::exchange(held->applied, topic);
  std::vector<std::size_t> changed;
  topic->partitions.visit_unshared(known == nullptr ? raft::PersistentVector<PartitionImage>{} : known->partitions,
                                   [&](std::size_t index) { changed.push_back(index); });
  held->partitions.resize(std::max(before, topic->partitions.size()));
  put_all(*held, *topic, changed, age);
  if (!fresh && held->partitions.size() == before) return;
  by_name_[topic->name] = held;
  by_id_[topic->id] = held;
  if (age == log::PartitionAge::known) return;
  world_.emit(fresh ? runtime::EventName::topic_created : runtime::EventName::partitions_added,
              {{"topic", topic->name}, {"partitions", static_cast<std::int64_t>(topic->partitions.size())}});
}

// Of those that are here; a partition that comes is configured as it does.
void PartitionTable::configure(Topic& held) {
  TopicConfig config = config_of_(held.name);
  if (held.applied != nullptr && held.config == config) return;
  held.config = std::move(config);
  logs_.config_changed(held.name);
  for (const PartitionRef& partition : held.partitions) {
    if (partition != nullptr) partition->configure(held.config);
  }
}

// A new log, and a role that begins, wait for the disk.
bool PartitionTable::is_long(const Topic& held, const TopicImage& topic, std::size_t index) const {
  const PartitionRef& partition = held.partitions[index];
  const PartitionImage& wanted = topic.partitions[index];
  if (partition == nullptr) return holds(wanted, setup_.self);
  return partition->core().registration().leader_epoch != wanted.leader_epoch;
}

void PartitionTable::put_all(Topic& held, const TopicImage& topic, const std::vector<std::size_t>& indexes,
                             log::PartitionAge age) {
  constexpr std::size_t at_once_max = 64;
  std::size_t next = 0;
  const auto work = [&] {
    while (next < indexes.size()) put(held, topic, indexes[next++], age);
  };
  const auto long_ones = std::ranges::count_if(indexes, [&](std::size_t index) { return is_long(held, topic, index); });
  runtime::together(world_, "partition-opener", std::min(static_cast<std::size_t>(long_ones), at_once_max), work);
}

// A partition is put into its place when it has its role. Places are looked up again after each wait.
void PartitionTable::put(Topic& held, const TopicImage& topic, std::size_t index, log::PartitionAge age) {
  const PartitionImage& wanted = topic.partitions[index];
  PartitionRef partition = index < held.partitions.size() ? held.partitions[index] : nullptr;
  const bool ours = holds(wanted, setup_.self);
  if (partition == nullptr && ours) {
    partition = opened(topic, index, age);
    partition->configure(held.config);
  }
  if (partition != nullptr) {
    const PartitionRegistration& known = partition->core().registration();
    const bool news = known.partition_epoch.value() != wanted.partition_epoch || known.leader_epoch != wanted.leader_epoch;
    if (news) partition->apply(registration_of(wanted), brokers_);
  }
  if (partition != nullptr && !ours) {
    partition->remove();
    (void)logs_.remove_log(partition->name());
    partition = nullptr;
  }
  held.partitions[index] = std::move(partition);
}

PartitionRef PartitionTable::opened(const TopicImage& topic, std::size_t index, log::PartitionAge age) {
  const log::TopicPartition name{topic.name, PartitionIndex{static_cast<std::int32_t>(index)}};
  auto log = logs_.create_log(name, topic.id, age);
  return std::make_shared<Partition>(world_, name, topic.id, log ? std::move(*log) : nullptr, setup_);
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
