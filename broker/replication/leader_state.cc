// Leadership: how it begins, is changed by metadata and ends, and what it answers.
#include "broker/replication/leader_state.h"

#include <algorithm>

#include "base/assert.h"

namespace squall::broker {

using protocol::ErrorCode;

LeaderEffects LeaderState::begin(Instant now, const PartitionRegistration& registration, const LocalLog& log) {
  SQUALL_ASSERT(registration.leader == self_ && registration.leader_epoch > leader_epoch_, "a leadership begins once an epoch");
  const bool continues = leader_epoch_ != no_epoch && registration.leader_epoch == leader_epoch_ + 1;
  leader_epoch_ = registration.leader_epoch;
  if (first_epoch_ == no_epoch) first_epoch_ = leader_epoch_;
  epoch_start_ = log.log_end;
  log_ = log;
  high_watermark_ = std::max(high_watermark_, log.high_watermark);
  assign(registration);
  for (ReplicaProgress& replica : followers_) {
    const bool in_sync = contains(registration.in_sync, replica.id());
    if (continues) {
      replica.begin_epoch(now, epoch_start_, in_sync);
    } else {
      replica.begin_leadership(now, in_sync);
    }
  }
  return update(now, registration);
}

LeaderEffects LeaderState::update(Instant now, const PartitionRegistration& registration) {
  LeaderEffects effects;
  partition_epoch_ = registration.partition_epoch;
  for (ReplicaProgress& replica : followers_) {
    if (contains(in_sync_, replica.id()) && !contains(registration.in_sync, replica.id())) replica.left_isr();
  }
  in_sync_ = registration.in_sync;
  recovery_ = registration.recovery;
  drop_pending();
  expand_not_before_ = now;
  assign(registration);
  maybe_recover(effects);
  advance(now, effects);
  check_invariants();
  return effects;
}

LeaderEffects LeaderState::update_assignment(Instant now, const PartitionRegistration& registration) {
  LeaderEffects effects;
  // The controller refuses whoever is no replica, and then we wait for news of the partition: these are the news.
  const auto is_replica = [&](const IsrMember& member) { return contains(registration.replicas, member.id); };
  if (pending_ && !std::ranges::all_of(pending_->in_sync, is_replica)) drop_pending();
  assign(registration);
  advance(now, effects);
  check_invariants();
  return effects;
}

void LeaderState::assign(const PartitionRegistration& registration) {
  std::vector<ReplicaProgress> followers;
  followers.reserve(registration.replicas.size());
  for (const NodeId id : registration.replicas) {
    if (id == self_) continue;
    const ReplicaProgress* known = follower(id);
    followers.push_back(known == nullptr ? ReplicaProgress{id} : *known);
  }
  followers_ = std::move(followers);
}

ErrorCode LeaderState::admit_produce(std::int16_t acks) const {
  return acks == -1 && under_min_in_sync() ? ErrorCode::not_enough_replicas : ErrorCode::none;
}

ErrorCode LeaderState::admit_fetch(NodeId replica, LeaderEpoch leader_epoch, BrokerEpoch broker_epoch) const {
  const bool stated = leader_epoch != no_epoch;
  if (stated && leader_epoch < leader_epoch_) return ErrorCode::fenced_leader_epoch;
  if (stated && leader_epoch > leader_epoch_) return ErrorCode::unknown_leader_epoch;
  // Its metadata may be ahead of ours: a reassignment adds it, and we have not heard of it. It will try again.
  if (follower(replica) == nullptr) return stated ? ErrorCode::unknown_leader_epoch : ErrorCode::not_leader_or_follower;
  // A fetch of an earlier life of the broker: it speaks of a log that may have lost its tail since.
  const BrokerStanding* standing = brokers_->find(replica);
  if (broker_epoch != no_broker_epoch && standing != nullptr && standing->epoch > broker_epoch) {
    return ErrorCode::not_leader_or_follower;
  }
  return ErrorCode::none;
}

bool LeaderState::owes_high_watermarks() const {
  return std::ranges::any_of(followers_,
                             [](const ReplicaProgress& replica) { return replica.stated_high_watermark() != no_offset; });
}

Offset LeaderState::low_watermark() const {
  Offset low = log_.log_start;
  for (const ReplicaProgress& replica : followers_) {
    const BrokerStanding* standing = brokers_->find(replica.id());
    if (standing != nullptr && !standing->fenced) low = std::min(low, replica.log_start());
  }
  return low;
}

const ReplicaProgress* LeaderState::follower(NodeId id) const {
  const auto at = std::ranges::find(followers_, id, &ReplicaProgress::id);
  return at == followers_.end() ? nullptr : &*at;
}

ReplicaProgress* LeaderState::find(NodeId id) {
  const auto at = std::ranges::find(followers_, id, &ReplicaProgress::id);
  return at == followers_.end() ? nullptr : &*at;
}

std::int32_t LeaderState::effective_min_in_sync() const {
  return std::min(config_.min_in_sync, static_cast<std::int32_t>(followers_.size()) + 1);
}

bool LeaderState::under_min_in_sync() const { return static_cast<std::int32_t>(in_sync_.size()) < effective_min_in_sync(); }

LeaderEffects LeaderState::step(Instant now, const BrokersChanged& event) {
  LeaderEffects effects;
  brokers_ = event.brokers;
  expand_not_before_ = now;
  advance(now, effects);
  check_invariants();
  return effects;
}

LeaderEffects LeaderState::hold_to(Instant now, std::int32_t min_in_sync) {
  LeaderEffects effects;
  config_.min_in_sync = min_in_sync;
  advance(now, effects);
  check_invariants();
  return effects;
}

void LeaderState::check_invariants() const {
  SQUALL_ASSERT(high_watermark_ <= log_.log_end, "nothing is committed that is not in the log");
  SQUALL_ASSERT(joining_.empty() || pending_, "who is joining is in the ask in flight");
  SQUALL_ASSERT(std::ranges::none_of(joining_, [&](NodeId id) { return contains(in_sync_, id); }), "a member does not join");
  SQUALL_ASSERT(!retry_at_ || pending_, "only what was asked is asked again");
}

}  // namespace squall::broker
