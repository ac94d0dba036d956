// What the cluster looks like at one point of the metadata log: an immutable picture that is shared, never changed.
//
// Only replaying records makes a new one (`ImageBuilder`), on leader and follower alike. Its containers share what two versions
// have in common, so that making the next one costs what changes, and keeping old ones (to go back to what is committed) costs
// nothing but that.
//
// Invariant: the partition index, `reassigning` and `not_preferred` say the same as the partitions do.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/types.h"
#include "base/uuid.h"
#include "protocol/messages/metadata_records.h"
#include "raft/metadata/node_list.h"
#include "raft/metadata/partition_index.h"
#include "raft/metadata/persistent_map.h"
#include "raft/metadata/persistent_vector.h"

namespace squall::raft {

using ConfigValues = std::map<std::string, std::string, std::less<>>;

// What a partition's leader still has to do after an unclean election; values are those of the records.
enum class LeaderRecovery : std::int8_t { recovered = 0, recovering = 1 };

struct PartitionImage {
  NodeList replicas;
  NodeList in_sync_replicas;
  NodeList removing_replicas;
  NodeList adding_replicas;
  NodeList eligible_leader_replicas;  // KIP-966
  NodeList last_known_leaders;        // the last leader of a partition without one (the field is named last_known_elr)
  std::vector<Uuid> directories;      // beside `replicas`, or empty
  NodeId leader = no_node;
  LeaderEpoch leader_epoch{0};
  std::int32_t partition_epoch = 0;
  LeaderRecovery recovery = LeaderRecovery::recovered;

  [[nodiscard]] bool is_reassigning() const { return !removing_replicas.empty() || !adding_replicas.empty(); }
  [[nodiscard]] bool has_preferred_leader() const { return !replicas.empty() && leader == replicas.front(); }
  // In which of its directories `broker` has its replica: zero if that is not known; nothing if it has none.
  [[nodiscard]] std::optional<Uuid> directory_of(NodeId broker) const;
  bool operator==(const PartitionImage&) const = default;
};

// Invariant: partitions are numbered from 0 without gaps once the records of one operation are replayed.
struct TopicImage {
  std::string name;
  Uuid id;
  PersistentVector<PartitionImage> partitions;

  // Null if there is none.
  [[nodiscard]] const PartitionImage* partition(std::int32_t index) const {
    const bool known = index >= 0 && static_cast<std::size_t>(index) < partitions.size();
    return known ? &partitions[static_cast<std::size_t>(index)] : nullptr;
  }
  bool operator==(const TopicImage&) const = default;
};

struct BrokerEndpointImage {
  std::string listener;
  std::string host;
  std::uint16_t port = 0;
  std::int16_t security_protocol = 0;

  bool operator==(const BrokerEndpointImage&) const = default;
};

// The levels of a feature that a node can work with, both included.
struct SupportedLevels {
  std::int16_t min = 0;
  std::int16_t max = 0;

  [[nodiscard]] bool contains(std::int16_t level) const { return min <= level && level <= max; }
  bool operator==(const SupportedLevels&) const = default;
};
using SupportedFeatures = std::map<std::string, SupportedLevels, std::less<>>;

struct BrokerImage {
  NodeId id;
  std::int64_t epoch = -1;  // the offset of its registration
  Uuid incarnation;
  std::optional<std::string> rack;
  std::vector<BrokerEndpointImage> endpoints;
  std::vector<Uuid> log_dirs;
  bool fenced = true;
  bool in_controlled_shutdown = false;
  SupportedFeatures features;

  // May lead and be in sync (KIP-841).
  [[nodiscard]] bool is_active() const { return !fenced && !in_controlled_shutdown; }
  // Whether what stands in `directory` can be served (KIP-858). Zero is one that is not known; a broker that registered before
  // there were directories has told of none.
  [[nodiscard]] bool has_online(Uuid directory) const;
  bool operator==(const BrokerImage&) const = default;
};

struct ControllerImage {
  NodeId id;
  Uuid incarnation;
  std::vector<BrokerEndpointImage> endpoints;
  SupportedFeatures features;

  bool operator==(const ControllerImage&) const = default;
};

enum class ConfigResource : std::int8_t { topic = 2, broker = 4, client_metrics = 16, group = 32 };

struct MetadataImage {
  using Topic = std::shared_ptr<const TopicImage>;
  using ConfigName = std::pair<ConfigResource, std::string>;
  template <class Record>
  using Shared = std::shared_ptr<const Record>;

  PersistentMap<std::string, Topic> topics;
  PersistentMap<Uuid, Topic> topics_by_id;
  // Of the names with '.' or '_': with '_' for '.', to the name itself. Kafka allows one of each.
  PersistentMap<std::string, std::string> colliding_names;
  PersistentMap<ConfigName, Shared<ConfigValues>> configs;
  PersistentMap<NodeId, BrokerImage> brokers;
  PersistentMap<NodeId, ControllerImage> controllers;
  PersistentMap<std::string, std::int16_t> features;

  PartitionIndex index;
  PersistentSet<PartitionKey> reassigning;
  PersistentSet<PartitionKey> not_preferred;  // led by another than the first replica, or by nobody

  // Kept as they came, by what they are found by.
  PersistentMap<Uuid, Shared<protocol::AccessControlEntryRecord>> access_control;
  PersistentMap<std::pair<std::string, std::int8_t>, Shared<protocol::UserScramCredentialRecord>> scram;
  PersistentMap<std::string, Shared<protocol::DelegationTokenRecord>> delegation_tokens;
  // By (entity, key), the entity as text: "type\0name\0" of each part in order of types, a default entity without a name.
  PersistentMap<std::pair<std::string, std::string>, Shared<protocol::ClientQuotaRecord>> quotas;

  std::int64_t next_producer_id = 0;
  Offset end_offset{0};  // of the metadata log: all below is in the picture
  // While a metadata transaction is open (KIP-866, KIP-868): what everybody but the controller is still to see.
  std::shared_ptr<const MetadataImage> before_transaction;

  // Null if there is none.
  [[nodiscard]] Topic find(std::string_view name) const;
  [[nodiscard]] Topic find(Uuid id) const;
  [[nodiscard]] const PartitionImage* find(PartitionKey key) const;
  // Empty if nothing is set.
  [[nodiscard]] const ConfigValues& config_of(ConfigResource resource, std::string_view name) const;
  // 0 if it is not finalized.
  [[nodiscard]] std::int16_t feature(std::string_view name) const;
  [[nodiscard]] bool is_active(NodeId broker) const;
};

// What an image of `image` differs in from `other`, or nothing. Compares all there is but `before_transaction`.
[[nodiscard]] std::optional<std::string> difference(const MetadataImage& image, const MetadataImage& other);

// What is wrong with an image, or nothing: the invariants of partitions, brokers and the index. Costs O(partitions).
//
//  - replicas are not empty and differ; ISR, ELR, adding and removing replicas are among them; ISR and ELR do not meet
//  - the leader is in the ISR, or nobody; it is registered and not fenced (KIP-841)
//  - the index and the sets of partitions agree with the partitions
[[nodiscard]] std::optional<std::string> wrong_with(const MetadataImage& image);
// The same of one partition.
[[nodiscard]] std::optional<std::string> wrong_with(const PartitionImage& partition);

}  // namespace squall::raft
