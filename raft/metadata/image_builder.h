// Replays records of the metadata log onto a copy of an image: the only way there is to change one.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/types.h"
#include "raft/metadata/metadata_image.h"

namespace squall::raft {

class ImageBuilder {
 public:
  explicit ImageBuilder(const MetadataImage& base) : image_{base} {}

  // False if the record contradicts the image (a partition of a topic that does not exist): then the log is corrupt.
  [[nodiscard]] bool replay(const protocol::MetadataRecord& record, Offset offset);
  [[nodiscard]] std::shared_ptr<const MetadataImage> finish(Offset end_offset);

  // What the records made, changed (partitions or configuration) or removed; sorted, without doubles.
  [[nodiscard]] std::vector<std::string> touched_topics() const { return {touched_.begin(), touched_.end()}; }
  // Partitions that were made or changed, including such as are gone again; sorted, without doubles.
  [[nodiscard]] std::vector<PartitionKey> touched_partitions() const;

 private:
  TopicImage* topic_to_change(Uuid id);
  void put_changes();
  void index(PartitionKey key, const PartitionImage& partition);
  void unindex(PartitionKey key, const PartitionImage& partition);
  void reindex(PartitionKey key, const PartitionImage& before, const PartitionImage& after);
  // Takes `partition` in, in place of the one that was there.
  void put(TopicImage& topic, std::int32_t number, PartitionImage partition);
  void clear_eligible_replicas(Uuid topic);

  bool apply(const protocol::RegisterBrokerRecord& record, Offset offset);
  bool apply(const protocol::UnregisterBrokerRecord& record);
  bool apply(const protocol::TopicRecord& record);
  bool apply(const protocol::PartitionRecord& record);
  bool apply(const protocol::ConfigRecord& record);
  bool apply(const protocol::PartitionChangeRecord& record);
  bool apply(const protocol::FenceBrokerRecord& record);
  bool apply(const protocol::UnfenceBrokerRecord& record);
  bool apply(const protocol::RemoveTopicRecord& record);
  bool apply(const protocol::DelegationTokenRecord& record);
  bool apply(const protocol::UserScramCredentialRecord& record);
  bool apply(const protocol::FeatureLevelRecord& record);
  bool apply(const protocol::ClientQuotaRecord& record);
  bool apply(const protocol::ProducerIdsRecord& record);
  bool apply(const protocol::BrokerRegistrationChangeRecord& record);
  bool apply(const protocol::AccessControlEntryRecord& record);
  bool apply(const protocol::RemoveAccessControlEntryRecord& record);
  bool apply(const protocol::RemoveUserScramCredentialRecord& record);
  bool apply(const protocol::BeginTransactionRecord& record, Offset offset);
  bool apply(const protocol::EndTransactionRecord& record);
  bool apply(const protocol::AbortTransactionRecord& record);
  bool apply(const protocol::RemoveDelegationTokenRecord& record);
  bool apply(const protocol::RegisterControllerRecord& record);
  bool apply(const protocol::ClearElrRecord& record);

  MetadataImage image_;
  std::map<Uuid, std::shared_ptr<TopicImage>> changed_;
  std::set<std::string> touched_;
  std::vector<PartitionKey> touched_partitions_;  // as they came
};

// A record's `leader` that changes neither the leader nor its epoch.
inline constexpr std::int32_t no_leader_change = -2;
// The partition as it is once `record` is replayed.
[[nodiscard]] PartitionImage changed_by(PartitionImage partition, const protocol::PartitionChangeRecord& record);

// How the name of a topic stands in `MetadataImage::colliding_names`; empty for names that cannot collide.
[[nodiscard]] std::string collision_key(std::string_view topic);

}  // namespace squall::raft
