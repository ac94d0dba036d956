// Where a follower's log parts from its leader's, and what is cut off for it.
#include <algorithm>

#include "broker/replication/follower_state.h"

namespace squall::broker {

using protocol::ErrorCode;

// While the order runs the log's end is not known, so the tag keeps the old one and the generation tells the orders apart.
void FollowerState::order_cut(LogOrderKind kind, Offset offset, FollowerEffects& effects) {
  ++generation_;
  stage_ = FollowerStage::ordering;
  order_ = {kind, tag(), offset};
  effects.order = order_;
  effects.cuts_committed = offset < high_watermark_;
}

// KIP-279. `leader` is the largest epoch of its log that is not above the one we fetched last, with its end; `own` is the
// same question put to our log about that epoch.
Offset FollowerState::truncation_offset(const EpochEndOffset& leader, const EpochEndOffset& own) const {
  // No usable epoch on its side: only what we know to be committed is sure to be the same.
  if (leader.end_offset == no_offset) return high_watermark_;
  // None on ours: the leader's end is the best guess (as before KIP-279).
  if (leader.epoch == no_epoch || own.epoch == no_epoch) return std::min(leader.end_offset, log_end_);
  // We lack the epoch: all that is newer than our largest smaller one goes, and the next fetch asks about that one.
  if (own.epoch != leader.epoch) return std::min(own.end_offset, log_end_);
  return std::min({own.end_offset, leader.end_offset, log_end_});
}

FollowerEffects FollowerState::step(Instant now, const LeaderEndsFound& event) {
  if (stage_ != FollowerStage::finding || event.tag != tag()) return late();
  FollowerEffects effects;
  stage_ = FollowerStage::fetching;
  if (event.error == ErrorCode::fenced_leader_epoch) {
    stage_ = FollowerStage::fenced;
  } else if (event.error != ErrorCode::none) {
    back_off(now, event.error);
  } else if (event.log_end < log_end_) {
    // An election outside the ISR gave us a leader with less: what it lacks is lost.
    order_cut(event.log_end < log_start_ ? LogOrderKind::start_afresh : LogOrderKind::truncate, event.log_end, effects);
  } else if (event.log_start > log_end_) {
    // We were away for so long that the leader has deleted what comes next.
    order_cut(LogOrderKind::start_afresh, event.log_start, effects);
  } else {
    // In range by now; a little later, lest two that disagree ask each other without end.
    back_off(now);
  }
  check_invariants();
  return effects;
}

}  // namespace squall::broker
