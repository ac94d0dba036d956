#include "broker/replication/fetch_source.h"

#include <algorithm>
#include <limits>

#include "base/assert.h"

namespace squall::broker {

using protocol::ErrorCode;

bool FetchSource::reads_alike(const FollowerPosition& left, const FollowerPosition& right) const {
  return left.tag.leader_epoch == right.tag.leader_epoch && left.tag.fetch_offset == right.tag.fetch_offset &&
         left.last_fetched_epoch == right.last_fetched_epoch && left.log_start == right.log_start &&
         (!states_high_watermarks_ || left.high_watermark == right.high_watermark);
}

void FetchSource::put(const ReplicaKey& key, const FetchWish& wish) {
  Entry& entry = entries_[key];
  stop_backing_off(key, entry);
  entry.wish = wish;
  changed_.insert(key);
  if (wish.throttleable) {
    throttleable_.insert(key);
  } else {
    throttleable_.erase(key);
  }
}

void FetchSource::remove(const ReplicaKey& key) {
  const auto at = entries_.find(key);
  if (at == entries_.end()) return;
  stop_backing_off(key, at->second);
  at->second.wish.reset();
  changed_.insert(key);
  throttleable_.erase(key);
}

void FetchSource::back_off(const ReplicaKey& key, Entry& entry, Instant until) {
  stop_backing_off(key, entry);
  entry.backing_off = until;
  backing_off_.emplace(until, key);
}

void FetchSource::stop_backing_off(const ReplicaKey& key, Entry& entry) {
  if (entry.backing_off) backing_off_.erase({*entry.backing_off, key});
  entry.backing_off.reset();
}

Instant FetchSource::next_ready() const { return backing_off_.empty() ? end_of_time : backing_off_.begin()->first; }

bool FetchSource::holds_throttled() const {
  return std::ranges::any_of(throttleable_, [&](const ReplicaKey& key) { return !entries_.at(key).told.has_value(); });
}

void FetchSource::wake(Instant now, bool throttled) {
  while (!backing_off_.empty() && backing_off_.begin()->first <= now) {
    const ReplicaKey key = backing_off_.begin()->second;
    stop_backing_off(key, entries_.at(key));
    changed_.insert(key);
  }
  if (throttled == throttled_) return;
  throttled_ = throttled;
  changed_.insert(throttleable_.begin(), throttleable_.end());
}

bool FetchSource::settle(const ReplicaKey& key, Entry& entry, Instant now, bool throttled, FetchPlan& plan) {
  const bool held = entry.wish && ((entry.wish->throttleable && throttled) || entry.wish->position.ready_at > now);
  if (entry.wish && !held) {
    if (!entry.told || !reads_alike(*entry.told, entry.wish->position)) plan.fetch.push_back({key, entry.wish->position});
    if (!entry.told) ++told_;
    entry.told = entry.wish->position;
    return true;
  }
  if (entry.told) {
    plan.forget.push_back(key);
    entry.told.reset();
    --told_;
  }
  if (held && entry.wish->position.ready_at > now) back_off(key, entry, entry.wish->position.ready_at);
  return entry.wish.has_value();
}

// The source has forgotten all that it was told.
void FetchSource::forget_told() {
  for (auto at = entries_.begin(); told_ > 0; ++at) {
    if (!at->second.told) continue;
    at->second.told.reset();
    changed_.insert(at->first);
    --told_;
  }
  lost_ = false;
}

void FetchSource::plan_changes(Instant now, bool throttled, FetchPlan& plan) {
  for (const ReplicaKey& key : changed_) {
    const auto at = entries_.find(key);
    if (at != entries_.end() && !settle(key, at->second, now, throttled, plan)) entries_.erase(at);
  }
  changed_.clear();
}

// A new session serves in the order that the last one had come to.
void FetchSource::sort_by_turn(std::vector<PlannedFetch>& fetch) const {
  std::vector<std::pair<std::uint64_t, std::size_t>> order;
  order.reserve(fetch.size());
  for (std::size_t i = 0; i < fetch.size(); ++i) order.emplace_back(entries_.at(fetch[i].key).turn, i);
  std::ranges::sort(order);
  std::vector<PlannedFetch> sorted;
  sorted.reserve(fetch.size());
  for (const auto& [turn, index] : order) sorted.push_back(fetch[index]);
  fetch = std::move(sorted);
}

std::optional<FetchPlan> FetchSource::plan(Instant now, bool throttled) {
  SQUALL_ASSERT(!in_flight_, "one request is under way at a time");
  FetchPlan plan{.session_id = session_id_, .session_epoch = session_epoch_, .fetch = {}, .forget = {}};
  wake(now, throttled);
  if (lost_) forget_told();
  plan_changes(now, throttled, plan);
  if (session_epoch_ == 0) sort_by_turn(plan.fetch);
  check_invariants();
  if (told_ == 0 && plan.forget.empty()) return std::nullopt;
  in_flight_ = true;
  return plan;
}

void FetchSource::start_over(std::int32_t session_to_close) {
  session_id_ = session_to_close;
  session_epoch_ = 0;
  lost_ = true;
}

void FetchSource::failed() {
  in_flight_ = false;
  start_over(session_id_);
}

bool FetchSource::answered(const FetchAnswerHead& head) {
  SQUALL_ASSERT(in_flight_, "only what was asked is answered");
  in_flight_ = false;
  if (head.error != ErrorCode::none) {
    start_over(head.error == ErrorCode::fetch_session_id_not_found ? 0 : session_id_);
    return false;
  }
  const bool full = session_epoch_ == 0;
  // A full answer without partitions is a broker that wants us to come back later (KIP-219).
  const bool known = std::ranges::all_of(head.partitions, [&](const ReplicaKey& key) { return tag_of(key).has_value(); });
  if (!known || (full && head.partitions.size() != told_)) {
    start_over(full ? 0 : session_id_);
    return false;
  }
  if (head.session_id == 0) {
    start_over(0);  // it keeps no session for us, or has closed it
    return true;
  }
  session_id_ = head.session_id;
  session_epoch_ = session_epoch_ == std::numeric_limits<std::int32_t>::max() ? 1 : session_epoch_ + 1;
  return true;
}

std::optional<FetchTag> FetchSource::tag_of(const ReplicaKey& key) const {
  const auto at = entries_.find(key);
  if (at == entries_.end() || !at->second.told) return std::nullopt;
  return at->second.told->tag;
}

void FetchSource::got_records(const ReplicaKey& key) {
  const auto at = entries_.find(key);
  if (at != entries_.end()) at->second.turn = ++turns_;
}

void FetchSource::check_invariants() const {
  SQUALL_ASSERT(told_ <= entries_.size(), "what the source has is known here");
  SQUALL_ASSERT(throttleable_.size() <= entries_.size() && backing_off_.size() <= entries_.size(),
                "no set outgrows the entries");
}

}  // namespace squall::broker
