// What may be wrong with an image, and how two of them differ: for asserts and tests.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "raft/metadata/metadata_image.h"

namespace squall::raft {
namespace {

using Wrong = std::optional<std::string>;

bool within(const NodeList& some, const NodeList& all) {
  return std::ranges::all_of(some, [&](NodeId node) { return all.contains(node); });
}

bool differ(const NodeList& nodes) {
  std::set<NodeId> seen{nodes.begin(), nodes.end()};
  return seen.size() == nodes.size();
}

template <class Map>
bool same_targets(const Map& left, const Map& right) {
  return left.is_same_version(right) ||
         (left.size() == right.size() && std::equal(left.begin(), left.end(), right.begin(), [](const auto& a, const auto& b) {
            return a.first == b.first && (a.second == b.second || *a.second == *b.second);
          }));
}

// The index, and the sets of partitions, made anew.
struct Derived {
  PartitionIndex index;
  PersistentSet<PartitionKey> reassigning;
  PersistentSet<PartitionKey> not_preferred;

  void add(PartitionKey key, const PartitionImage& partition) {
    index.add(PartitionRole::leads, partition.leader, key);
    for (const NodeId node : partition.in_sync_replicas) index.add(PartitionRole::in_sync, node, key);
    for (const NodeId node : partition.eligible_leader_replicas) index.add(PartitionRole::eligible, node, key);
    if (partition.is_reassigning()) reassigning.set(key, {});
    if (!partition.has_preferred_leader()) not_preferred.set(key, {});
  }
};

Wrong wrong_leader(const MetadataImage& image, const PartitionImage& partition) {
  if (partition.leader == no_node) return std::nullopt;
  const BrokerImage* leader = image.brokers.get(partition.leader);
  if (leader == nullptr) return fmt::format("its leader {} is not registered", partition.leader);
  if (leader->fenced) return fmt::format("its leader {} is fenced", partition.leader);
  return std::nullopt;
}

}  // namespace

Wrong wrong_with(const PartitionImage& partition) {
  if (partition.replicas.empty()) return "it has no replicas";
  for (const NodeList* list : {&partition.replicas, &partition.in_sync_replicas, &partition.eligible_leader_replicas}) {
    if (!differ(*list)) return "a node stands in one of its lists twice";
  }
  if (!within(partition.in_sync_replicas, partition.replicas)) return "its ISR is not within its replicas";
  if (!within(partition.eligible_leader_replicas, partition.replicas)) return "its ELR is not within its replicas";
  if (!within(partition.adding_replicas, partition.replicas)) return "a replica is added that is none";
  if (!within(partition.removing_replicas, partition.replicas)) return "a replica is removed that is none";
  for (const NodeId node : partition.eligible_leader_replicas) {
    if (partition.in_sync_replicas.contains(node)) return "a replica is in the ISR and in the ELR";
  }
  if (!partition.directories.empty() && partition.directories.size() != partition.replicas.size()) {
    return "its directories are not as many as its replicas";
  }
  if (partition.leader != no_node && !partition.in_sync_replicas.contains(partition.leader)) {
    return fmt::format("its leader {} is not in its ISR", partition.leader);
  }
  return std::nullopt;
}

Wrong wrong_with(const MetadataImage& image) {
  Derived derived;
  for (const auto& [name, topic] : image.topics) {
    if (name != topic->name || image.find(topic->id) != topic) return fmt::format("topic {}: two topics of one id", name);
    for (std::size_t i = 0; i < topic->partitions.size(); ++i) {
      const PartitionImage& partition = topic->partitions[i];
      derived.add({topic->id, static_cast<std::int32_t>(i)}, partition);
      Wrong wrong = wrong_with(partition);
      if (!wrong) wrong = wrong_leader(image, partition);
      if (wrong) return fmt::format("{}-{}: {}", name, i, *wrong);
    }
  }
  if (image.topics.size() != image.topics_by_id.size()) return "names and ids of topics are not as many";
  if (!(derived.index == image.index)) return "the index differs from the partitions";
  if (!(derived.reassigning == image.reassigning)) return "the set of reassigned partitions differs from the partitions";
  if (!(derived.not_preferred == image.not_preferred)) return "the set of unbalanced partitions differs from the partitions";
  return std::nullopt;
}

Wrong difference(const MetadataImage& image, const MetadataImage& other) {
  if (image.end_offset != other.end_offset) return fmt::format("end offset {} != {}", image.end_offset, other.end_offset);
  if (!same_targets(image.topics, other.topics)) return "topics";
  if (!same_targets(image.topics_by_id, other.topics_by_id)) return "topics by id";
  if (!(image.colliding_names == other.colliding_names)) return "colliding names";
  if (!same_targets(image.configs, other.configs)) return "configs";
  if (!(image.brokers == other.brokers)) return "brokers";
  if (!(image.controllers == other.controllers)) return "controllers";
  if (!(image.features == other.features)) return "features";
  if (!(image.index == other.index)) return "partition index";
  if (!(image.reassigning == other.reassigning)) return "reassigned partitions";
  if (!(image.not_preferred == other.not_preferred)) return "unbalanced partitions";
  if (!same_targets(image.access_control, other.access_control)) return "access control entries";
  if (!same_targets(image.scram, other.scram)) return "SCRAM credentials";
  if (!same_targets(image.delegation_tokens, other.delegation_tokens)) return "delegation tokens";
  if (!same_targets(image.quotas, other.quotas)) return "quotas";
  if (image.next_producer_id != other.next_producer_id) return "producer ids";
  return std::nullopt;
}

}  // namespace squall::raft
