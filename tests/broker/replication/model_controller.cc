#include "tests/broker/replication/model_controller.h"

#include <algorithm>

namespace squall::broker::model {

using protocol::ErrorCode;

Controller::Controller(std::vector<NodeId> replicas) {
  registration_.replicas = replicas;
  registration_.in_sync = replicas;
  registration_.leader_epoch = LeaderEpoch{0};
  registration_.partition_epoch = PartitionEpoch{0};
  targets_ = std::move(replicas);
}

void Controller::publish() {
  if (registration_ != published_ && published_.leader_epoch != no_epoch) ++registration_.partition_epoch;
  published_ = registration_;
  std::vector<BrokerStanding> all;
  for (const auto& [id, standing] : brokers_) all.push_back(standing);
  versions_.push_back({registration_, std::make_shared<const BrokerDirectory>(std::move(all))});
}

BrokerEpoch Controller::register_broker(NodeId id) {
  const BrokerEpoch epoch{static_cast<std::int64_t>(versions_.size()) + 100};
  const bool first = !brokers_.contains(id);
  brokers_[id] = {.id = id, .epoch = epoch, .fenced = true, .shutting_down = false};
  if (!first) leave_in_sync(id);
  elect();
  publish();
  return epoch;
}

void Controller::fence(NodeId id) {
  brokers_.at(id).fenced = true;
  leave_in_sync(id);
  elect();
  publish();
}

void Controller::unfence(NodeId id) {
  brokers_.at(id).fenced = false;
  elect();
  publish();
}

void Controller::leave_in_sync(NodeId id) {
  if (registration_.in_sync.size() > 1) std::erase(registration_.in_sync, id);
}

// Only from the ISR: this controller knows no unclean election.
void Controller::elect() {
  const bool keeps = live(registration_.leader) && contains(registration_.in_sync, registration_.leader);
  if (keeps) return;
  NodeId leader = no_node;
  for (const NodeId id : registration_.replicas) {
    if (leader == no_node && live(id) && contains(registration_.in_sync, id)) leader = id;
  }
  if (leader == registration_.leader) return;
  registration_.leader = leader;
  ++registration_.leader_epoch;
}

void Controller::prefer(NodeId id) {
  if (id == registration_.leader || !live(id) || !contains(registration_.in_sync, id)) return;
  registration_.leader = id;
  ++registration_.leader_epoch;
  publish();
}

void Controller::reassign(const std::vector<NodeId>& targets) {
  targets_ = targets;
  registration_.adding.clear();
  registration_.removing.clear();
  for (const NodeId id : targets) {
    if (!contains(registration_.replicas, id)) registration_.adding.push_back(id);
  }
  for (const NodeId id : registration_.replicas) {
    if (!contains(targets, id)) registration_.removing.push_back(id);
  }
  for (const NodeId id : registration_.adding) registration_.replicas.push_back(id);
  maybe_finish_reassignment();
  publish();
}

// KAFKA-15665: only with all of the targets in the ISR.
void Controller::maybe_finish_reassignment() {
  if (!reassigning()) return;
  if (!std::ranges::all_of(targets_, [&](NodeId id) { return contains(registration_.in_sync, id); })) return;
  registration_.replicas = targets_;
  registration_.in_sync = targets_;
  registration_.adding.clear();
  registration_.removing.clear();
  elect();
}

AlterPartitionAnswered Controller::alter(NodeId from, const AlterPartitionAsk& ask) {
  AlterPartitionAnswered answer;
  answer.tag = ask.tag;
  const auto refused = [&](ErrorCode error) {
    answer.error = error;
    return answer;
  };
  const bool ahead =
      ask.tag.leader_epoch > registration_.leader_epoch || ask.tag.partition_epoch > registration_.partition_epoch;
  if (ahead) return refused(ErrorCode::not_controller);
  if (ask.tag.leader_epoch < registration_.leader_epoch) return refused(ErrorCode::fenced_leader_epoch);
  if (from != registration_.leader) return refused(ErrorCode::invalid_request);
  if (ask.tag.partition_epoch < registration_.partition_epoch) return refused(ErrorCode::invalid_update_version);
  std::vector<NodeId> in_sync;
  for (const IsrMember& member : ask.in_sync) {
    if (!contains(registration_.replicas, member.id)) return refused(ErrorCode::invalid_request);
    in_sync.push_back(member.id);
  }
  if (!contains(in_sync, from)) return refused(ErrorCode::invalid_request);
  for (const IsrMember& member : ask.in_sync) {
    const bool same_life = member.broker_epoch == no_broker_epoch || member.broker_epoch == standing(member.id).epoch;
    if (!live(member.id) || !same_life) return refused(ErrorCode::ineligible_replica);
  }
  registration_.in_sync = std::move(in_sync);
  registration_.recovery = ask.recovery;
  maybe_finish_reassignment();
  publish();
  if (registration_.leader != from) return refused(ErrorCode::new_leader_elected);
  answer.leader_epoch = registration_.leader_epoch;
  answer.partition_epoch = registration_.partition_epoch;
  answer.in_sync = registration_.in_sync;
  answer.recovery = registration_.recovery;
  return answer;
}

}  // namespace squall::broker::model
