// What is committed: appends, fetches, the high watermark, and what it means for who waits for it.
#include <algorithm>

#include "base/assert.h"
#include "broker/replication/leader_state.h"

namespace squall::broker {

using protocol::ErrorCode;

// The lowest log end of the maximal ISR, and of whoever is caught up and may join: else a follower that is just behind would
// chase a high watermark that only the leader holds. Under min.insync.replicas nothing more is committed (KIP-966).
void LeaderState::advance(Instant now, LeaderEffects& effects) {
  if (under_min_in_sync()) return;
  Offset committed = log_.policy_end;
  for (const ReplicaProgress& replica : followers_) {
    if (replica.log_end() >= committed) continue;
    const bool counts =
        in_maximal(replica.id()) || (replica.is_caught_up(now, log_.log_end, config_.lag_max) && may_join(replica));
    if (counts) committed = replica.log_end();
  }
  if (committed > high_watermark_) {
    high_watermark_ = committed;
    effects.high_watermark = committed;
  }
}

// Two completions may overtake each other: the ends of a leader's log only rise.
void LeaderState::see_log_end(Instant now, Offset end) {
  if (end <= log_.log_end) return;
  for (ReplicaProgress& replica : followers_) replica.leader_appended(now, log_.log_end);
  log_.log_end = end;
}

LeaderEffects LeaderState::step(Instant now, const LocalLogMoved& event) {
  LeaderEffects effects;
  if (!is_of_this_log(event.leader_epoch)) return effects;
  log_.log_start = std::max(log_.log_start, event.log.log_start);
  see_log_end(now, event.log.log_end);
  log_.policy_end = std::max(log_.policy_end, event.log.policy_end);
  advance(now, effects);
  check_invariants();
  return effects;
}

LeaderEffects LeaderState::step(Instant now, const ReplicaFetched& event) {
  LeaderEffects effects;
  effects.error = event.leader_epoch == leader_epoch_ ? admit_fetch(event.replica, event.leader_epoch, event.fetch.broker_epoch)
                                                      : ErrorCode::not_leader_or_follower;
  if (effects.error != ErrorCode::none) return effects;
  SQUALL_ASSERT(event.fetch.fetch_offset <= event.fetch.leader_end, "a fetch beyond the log end is out of range, not progress");
  see_log_end(now, event.fetch.leader_end);  // the read may have seen an append that we are yet to hear of
  ReplicaProgress& replica = *find(event.replica);
  replica.fetched(now, event.fetch);
  maybe_expand(now, replica, effects);
  advance(now, effects);
  check_invariants();
  return effects;
}

std::optional<ErrorCode> LeaderState::outcome(Offset end) const {
  if (high_watermark_ < end) return std::nullopt;
  return under_min_in_sync() ? ErrorCode::not_enough_replicas_after_append : ErrorCode::none;
}

}  // namespace squall::broker
