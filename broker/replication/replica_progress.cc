#include "broker/replication/replica_progress.h"

#include <algorithm>

namespace squall::broker {

void ReplicaProgress::begin_leadership(Instant now, bool in_sync) {
  *this = ReplicaProgress{id_};
  if (in_sync) last_caught_up_ = now;
}

void ReplicaProgress::begin_epoch(Instant now, Offset leader_end, bool in_sync) {
  leader_end_at_fetch_ = leader_end;
  last_fetch_ = in_sync ? std::optional{now} : std::nullopt;
  last_caught_up_ = last_fetch_;
}

void ReplicaProgress::left_isr() {
  last_fetch_.reset();
  last_caught_up_.reset();
}

void ReplicaProgress::fetched(Instant now, const FollowerFetch& fetch) {
  std::optional<Instant> caught_up;
  if (fetch.fetch_offset >= fetch.leader_end) {
    caught_up = now;
  } else if (leader_end_at_fetch_ != no_offset && fetch.fetch_offset >= leader_end_at_fetch_) {
    caught_up = last_fetch_;
  }
  if (caught_up) last_caught_up_ = last_caught_up_ ? std::max(*last_caught_up_, *caught_up) : *caught_up;
  if (fetch.fetch_offset >= fetch.leader_end) left_behind_.reset();
  log_end_ = fetch.fetch_offset;
  log_start_ = fetch.log_start;
  stated_high_watermark_ = fetch.stated_high_watermark;
  broker_epoch_ = fetch.broker_epoch;
  leader_end_at_fetch_ = std::max(leader_end_at_fetch_, fetch.leader_end);
  last_fetch_ = now;
}

void ReplicaProgress::leader_appended(Instant now, Offset old_end) {
  if (log_end_ == old_end && !left_behind_) left_behind_ = now;
}

void ReplicaProgress::seen(Instant round) {
  if (!left_behind_) return;
  const Instant had_all = std::min(round, *left_behind_);
  last_caught_up_ = last_caught_up_ ? std::max(*last_caught_up_, had_all) : had_all;
}

bool ReplicaProgress::is_caught_up(Instant now, Offset leader_end, Duration lag_max) const {
  return log_end_ == leader_end || (last_caught_up_ && now - *last_caught_up_ <= lag_max);
}

}  // namespace squall::broker
