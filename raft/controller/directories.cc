#include "raft/controller/directories.h"

#include <algorithm>
#include <set>

#include "raft/controller/leadership.h"
#include "raft/controller/partition_change.h"
#include "raft/metadata/record_version.h"

namespace squall::raft {
namespace {

using protocol::ErrorCode;
using Request = protocol::AssignReplicasToDirsRequest;

struct Place {
  NodeId broker;
  Uuid directory;
  bool online = false;
};

void assign(const DecisionContext& context, PartitionKey key, ElectionRules& rules, const Place& place, Records& records) {
  const MetadataImage& image = context.image;
  rules.look_up(key.topic);
  PartitionChange change{image, key, rules.min_isr()};
  change.directory(place.broker, place.directory);
  if (!place.online) {
    change.isr(without(image.find(key)->in_sync_replicas, place.broker)).not_led_by(place.broker).elect(rules.election());
  }
  if (auto record = change.build()) records.emplace_back(std::move(*record));
}

ErrorCode check(const MetadataImage& image, PartitionKey key, NodeId broker) {
  if (!image.topics_by_id.contains(key.topic)) return ErrorCode::unknown_topic_id;
  const PartitionImage* partition = image.find(key);
  if (partition == nullptr) return ErrorCode::unknown_topic_or_partition;
  return partition->replicas.contains(broker) ? ErrorCode::none : ErrorCode::not_leader_or_follower;
}

}  // namespace

Decision<protocol::AssignReplicasToDirsResponse> decide_assign_replicas(const DecisionContext& context,
                                                                        const Request& request) {
  Decision<protocol::AssignReplicasToDirsResponse> decision;
  decision.atomic = false;
  const NodeId id{request.broker_id};
  if (!MetadataVersion::of(context.image).has_directories()) {
    decision.response.error_code = protocol::to_wire(ErrorCode::unsupported_version);
    return decision;
  }
  if (auto wrong = check_broker_epoch(context.image, id, request.broker_epoch)) {
    decision.response.error_code = protocol::to_wire(wrong->code);
    return decision;
  }
  const auto& online = context.image.brokers.get(id)->log_dirs;
  ElectionRules rules{context.image, context.schema};
  std::set<PartitionKey> seen;
  for (const auto& directory : request.directories) {
    const Place place{id, directory.id, std::ranges::find(online, directory.id) != online.end()};
    auto& places = decision.response.directories.emplace_back();
    places.id = directory.id;
    for (const auto& topic : directory.topics) {
      auto& answers = places.topics.emplace_back();
      answers.topic_id = topic.topic_id;
      for (const auto& partition : topic.partitions) {
        const PartitionKey key{topic.topic_id, partition.partition_index};
        const bool twice = !seen.insert(key).second;
        const ErrorCode error = twice ? ErrorCode::invalid_request : check(context.image, key, id);
        answers.partitions.push_back({partition.partition_index, protocol::to_wire(error)});
        if (error == ErrorCode::none) assign(context, key, rules, place, decision.records);
      }
    }
  }
  return decision;
}

}  // namespace squall::raft
