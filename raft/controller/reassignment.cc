#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "raft/controller/partition_change.h"
#include "raft/controller/partition_changes.h"
#include "raft/controller/topics.h"

namespace squall::raft {
namespace {

using protocol::ErrorCode;
using Request = protocol::AlterPartitionReassignmentsRequest;
using Wanted = Request::ReassignablePartition;
using Nodes = std::vector<NodeId>;

bool has(const Nodes& nodes, NodeId node) { return std::ranges::find(nodes, node) != nodes.end(); }

Nodes nodes_in(const NodeList& list, bool (*keep)(const PartitionImage&, NodeId), const PartitionImage& partition) {
  Nodes nodes;
  for (const NodeId node : list) {
    if (keep(partition, node)) nodes.push_back(node);
  }
  return nodes;
}

bool is_not_added(const PartitionImage& partition, NodeId node) { return !partition.adding_replicas.contains(node); }

// Back to the replicas from before. If only added replicas are in sync (or eligible, KIP-966), that would lose records.
Verdict cancel(const DecisionContext& context, const TopicImage& topic, PartitionKey key, Records& records) {
  const MetadataImage& image = context.image;
  const PartitionImage& partition = *image.find(key);
  if (!partition.is_reassigning()) {
    return Refusal{ErrorCode::no_reassignment_in_progress, std::string{message(ErrorCode::no_reassignment_in_progress)}};
  }
  Nodes replicas = nodes_in(partition.replicas, is_not_added, partition);
  Nodes isr = nodes_in(partition.in_sync_replicas, is_not_added, partition);
  const bool eligible =
      std::ranges::any_of(replicas, [&](NodeId node) { return partition.eligible_leader_replicas.contains(node); });
  const bool unclean = isr.empty() && !eligible;
  if (replicas.empty() || (unclean && !unclean_election_enabled(context.schema, image, topic.name))) {
    return Refusal{ErrorCode::invalid_replica_assignment,
                   fmt::format("Unable to revert partition assignment for {}:{} because it would require an unclean leader "
                               "election.",
                               topic.name, key.partition)};
  }
  PartitionChange change{image, key, min_in_sync_replicas(context.schema, image, topic.name)};
  change.replicas(std::move(replicas)).isr(std::move(isr)).adding({}).removing({});
  auto record = change.elect(unclean ? Election::unclean : Election::online).build();
  if (record && unclean && (!record->isr || record->isr->empty())) {
    return Refusal{ErrorCode::invalid_replica_assignment, "None of the replicas to revert to is active."};
  }
  if (record) records.emplace_back(std::move(*record));
  return std::nullopt;
}

Verdict move(const DecisionContext& context, const TopicImage& topic, PartitionKey key, const Wanted& wanted,
             bool factor_may_change, Records& records) {
  const MetadataImage& image = context.image;
  const PartitionImage& partition = *image.find(key);
  if (auto wrong = check_assignment(image, *wanted.replicas)) return wrong;
  // What the partition had before a reassignment that is under way.
  const std::size_t factor = partition.replicas.size() - partition.adding_replicas.size();
  if (!factor_may_change && wanted.replicas->size() != factor) {
    return Refusal{ErrorCode::invalid_replication_factor,
                   fmt::format("The replication factor is changed from {} to {}", factor, wanted.replicas->size())};
  }
  Nodes replicas;
  Nodes adding;
  Nodes removing;
  for (const std::int32_t id : *wanted.replicas) {
    const NodeId node{id};
    replicas.push_back(node);
    // Those added before are not in sync yet: they stay "adding".
    if (!partition.replicas.contains(node) || partition.adding_replicas.contains(node)) adding.push_back(node);
  }
  Nodes isr = nodes_of(partition.in_sync_replicas);
  for (const NodeId node : partition.replicas) {
    if (has(replicas, node)) continue;
    // An added one that is no longer wanted was never part of the assignment: it goes at once, unless it alone has the records.
    // Without a leader, that cannot be told.
    const bool others = partition.leader != no_node && (isr.size() > 1 || !has(isr, node));
    const bool drop = partition.adding_replicas.contains(node) && others;
    if (drop) {
      std::erase(isr, node);
    } else {
      removing.push_back(node);
    }
  }
  std::ranges::copy(removing, std::back_inserter(replicas));
  std::ranges::sort(adding);
  std::ranges::sort(removing);
  PartitionChange change{image, key, min_in_sync_replicas(context.schema, image, topic.name)};
  change.replicas(std::move(replicas)).isr(std::move(isr)).adding(std::move(adding)).removing(std::move(removing));
  if (auto record = change.build()) records.emplace_back(std::move(*record));
  return std::nullopt;
}

}  // namespace

Decision<protocol::AlterPartitionReassignmentsResponse> decide_reassignments(const DecisionContext& context,
                                                                             const Request& request) {
  Decision<protocol::AlterPartitionReassignmentsResponse> decision;
  decision.response.error_message = std::nullopt;
  decision.response.allow_replication_factor_change = request.allow_replication_factor_change;
  decision.atomic = false;
  std::set<PartitionKey> seen;
  for (const auto& topic : request.topics) {
    auto& answers = decision.response.responses.emplace_back();
    answers.name = topic.name;
    const MetadataImage::Topic image = context.image.find(topic.name);
    for (const auto& wanted : topic.partitions) {
      auto& answer = answers.partitions.emplace_back();
      answer.partition_index = wanted.partition_index;
      if (image == nullptr || image->partition(wanted.partition_index) == nullptr) {
        note(answer, Refusal{ErrorCode::unknown_topic_or_partition, "This server does not host this topic-partition."});
        continue;
      }
      const PartitionKey key{image->id, wanted.partition_index};
      if (!seen.insert(key).second) {
        note(answer, Refusal{ErrorCode::invalid_request, "The partition stands in the request twice."});
      } else if (!wanted.replicas) {
        note(answer, cancel(context, *image, key, decision.records));
      } else {
        note(answer, move(context, *image, key, wanted, request.allow_replication_factor_change, decision.records));
      }
    }
  }
  return decision;
}

protocol::ListPartitionReassignmentsResponse list_reassignments(const MetadataImage& image,
                                                                const protocol::ListPartitionReassignmentsRequest& request) {
  protocol::ListPartitionReassignmentsResponse response;
  response.error_message = std::nullopt;
  std::map<std::string, std::set<std::int32_t>> wanted;
  if (request.topics) {
    for (const auto& topic : *request.topics) {
      wanted[topic.name].insert(topic.partition_indexes.begin(), topic.partition_indexes.end());
    }
  }
  for (const auto& [key, nothing] : image.reassigning) {
    const MetadataImage::Topic topic = image.find(key.topic);
    if (request.topics) {
      const auto at = wanted.find(topic->name);
      if (at == wanted.end() || !at->second.contains(key.partition)) continue;
    }
    if (response.topics.empty() || response.topics.back().name != topic->name) {
      response.topics.emplace_back().name = topic->name;
    }
    const PartitionImage& partition = *topic->partition(key.partition);
    auto& answer = response.topics.back().partitions.emplace_back();
    answer.partition_index = key.partition;
    answer.replicas = partition.replicas.ids();
    answer.adding_replicas = partition.adding_replicas.ids();
    answer.removing_replicas = partition.removing_replicas.ids();
  }
  return response;
}

}  // namespace squall::raft
