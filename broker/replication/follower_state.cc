// Following a leader: what its answers mean, and what may be called committed.
#include "broker/replication/follower_state.h"

#include <algorithm>

#include "base/assert.h"

namespace squall::broker {

using protocol::ErrorCode;

bool leader_is_behind(ErrorCode error) {
  switch (error) {
    case ErrorCode::not_leader_or_follower:
    case ErrorCode::unknown_leader_epoch:
    case ErrorCode::unknown_topic_or_partition:
    case ErrorCode::unknown_topic_id: return true;
    default: return false;
  }
}

FollowerEffects FollowerState::follow(Instant now, NodeId leader, LeaderEpoch leader_epoch, const LocalLog& log) {
  SQUALL_ASSERT(leader_epoch > leader_epoch_, "a leader is followed once an epoch");
  FollowerEffects effects;
  leader_ = leader;
  leader_epoch_ = leader_epoch;
  ++generation_;
  behind_backoff_ = behind_backoff_min;
  log_start_ = log.log_start;
  log_end_ = log.log_end;
  high_watermark_ = std::clamp(log.high_watermark, log_start_, log_end_);
  last_fetched_epoch_ = log.latest_epoch;
  ready_at_ = now;
  stage_ = leader == no_node ? FollowerStage::leaderless : FollowerStage::fetching;
  if (leader != no_node && last_fetched_epoch_ == no_epoch && log_end_ > high_watermark_) {
    order_cut(LogOrderKind::truncate, high_watermark_, effects);
  }
  check_invariants();
  return effects;
}

std::optional<FollowerPosition> FollowerState::position() const {
  if (stage_ != FollowerStage::fetching) return std::nullopt;
  return FollowerPosition{.tag = tag(),
                          .last_fetched_epoch = last_fetched_epoch_,
                          .log_start = log_start_,
                          .high_watermark = high_watermark_,
                          .ready_at = ready_at_};
}

FollowerEffects FollowerState::late() {
  FollowerEffects effects;
  effects.late = true;
  return effects;
}

FollowerEffects FollowerState::step(Instant now, const FetchAnswered& event) {
  if (stage_ != FollowerStage::fetching || event.tag != tag()) return late();
  if (event.error != ErrorCode::none) return failed_at_leader(now, event.error);
  FollowerEffects effects;
  if (event.diverging) {
    // The leader's high watermark is of its log, not of what we still hold: it waits for the next answer (KAFKA-14704).
    order_cut(LogOrderKind::truncate, truncation_offset(*event.diverging, event.own_epoch_end), effects);
  } else if (event.has_records) {
    order_append(event, effects);
  } else {
    learn(event.high_watermark, event.log_start, effects);
  }
  behind_backoff_ = behind_backoff_min;
  check_invariants();
  return effects;
}

FollowerEffects FollowerState::failed_at_leader(Instant now, ErrorCode error) {
  FollowerEffects effects;
  switch (error) {
    case ErrorCode::offset_out_of_range:
      stage_ = FollowerStage::finding;
      effects.find_leader_ends = tag();
      break;
    case ErrorCode::fenced_leader_epoch: stage_ = FollowerStage::fenced; break;
    default: back_off(now, error); break;
  }
  return effects;
}

void FollowerState::back_off(Instant now) { ready_at_ = now + config_.fetch_backoff; }

void FollowerState::back_off(Instant now, ErrorCode error) {
  if (!leader_is_behind(error)) return back_off(now);
  ready_at_ = now + std::min(behind_backoff_, config_.fetch_backoff);
  behind_backoff_ = std::min(behind_backoff_ * 2, config_.fetch_backoff);
}

void FollowerState::order_append(const FetchAnswered& event, FollowerEffects& effects) {
  stage_ = FollowerStage::ordering;
  order_ = {LogOrderKind::append, tag(), log_end_};
  told_high_watermark_ = event.high_watermark;
  told_log_start_ = event.log_start;
  effects.order = order_;
}

// The lower of what we hold and what the leader says is committed; we never know of less than before.
void FollowerState::learn(Offset leader_high_watermark, Offset leader_log_start, FollowerEffects& effects) {
  const Offset committed = std::min(log_end_, leader_high_watermark);
  if (committed > high_watermark_) {
    high_watermark_ = committed;
    effects.high_watermark = committed;
  }
  const Offset start = std::min(leader_log_start, high_watermark_);
  if (start > log_start_) {
    log_start_ = start;
    effects.log_start = start;
  }
}

FollowerEffects FollowerState::step(Instant now, const OrderDone& event) {
  if (stage_ != FollowerStage::ordering || event.tag != order_.tag) return late();
  FollowerEffects effects;
  SQUALL_ASSERT(order_.kind != LogOrderKind::append || event.log_end >= log_end_, "an append adds");
  SQUALL_ASSERT(order_.kind == LogOrderKind::append || event.log_end <= order_.offset, "a cut removes");
  log_start_ = event.log_start;
  log_end_ = event.log_end;
  last_fetched_epoch_ = event.latest_epoch;
  stage_ = FollowerStage::fetching;
  ready_at_ = now;
  if (order_.kind == LogOrderKind::append) {
    learn(told_high_watermark_, told_log_start_, effects);
  } else {
    high_watermark_ = std::clamp(high_watermark_, log_start_, log_end_);
  }
  check_invariants();
  return effects;
}

FollowerEffects FollowerState::step(Instant now, const OrderFailed& event) {
  if (stage_ != FollowerStage::ordering || event.tag != order_.tag) return late();
  stage_ = event.failure == OrderFailure::storage ? FollowerStage::failed : FollowerStage::fetching;
  back_off(now);
  return {};
}

void FollowerState::check_invariants() const {
  SQUALL_ASSERT(log_start_ <= high_watermark_ && high_watermark_ <= log_end_, "what is committed is in the log");
  SQUALL_ASSERT(stage_ == FollowerStage::leaderless || leader_ != no_node, "somebody is followed");
}

}  // namespace squall::broker
