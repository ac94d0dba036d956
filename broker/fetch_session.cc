#include "broker/fetch_session.h"

#include <limits>

#include "base/assert.h"

namespace squall::broker {

void FetchSession::put(const FetchPartition& partition) {
  if (const auto at = places_.find(partition.key); at != places_.end()) {
    FetchPartitionState& state = *at->second;
    if (state.request.current_leader_epoch != partition.current_leader_epoch) state.told_high_watermark = no_offset;
    state.request = partition;
    return;
  }
  partitions_.push_back({.request = partition});
  places_.emplace(partition.key, std::prev(partitions_.end()));
}

void FetchSession::forget(const FetchKey& key) {
  const auto at = places_.find(key);
  if (at == places_.end()) return;
  partitions_.erase(at->second);
  places_.erase(at);
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

void FetchSession::serve_last(std::list<FetchPartitionState>::iterator partition) {
  partitions_.splice(partitions_.end(), partitions_, partition);
}

FetchSession* FetchSessionCache::find(std::int32_t id) {
  const auto at = sessions_.find(id);
  return at == sessions_.end() ? nullptr : &at->second;
}

FetchSessionCache::Found FetchSessionCache::resume(std::int32_t id, std::int32_t epoch, bool by_topic_id,
                                                   std::span<const FetchPartition> changed, std::span<const FetchKey> forgotten,
                                                   Instant now) {
  FetchSession* session = find(id);
  if (session == nullptr) return {nullptr, FetchSessionError::id_not_found};
  if (session->next_epoch_ != epoch) return {nullptr, FetchSessionError::invalid_epoch};
  if (session->by_topic_id_ != by_topic_id) return {nullptr, FetchSessionError::topic_id};
  for (const FetchPartition& partition : changed) session->put(partition);
  for (const FetchKey& key : forgotten) session->forget(key);
  if (session->partitions_.empty()) {
    close(id);
    return {};
  }
  session->next_epoch_ = epoch == std::numeric_limits<std::int32_t>::max() ? 1 : epoch + 1;
  relist(*session, now);
  return {session, FetchSessionError::none};
}

FetchSession* FetchSessionCache::open(bool by_topic_id, std::span<const FetchPartition> partitions, Instant now,
                                      bool privileged) {
  if (partitions.empty() || !make_room(partitions.size(), privileged, now)) return nullptr;
  const std::int32_t id = draw_id();
  FetchSession& session = sessions_.try_emplace(id, id, by_topic_id, privileged, now).first->second;
  for (const FetchPartition& partition : partitions) session.put(partition);
  session.used_ = now;
  enlist(session);
  return &session;
}

void FetchSessionCache::close(std::int32_t id) {
  FetchSession* session = find(id);
  if (session == nullptr) return;
  delist(*session);
  sessions_.erase(id);
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
