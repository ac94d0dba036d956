// What the cluster looks like at one point of the metadata log: an immutable picture that is shared, never changed.
//
// Only replaying records makes a new one (`ImageBuilder`), on leader and follower alike.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/types.h"
#include "base/uuid.h"
#include "broker/config.h"
#include "broker/metadata_record.h"

namespace squall::broker {

struct PartitionImage {
  std::vector<NodeId> replicas;
  std::vector<NodeId> in_sync_replicas;
  std::vector<Uuid> directories;
  NodeId leader = no_node;
  LeaderEpoch leader_epoch{0};
  std::int32_t partition_epoch = 0;
};

// Invariant: partitions are numbered from 0 without gaps once the records of one operation are replayed.
struct TopicImage {
  std::string name;
  Uuid id;
  std::vector<PartitionImage> partitions;
};

struct BrokerEndpointImage {
  std::string listener;
  std::string host;
  std::uint16_t port = 0;
};

struct BrokerImage {
  NodeId id;
  std::int64_t epoch = -1;  // the offset of its registration
  Uuid incarnation;
  std::optional<std::string> rack;
  std::vector<BrokerEndpointImage> endpoints;
  std::vector<Uuid> log_dirs;
  bool fenced = true;
};

enum class ConfigResource : std::int8_t { topic = 2, broker = 4 };

struct MetadataImage {
  using Topic = std::shared_ptr<const TopicImage>;
  using ConfigName = std::pair<ConfigResource, std::string>;

  std::map<std::string, Topic, std::less<>> topics;
  std::map<Uuid, Topic> topics_by_id;
  std::map<ConfigName, ConfigValues> configs;
  std::map<NodeId, BrokerImage> brokers;
  std::map<std::string, std::int16_t, std::less<>> features;
  std::int64_t next_producer_id = 0;
  Offset end_offset{0};  // of the metadata log: all below is in the picture

  // Null if there is none.
  [[nodiscard]] Topic find(std::string_view name) const;
  [[nodiscard]] Topic find(Uuid id) const;
  // Empty if nothing is set.
  [[nodiscard]] const ConfigValues& config_of(ConfigResource resource, std::string_view name) const;
};

// Replays records onto a copy of an image.
class ImageBuilder {
 public:
  explicit ImageBuilder(const MetadataImage& base) : image_{base} {}

  // False if the record contradicts the image (a partition of a topic that does not exist): then the log is corrupt.
  [[nodiscard]] bool replay(const MetadataRecord& record, Offset offset);
  [[nodiscard]] std::shared_ptr<const MetadataImage> finish(Offset end_offset);
  // Names of the topics that the records made, changed (partitions or configuration) or removed; sorted, without doubles.
  [[nodiscard]] std::vector<std::string> touched_topics() const;

 private:
  TopicImage* topic_to_change(Uuid id);
  bool apply(const protocol::TopicRecord& record);
  bool apply(const protocol::PartitionRecord& record);
  bool apply(const protocol::PartitionChangeRecord& record);
  bool apply(const protocol::RemoveTopicRecord& record);
  bool apply(const protocol::ConfigRecord& record);
  bool apply(const protocol::RegisterBrokerRecord& record, Offset offset);
  bool apply(const protocol::BrokerRegistrationChangeRecord& record);
  bool apply(const protocol::FeatureLevelRecord& record);
  bool apply(const protocol::ProducerIdsRecord& record);

  MetadataImage image_;
  std::map<Uuid, std::shared_ptr<TopicImage>> changed_;
  std::map<std::string, bool> touched_;
};

}  // namespace squall::broker
