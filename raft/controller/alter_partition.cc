#include <algorithm>
#include <set>

#include "raft/controller/partition_change.h"
#include "raft/controller/partition_changes.h"
#include "raft/metadata/image_builder.h"

namespace squall::raft {
namespace {

using protocol::ErrorCode;
using Request = protocol::AlterPartitionRequest;
using Wanted = Request::PartitionData;
using Answer = protocol::AlterPartitionResponse::PartitionData;

// Version 2 names members, version 3 their epochs too.
std::vector<Request::BrokerState> members(const Wanted& wanted) {
  if (!wanted.new_isr_with_epochs.empty()) return wanted.new_isr_with_epochs;
  std::vector<Request::BrokerState> states;
  for (const std::int32_t id : wanted.new_isr) states.push_back({.broker_id = id, .broker_epoch = -1});
  return states;
}

bool is_eligible(const MetadataImage& image, const Request::BrokerState& member) {
  const BrokerImage* broker = image.brokers.get(NodeId{member.broker_id});
  if (broker == nullptr || !broker->is_active()) return false;
  return member.broker_epoch == -1 || member.broker_epoch == broker->epoch;
}

bool is_valid_isr(const PartitionImage& partition, const std::vector<Request::BrokerState>& isr) {
  std::set<std::int32_t> seen;
  for (const auto& member : isr) {
    if (!partition.replicas.contains(NodeId{member.broker_id}) || !seen.insert(member.broker_id).second) return false;
  }
  return seen.contains(partition.leader.value());
}

ErrorCode check(const MetadataImage& image, NodeId sender, const PartitionImage& partition, const Wanted& wanted) {
  const LeaderEpoch epoch{wanted.leader_epoch};
  if (epoch > partition.leader_epoch || wanted.partition_epoch > partition.partition_epoch) return ErrorCode::not_controller;
  if (epoch < partition.leader_epoch) return ErrorCode::fenced_leader_epoch;
  if (sender != partition.leader) return ErrorCode::invalid_request;
  if (wanted.partition_epoch < partition.partition_epoch) return ErrorCode::invalid_update_version;
  const auto isr = members(wanted);
  if (!is_valid_isr(partition, isr)) return ErrorCode::invalid_request;
  if (wanted.leader_recovery_state < 0 || wanted.leader_recovery_state > 1) return ErrorCode::invalid_request;
  const auto recovery = static_cast<LeaderRecovery>(wanted.leader_recovery_state);
  if (recovery == LeaderRecovery::recovering && isr.size() > 1) return ErrorCode::invalid_request;
  if (partition.recovery == LeaderRecovery::recovered && recovery == LeaderRecovery::recovering) {
    return ErrorCode::invalid_request;
  }
  const bool eligible = std::ranges::all_of(isr, [&](const auto& member) { return is_eligible(image, member); });
  return eligible ? ErrorCode::none : ErrorCode::ineligible_replica;
}

void tell(const PartitionImage& partition, Answer& answer) {
  answer.leader_id = partition.leader.value();
  answer.leader_epoch = partition.leader_epoch.value();
  answer.isr = partition.in_sync_replicas.ids();
  answer.leader_recovery_state = static_cast<std::int8_t>(partition.recovery);
  answer.partition_epoch = partition.partition_epoch;
}

void alter(const DecisionContext& context, PartitionKey key, const ElectionRules& rules, const Wanted& wanted, Answer& answer,
           Records& records) {
  const MetadataImage& image = context.image;
  const PartitionImage& partition = *image.find(key);
  std::vector<NodeId> isr;
  for (const auto& member : members(wanted)) isr.emplace_back(member.broker_id);
  PartitionChange change{image, key, rules.min_isr()};
  change.isr(std::move(isr)).recovery(static_cast<LeaderRecovery>(wanted.leader_recovery_state)).elect(rules.election());
  auto record = change.build();
  if (!record) return tell(partition, answer);
  const PartitionImage changed = changed_by(partition, *record);
  records.emplace_back(std::move(*record));
  if (changed.leader != partition.leader) {
    answer.error_code = protocol::to_wire(ErrorCode::new_leader_elected);
  } else {
    tell(changed, answer);
  }
}

}  // namespace

Decision<protocol::AlterPartitionResponse> decide_alter_partition(const DecisionContext& context, const Request& request) {
  Decision<protocol::AlterPartitionResponse> decision;
  decision.atomic = false;
  const NodeId sender{request.broker_id};
  if (auto wrong = check_broker_epoch(context.image, sender, request.broker_epoch)) {
    decision.response.error_code = protocol::to_wire(wrong->code);
    return decision;
  }
  ElectionRules rules{context.image, context.schema};
  std::set<PartitionKey> seen;
  for (const auto& topic : request.topics) {
    auto& answers = decision.response.topics.emplace_back();
    answers.topic_id = topic.topic_id;
    const bool known = context.image.topics_by_id.contains(topic.topic_id);
    if (known) rules.look_up(topic.topic_id);
    for (const auto& wanted : topic.partitions) {
      Answer& answer = answers.partitions.emplace_back();
      answer.partition_index = wanted.partition_index;
      const PartitionKey key{topic.topic_id, wanted.partition_index};
      const PartitionImage* partition = context.image.find(key);
      ErrorCode error = known ? ErrorCode::unknown_topic_or_partition : ErrorCode::unknown_topic_id;
      if (partition != nullptr) {
        error = seen.insert(key).second ? check(context.image, sender, *partition, wanted) : ErrorCode::invalid_request;
      }
      answer.error_code = protocol::to_wire(error);
      if (error == ErrorCode::none) alter(context, key, rules, wanted, answer, decision.records);
    }
  }
  return decision;
}

}  // namespace squall::raft
