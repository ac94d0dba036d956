#include "broker/fetch_session.h"

#include <algorithm>
#include <limits>

#include "base/assert.h"

namespace squall::broker {

void FetchPartitionState::notified() { session->make_due(*this); }

void FetchPartitionState::noted() { session->line_up(*this); }

void FetchSession::Line::push(FetchPartitionState& partition) {
  partition.previous = last;
  partition.next = nullptr;
  (last == nullptr ? first : last->next) = &partition;
  last = &partition;
}

void FetchSession::Line::erase(FetchPartitionState& partition) {
  (partition.previous == nullptr ? first : partition.previous->next) = partition.next;
  (partition.next == nullptr ? last : partition.next->previous) = partition.previous;
}

void FetchSession::put(const FetchPartition& partition) {
  const auto at = places_.find(partition.key);
  if (at == places_.end()) {
    FetchPartitionState& fresh = partitions_.emplace_back(*this, partition);
    fresh.turn = ++turns_;
    places_.insert(std::prev(partitions_.end()));
    return make_due(fresh);
  }
  FetchPartitionState& state = **at;
  if (state.request.current_leader_epoch != partition.current_leader_epoch) state.told_high_watermark = no_offset;
  state.request = partition;
  make_due(state);
}

void FetchSession::forget(const FetchKey& key) {
  const auto at = places_.find(key);
  if (at == places_.end()) return;
  const auto state = *at;
  leave_line(*state);
  places_.erase(at);
  partitions_.erase(state);
}

void FetchSession::read_by(const FetchReader& reader) {
  if (reader_ != reader) make_all_due();
  reader_ = reader;
}

void FetchSession::make_all_due() {
  for (FetchPartitionState& partition : partitions_) make_due(partition);
}

void FetchSession::leave_line(FetchPartitionState& partition) {
  if (partition.place == Place::due) due_.erase(partition);
  if (partition.place == Place::taken) taken_.erase(partition);
  partition.place = Place::quiet;
}

void FetchSession::line_up(FetchPartitionState& partition) {
  if (partition.place == Place::due) return;
  leave_line(partition);
  partition.place = Place::due;
  due_.push(partition);
}

// One that was due already may have been noted only.
void FetchSession::make_due(FetchPartitionState& partition) {
  line_up(partition);
  changes_.notify();
}

std::vector<FetchPartitionState*> FetchSession::take() {
  std::vector<FetchPartitionState*> taken;
  bool in_order = true;
  while (due_.first != nullptr) {
    FetchPartitionState& partition = *due_.first;
    leave_line(partition);
    partition.place = Place::taken;
    taken_.push(partition);
    in_order = in_order && (taken.empty() || taken.back()->turn < partition.turn);
    taken.push_back(&partition);
  }
  if (!in_order) std::ranges::sort(taken, {}, &FetchPartitionState::turn);
  return taken;
}

void FetchSession::settle(FetchPartitionState& partition, bool quiet) {
  partition.slot.reset();
  if (partition.place == Place::due) return;
  SQUALL_ASSERT(partition.place == Place::taken, "only what was taken is settled");
  if (quiet) return leave_line(partition);
  make_due(partition);
}

// What a superseded fetch had taken, it will not answer.
void FetchSession::take_back() {
  while (taken_.first != nullptr) make_due(*taken_.first);
  for (FetchPartitionState* at = due_.first; at != nullptr; at = at->next) at->slot.reset();
}

void FetchSession::end() {
  gone_ = true;
  changes_.notify();
}

bool FetchSession::must_tell(FetchPartitionState& partition, const FetchPartitionAnswer& answer) {
  if (answer.has_error) {
    partition.told_high_watermark = no_offset;
    return true;
  }
  const bool news = answer.has_records || answer.high_watermark != partition.told_high_watermark ||
                    answer.log_start != partition.told_log_start || answer.last_stable != partition.told_last_stable;
  partition.told_high_watermark = answer.high_watermark;
  partition.told_log_start = answer.log_start;
  partition.told_last_stable = answer.last_stable;
  return news;
}

void FetchSession::serve_last(FetchPartitionState& partition) {
  partition.turn = ++turns_;
  if (&partition == &partitions_.back()) return;
  partitions_.splice(partitions_.end(), partitions_, *places_.find(partition.request.key));
}

FetchSessionCache::SessionRef FetchSessionCache::find(std::int32_t id) const {
  const auto at = sessions_.find(id);
  return at == sessions_.end() ? nullptr : at->second;
}

std::vector<FollowerRound> FetchSessionCache::rounds_of(const FetchKey& partition) const {
  const FetchKey by_id{.topic_id = partition.topic_id, .topic = {}, .partition = partition.partition};
  const FetchKey by_name{.topic_id = {}, .topic = partition.topic, .partition = partition.partition};
  std::vector<FollowerRound> rounds;
  for (auto at = by_worth_.rbegin(); at != by_worth_.rend() && std::get<0>(*at); ++at) {
    const FetchSession& session = *sessions_.at(std::get<2>(*at));
    if (!session.reader_ || !session.places_.contains(session.by_topic_id_ ? by_id : by_name)) continue;
    rounds.push_back({session.reader_->replica, session.used_});
  }
  return rounds;
}

FetchSessionCache::Found FetchSessionCache::resume(std::int32_t id, std::int32_t epoch, bool by_topic_id,
                                                   std::span<const FetchPartition> changed, std::span<const FetchKey> forgotten,
                                                   Instant now) {
  const SessionRef session = find(id);
  if (session == nullptr) return {nullptr, FetchSessionError::id_not_found};
  if (session->next_epoch_ != epoch) return {nullptr, FetchSessionError::invalid_epoch};
  if (session->by_topic_id_ != by_topic_id) return {nullptr, FetchSessionError::topic_id};
  session->take_back();
  for (const FetchPartition& partition : changed) session->put(partition);
  for (const FetchKey& key : forgotten) session->forget(key);
  if (session->partitions_.empty()) {
    close(id);
    return {};
  }
  session->next_epoch_ = epoch == std::numeric_limits<std::int32_t>::max() ? 1 : epoch + 1;
  session->changes_.notify();  // a fetch that still waits has been superseded
  relist(*session, now);
  return {session, FetchSessionError::none};
}

FetchSessionCache::SessionRef FetchSessionCache::open(bool by_topic_id, std::span<const FetchPartition> partitions, Instant now,
                                                      bool privileged) {
  if (partitions.empty() || !make_room(partitions.size(), privileged, now)) return nullptr;
  const std::int32_t id = draw_id();
  const SessionRef session = std::make_shared<FetchSession>(id, by_topic_id, privileged, now);
  for (const FetchPartition& partition : partitions) session->put(partition);
  session->used_ = now;
  sessions_.emplace(id, session);
  enlist(*session);
  return session;
}

void FetchSessionCache::close(std::int32_t id) {
  const SessionRef session = find(id);
  if (session == nullptr) return;
  delist(*session);
  sessions_.erase(id);
  session->end();
}

void FetchSessionCache::enlist(FetchSession& session) {
  session.cached_size_ = session.partitions_.size();
  partitions_ += session.cached_size_;
  const bool fresh_use = by_use_.emplace(session.used_, session.id_).second;
  const bool fresh_worth = by_worth_.insert(worth_of(session)).second;
  SQUALL_ASSERT(fresh_use && fresh_worth, "a session is listed once");
}

void FetchSessionCache::delist(const FetchSession& session) {
  partitions_ -= session.cached_size_;
  const std::size_t gone = by_use_.erase({session.used_, session.id_}) + by_worth_.erase(worth_of(session));
  SQUALL_ASSERT(gone == 2, "a session is listed once");
}

// Moves the entries of a session that was used: they keep their memory, and the latest use belongs at the end.
void FetchSessionCache::relist(FetchSession& session, Instant now) {
  auto use = by_use_.extract({session.used_, session.id_});
  SQUALL_ASSERT(!use.empty(), "a session is listed once");
  session.used_ = now;
  use.value() = {now, session.id_};
  by_use_.insert(by_use_.end(), std::move(use));
  const std::size_t size = session.partitions_.size();
  if (size == session.cached_size_) return;
  auto worth = by_worth_.extract(worth_of(session));
  SQUALL_ASSERT(!worth.empty(), "a session is listed once");
  partitions_ += size - session.cached_size_;
  session.cached_size_ = size;
  worth.value() = worth_of(session);
  by_worth_.insert(std::move(worth));
}

bool FetchSessionCache::make_room(std::size_t size, bool privileged, Instant now) {
  if (sessions_.size() < slots_) return true;
  if (sessions_.empty()) return false;
  const auto [used, idle_id] = *by_use_.begin();
  const auto [least_privileged, least_size, least_id] = *by_worth_.begin();
  const bool is_old = now - find(least_id)->created_ > eviction_age;
  const bool outranked = privileged && !least_privileged;
  const bool outweighed = is_old && privileged == least_privileged && least_size < size;
  if (now - used > eviction_age) {
    close(idle_id);
  } else if (outranked || outweighed) {
    close(least_id);
  } else {
    return false;
  }
  ++evictions_;
  return true;
}

std::int32_t FetchSessionCache::draw_id() {
  while (true) {
    const auto id = static_cast<std::int32_t>(random_.between(1, std::numeric_limits<std::int32_t>::max()));
    if (!sessions_.contains(id)) return id;
  }
}

}  // namespace squall::broker
