// Who is in sync: expanding, shrinking, and what the controller says of it.
#include <algorithm>

#include "base/assert.h"
#include "broker/replication/leader_state.h"

namespace squall::broker {

using protocol::ErrorCode;

bool LeaderState::may_join(const ReplicaProgress& replica) const {
  const BrokerStanding* standing = brokers_->find(replica.id());
  if (standing == nullptr || standing->fenced || standing->shutting_down) return false;
  // KAFKA-15221: the epoch that is judged here is the one that the ask will carry; both are the replica's last fetch.
  const auto fetched_in = replica.broker_epoch();
  return fetched_in && (*fetched_in == no_broker_epoch || *fetched_in == standing->epoch);
}

void LeaderState::maybe_expand(Instant now, const ReplicaProgress& replica, LeaderEffects& effects) {
  if (pending_ || now < expand_not_before_ || contains(in_sync_, replica.id()) || !may_join(replica)) return;
  // At the high watermark it has all that is committed under this leader; at the start of the epoch, all that earlier leaders
  // may have committed beyond the high watermark that we had heard of.
  if (replica.log_end() < high_watermark_ || replica.log_end() < epoch_start_) return;
  std::vector<NodeId> in_sync = in_sync_;
  in_sync.push_back(replica.id());
  propose(in_sync, {replica.id()}, effects);
}

void LeaderState::maybe_shrink(Instant now, LeaderEffects& effects) {
  if (pending_) return;
  std::vector<NodeId> in_sync;
  for (const NodeId id : in_sync_) {
    const ReplicaProgress* replica = follower(id);
    const bool stays = id == self_ || (replica != nullptr && replica->is_caught_up(now, log_.log_end, config_.lag_max));
    if (stays) in_sync.push_back(id);
  }
  if (in_sync.size() == in_sync_.size()) return;
  propose(in_sync, {}, effects);
}

// What an unclean election asks of a leader is done when it starts to lead: its log is the partition now.
void LeaderState::maybe_recover(LeaderEffects& effects) {
  if (recovery_ == RecoveryState::recovering && !pending_) propose(in_sync_, {}, effects);
}

void LeaderState::propose(const std::vector<NodeId>& in_sync, std::vector<NodeId> joining, LeaderEffects& effects) {
  SQUALL_ASSERT(!pending_, "one AlterPartition is in flight at a time");
  pending_.emplace();
  for (const NodeId id : in_sync) pending_->in_sync.push_back({id, broker_epoch_of(id)});
  joining_ = std::move(joining);
  send(effects);
}

void LeaderState::send(LeaderEffects& effects) {
  pending_->tag = {leader_epoch_, partition_epoch_, ++serial_};
  retry_at_.reset();
  AlterPartitionAsk& ask = effects.ask.emplace();
  ask.tag = pending_->tag;
  ask.in_sync = pending_->in_sync;
}

// A member that has not fetched from us yet goes without an epoch: should it have begun another life, the controller has taken
// it out of the ISR and refuses our partition epoch.
BrokerEpoch LeaderState::broker_epoch_of(NodeId id) const {
  if (id == self_) {
    const BrokerStanding* standing = brokers_->find(self_);
    return standing == nullptr ? no_broker_epoch : standing->epoch;
  }
  const ReplicaProgress* replica = follower(id);
  return replica == nullptr ? no_broker_epoch : replica->broker_epoch().value_or(no_broker_epoch);
}

void LeaderState::drop_pending() {
  pending_.reset();
  joining_.clear();
  retry_at_.reset();
}

LeaderEffects LeaderState::step(Instant now, const AlterPartitionAnswered& event) {
  LeaderEffects effects;
  if (!pending_ || event.tag != pending_->tag) return effects;
  if (event.error == ErrorCode::none) {
    commit(event);
    advance(now, effects);  // KAFKA-13091: an ISR that shrank may have committed what it waited for
  } else {
    refuse(now, event.error);
  }
  check_invariants();
  return effects;
}

void LeaderState::commit(const AlterPartitionAnswered& answer) {
  if (answer.leader_epoch != leader_epoch_ || answer.partition_epoch < partition_epoch_) return;
  partition_epoch_ = answer.partition_epoch;
  in_sync_ = answer.in_sync;
  recovery_ = answer.recovery;
  drop_pending();
}

void LeaderState::refuse(Instant now, ErrorCode error) {
  switch (error) {
    case ErrorCode::ineligible_replica:
    case ErrorCode::operation_not_attempted:
      // But an earlier sending may have been, or arrive late: with a joiner that may lead next, nothing is committed without it
      // for as long as a laggard would be waited for.
      if (!joining_.empty() && now < pending_->unsure_until) {
        retry_at_ = now + config_.alter_retry_backoff;
        return;
      }
      // The controller knows our partition epoch and has not done it, so nobody who is joining can have been elected.
      drop_pending();
      expand_not_before_ = now + config_.alter_retry_backoff;
      return;
    case ErrorCode::fenced_leader_epoch:
    case ErrorCode::invalid_update_version:
    case ErrorCode::invalid_request:
    case ErrorCode::new_leader_elected:
      // The registration is not what we think, and the ask may have been done by an earlier sending of it (KAFKA-14144): we
      // wait with the larger set until metadata tells.
      return;
    // Among these: a controller that has been deposed and does not know it. It knows no topic that is newer than its term, and
    // when the topic has gone indeed, metadata ends the asking.
    default:
      retry_at_ = now + config_.alter_retry_backoff;
      pending_->unsure_until = now + config_.lag_max;
      return;
  }
}

LeaderEffects LeaderState::step(Instant now, const Tick&) {
  LeaderEffects effects;
  if (retry_at_ && now >= *retry_at_) send(effects);
  check_invariants();
  return effects;
}

bool LeaderState::needs_isr_check() const {
  const auto lacks = [&](const ReplicaProgress& replica) { return replica.log_end() != log_.log_end; };
  const auto is_unknown = [&](NodeId id) { return id != self_ && follower(id) == nullptr; };
  return std::ranges::any_of(followers_, lacks) || std::ranges::any_of(in_sync_, is_unknown);
}

LeaderEffects LeaderState::step(Instant now, const IsrCheck& event) {
  LeaderEffects effects;
  for (const FollowerRound& round : event.rounds) {
    if (ReplicaProgress* replica = find(round.replica)) replica->seen(round.at);
  }
  maybe_shrink(now, effects);
  advance(now, effects);  // who was waited for and stopped fetching is no longer waited for
  check_invariants();
  return effects;
}

}  // namespace squall::broker
