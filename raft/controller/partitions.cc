// Adding partitions to topics, and what new partitions have in common.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "raft/controller/partition_change.h"
#include "raft/controller/placement.h"
#include "raft/controller/topics.h"
#include "raft/metadata/record_version.h"

namespace squall::raft {

using protocol::ErrorCode;

Verdict check_assignment(const MetadataImage& image, const Assignment& brokers) {
  const auto refuse = [](std::string why) { return Refusal{ErrorCode::invalid_replica_assignment, std::move(why)}; };
  if (brokers.empty()) return refuse("The manual partition assignment includes an empty replica list.");
  std::set<std::int32_t> seen;
  for (const std::int32_t broker : brokers) {
    if (!image.brokers.contains(NodeId{broker})) {
      return refuse(
          fmt::format("The manual partition assignment includes broker {}, but no such broker is registered.", broker));
    }
    if (!seen.insert(broker).second) {
      return refuse(fmt::format("The manual partition assignment includes the broker {} more than once.", broker));
    }
  }
  return std::nullopt;
}

Refusal nobody_active(std::int32_t partition) {
  return {ErrorCode::invalid_replica_assignment,
          fmt::format("All brokers specified in the manual partition assignment for partition {} are fenced or in controlled "
                      "shutdown.",
                      partition)};
}

std::optional<protocol::PartitionRecord> new_partition(const MetadataImage& image, Uuid topic, std::int32_t index,
                                                       const Assignment& replicas) {
  protocol::PartitionRecord record;
  record.partition_id = index;
  record.topic_id = topic;
  record.replicas = replicas;
  for (const std::int32_t replica : replicas) {
    if (image.is_active(NodeId{replica})) record.isr.push_back(replica);
  }
  if (record.isr.empty()) return std::nullopt;
  record.leader = record.isr.front();
  record.leader_epoch = 0;
  record.partition_epoch = 0;
  if (MetadataVersion::of(image).has_directories()) {
    for (const std::int32_t replica : replicas) record.directories.push_back(default_directory(image, NodeId{replica}));
  }
  return record;
}

namespace {

using Wanted = protocol::CreatePartitionsRequest::CreatePartitionsTopic;

Verdict check_count(const Wanted& wanted, std::size_t partitions, std::size_t records) {
  const auto now = static_cast<std::int64_t>(partitions);
  if (wanted.count < now) {
    return Refusal{ErrorCode::invalid_partitions,
                   fmt::format("The topic {} currently has {} partition(s); {} would not be an increase.", quote(wanted.name),
                               now, wanted.count)};
  }
  if (wanted.count == now) {
    return Refusal{ErrorCode::invalid_partitions, fmt::format("Topic already has {} partition(s).", now)};
  }
  const auto added = static_cast<std::size_t>(wanted.count - now);
  if (records + added > records_per_operation_max) {
    return Refusal{ErrorCode::policy_violation, "Excessively large number of partitions per request."};
  }
  if (wanted.assignments && wanted.assignments->size() != added) {
    return Refusal{ErrorCode::invalid_replica_assignment,
                   fmt::format("Attempted to add {} additional partition(s), but only {} assignment(s) were specified.", added,
                               wanted.assignments->size())};
  }
  return std::nullopt;
}

Verdict check_factor(const Assignment& replicas, std::size_t factor) {
  if (replicas.size() == factor) return std::nullopt;
  return Refusal{ErrorCode::invalid_replica_assignment,
                 fmt::format("The manual partition assignment includes a partition with {} replica(s), but this is not "
                             "consistent with previous partitions, which have {} replica(s).",
                             replicas.size(), factor)};
}

Verdict grow(const DecisionContext& context, const Wanted& wanted, Records& made) {
  const MetadataImage::Topic topic = context.image.find(wanted.name);
  if (topic == nullptr) {
    return Refusal{ErrorCode::unknown_topic_or_partition, "This server does not host this topic-partition."};
  }
  if (auto wrong = check_count(wanted, topic->partitions.size(), made.size())) return wrong;
  const std::size_t factor = topic->partitions.front().replicas.size();
  ReplicaPlacer placer{context.image, context.random};
  if (!wanted.assignments && factor > placer.brokers()) {
    return Refusal{ErrorCode::invalid_replication_factor, "Not enough brokers are registered."};
  }
  if (!wanted.assignments && placer.all_fenced()) {
    return Refusal{ErrorCode::invalid_replication_factor, "All brokers are currently fenced."};
  }
  const std::size_t before = topic->partitions.size();
  const std::size_t added = static_cast<std::size_t>(wanted.count) - before;
  Records records;
  for (std::size_t i = 0; i < added; ++i) {
    const auto index = static_cast<std::int32_t>(before + i);
    const Assignment replicas = wanted.assignments ? (*wanted.assignments)[i].broker_ids : placer.place(factor);
    if (auto wrong = check_assignment(context.image, replicas)) return wrong;
    if (auto wrong = check_factor(replicas, factor)) return wrong;
    auto record = new_partition(context.image, topic->id, index, replicas);
    if (!record) return nobody_active(index);
    records.emplace_back(std::move(*record));
  }
  std::ranges::move(records, std::back_inserter(made));
  return std::nullopt;
}

}  // namespace

Decision<protocol::CreatePartitionsResponse> decide_create_partitions(const DecisionContext& context,
                                                                      const protocol::CreatePartitionsRequest& request) {
  Decision<protocol::CreatePartitionsResponse> decision;
  std::map<std::string_view, int> times;
  for (const auto& topic : request.topics) ++times[topic.name];
  for (const auto& topic : request.topics) {
    auto& result = decision.response.results.emplace_back();
    result.name = topic.name;
    if (times[topic.name] > 1) {
      note(result, Refusal{ErrorCode::invalid_request, "Duplicate topic name."});
    } else {
      note(result, grow(context, topic, decision.records));
    }
  }
  if (request.validate_only) decision.records.clear();
  return decision;
}

}  // namespace squall::raft
