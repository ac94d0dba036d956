// Elections that are asked for (ElectLeaders), and those that the controller holds by itself.
#include <fmt/format.h>

#include <set>

#include "raft/controller/partition_change.h"
#include "raft/controller/partition_changes.h"

namespace squall::raft {
namespace {

using protocol::ErrorCode;
using Result = protocol::ElectLeadersResponse::ReplicaElectionResult;

std::optional<protocol::PartitionChangeRecord> elect(const DecisionContext& context, PartitionKey key, std::size_t min_isr,
                                                     Election election) {
  PartitionChange change{context.image, key, min_isr};
  return change.elect(election).build();
}

Verdict elect_one(const DecisionContext& context, const MetadataImage::Topic& topic, std::int32_t index, Election election,
                  Records& records) {
  const PartitionImage* partition = topic == nullptr ? nullptr : topic->partition(index);
  if (partition == nullptr) {
    return Refusal{ErrorCode::unknown_topic_or_partition, "No such topic or partition."};
  }
  const bool needed = election == Election::preferred ? !partition->has_preferred_leader() : partition->leader == no_node;
  if (!needed) return Refusal{ErrorCode::election_not_needed, std::string{message(ErrorCode::election_not_needed)}};
  const std::size_t min_isr = min_in_sync_replicas(context.schema, context.image, topic->name);
  auto record = elect(context, {topic->id, index}, min_isr, election);
  if (!record) {
    const ErrorCode code =
        election == Election::preferred ? ErrorCode::preferred_leader_not_available : ErrorCode::eligible_leaders_not_available;
    return Refusal{code, std::string{message(code)}};
  }
  records.emplace_back(std::move(*record));
  return std::nullopt;
}

template <class Visit>
void visit_all(const PersistentSet<PartitionKey>& keys, Visit visit) {
  for (const auto& [key, nothing] : keys) {
    if (!visit(key)) return;
  }
}

// Elects in all partitions where it matters, and tells of these.
void elect_all(const DecisionContext& context, Election election, Decision<protocol::ElectLeadersResponse>& decision) {
  auto& results = decision.response.replica_election_results;
  const auto elect_in = [&](PartitionKey key) {
    const MetadataImage::Topic topic = context.image.find(key.topic);
    if (results.empty() || results.back().topic != topic->name) results.emplace_back().topic = topic->name;
    auto& answer = results.back().partition_result.emplace_back();
    answer.partition_id = key.partition;
    note(answer, elect_one(context, topic, key.partition, election, decision.records));
    return true;
  };
  if (election == Election::preferred) {
    visit_all(context.image.not_preferred, elect_in);
  } else {
    context.image.index.for_each(PartitionRole::leads, no_node, elect_in);
  }
}

}  // namespace

Decision<protocol::ElectLeadersResponse> decide_elect_leaders(const DecisionContext& context,
                                                              const protocol::ElectLeadersRequest& request) {
  Decision<protocol::ElectLeadersResponse> decision;
  decision.atomic = false;
  constexpr std::int8_t unclean = 1;
  if (request.election_type < 0 || request.election_type > unclean) {
    decision.response.error_code = protocol::to_wire(ErrorCode::invalid_request);
    return decision;
  }
  const Election election = request.election_type == unclean ? Election::unclean : Election::preferred;
  if (!request.topic_partitions) {
    elect_all(context, election, decision);
    return decision;
  }
  std::set<std::pair<std::string_view, std::int32_t>> seen;
  for (const auto& topic : *request.topic_partitions) {
    Result& result = decision.response.replica_election_results.emplace_back();
    result.topic = topic.topic;
    const MetadataImage::Topic image = context.image.find(topic.topic);
    for (const std::int32_t index : topic.partitions) {
      if (!seen.emplace(topic.topic, index).second) continue;
      auto& answer = result.partition_result.emplace_back();
      answer.partition_id = index;
      note(answer, elect_one(context, image, index, election, decision.records));
    }
  }
  return decision;
}

PeriodicElections balance_leaders(const DecisionContext& context, std::size_t most) {
  PeriodicElections elections;
  ElectionRules rules{context.image, context.schema};
  visit_all(context.image.not_preferred, [&](PartitionKey key) {
    if (elections.records.size() == most) {
      elections.more = true;
      return false;
    }
    const PartitionImage& partition = *context.image.find(key);
    const NodeId preferred = partition.replicas.front();
    if (!partition.in_sync_replicas.contains(preferred) || !context.image.is_active(preferred)) return true;
    rules.look_up(key.topic);
    if (auto record = elect(context, key, rules.min_isr(), Election::preferred)) {
      elections.records.emplace_back(std::move(*record));
    }
    return true;
  });
  return elections;
}

PeriodicElections find_leaders(const DecisionContext& context, std::size_t most) {
  PeriodicElections elections;
  ElectionRules rules{context.image, context.schema};
  context.image.index.for_each(PartitionRole::leads, no_node, [&](PartitionKey key) {
    if (elections.records.size() == most) {
      elections.more = true;
      return;
    }
    rules.look_up(key.topic);
    if (auto record = elect(context, key, rules.min_isr(), rules.election())) {
      elections.records.emplace_back(std::move(*record));
    }
  });
  return elections;
}

}  // namespace squall::raft
