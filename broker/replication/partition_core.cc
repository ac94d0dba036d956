#include "broker/replication/partition_core.h"

#include <algorithm>

#include "base/assert.h"

namespace squall::broker {

PartitionEpoch PartitionCore::partition_epoch() const {
  const LeaderState* leading = leader();
  return leading == nullptr ? registration_.partition_epoch
                            : std::max(registration_.partition_epoch, leading->partition_epoch());
}

PartitionEffects PartitionCore::step(Instant now, const MetadataChanged& event) {
  PartitionEffects effects;
  const PartitionRegistration& news = event.registration;
  const PartitionEpoch known = partition_epoch();
  if (news.partition_epoch < known || news.leader_epoch < registration_.leader_epoch) {
    effects.stale = true;
    return effects;
  }
  const bool same = news.partition_epoch == known;
  const bool new_epoch = news.leader_epoch > registration_.leader_epoch;
  SQUALL_ASSERT(!(same && new_epoch && known != no_partition_epoch), "an election is a change of the registration");
  registration_ = news;
  if (leader() != nullptr) leader()->know(event.brokers);
  if (!contains(news.replicas, self_)) {
    leave(effects);
  } else if (news.leader != self_) {
    follow(now, event, new_epoch || follower() == nullptr, effects);
  } else if (same && leader() != nullptr) {
    effects.leader = leader()->update_assignment(now, news);
  } else {
    lead(now, event, new_epoch, effects);
  }
  check_invariants();
  return effects;
}

LeaderEffects PartitionCore::step(Instant now, const MinInSyncChanged& event) {
  config_.min_in_sync = event.min_in_sync;
  return leader() == nullptr ? LeaderEffects{} : leader()->hold_to(now, event.min_in_sync);
}

void PartitionCore::lead(Instant now, const MetadataChanged& event, bool new_epoch, PartitionEffects& effects) {
  LeaderState* leading = leader();
  SQUALL_ASSERT(new_epoch || leading != nullptr, "nobody becomes leader of an epoch that had another one");
  if (!new_epoch) {
    effects.leader = leading->update(now, event.registration);
    return;
  }
  if (leading == nullptr) leading = &role_.emplace<LeaderState>(self_, config_, event.brokers);
  effects.role = RoleChange::became_leader;
  effects.begin_epoch = {event.registration.leader_epoch, event.log.log_end};
  effects.leader = leading->begin(now, event.registration, event.log);
}

void PartitionCore::follow(Instant now, const MetadataChanged& event, bool new_epoch, PartitionEffects& effects) {
  if (!new_epoch) return;
  if (follower() == nullptr) role_.emplace<FollowerState>(config_);
  effects.role = RoleChange::became_follower;
  effects.follower = follower()->follow(now, event.registration.leader, event.registration.leader_epoch, event.log);
}

void PartitionCore::leave(PartitionEffects& effects) {
  if (!std::holds_alternative<std::monostate>(role_)) effects.role = RoleChange::left;
  role_.emplace<std::monostate>();
}

void PartitionCore::check_invariants() const {
  if (const LeaderState* leading = leader()) {
    SQUALL_ASSERT(leading->leader_epoch() == registration_.leader_epoch, "a leader leads the newest epoch");
    leading->check_invariants();
  }
  if (const FollowerState* following = follower()) {
    SQUALL_ASSERT(following->leader() == registration_.leader, "the leader of the newest epoch is followed");
    following->check_invariants();
  }
}

}  // namespace squall::broker
