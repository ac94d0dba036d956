#include "broker/replication/fetch_planner.h"

#include <algorithm>

#include "base/assert.h"

namespace squall::broker {

SourceId FetchPlanner::source_for(const ReplicaKey& key, NodeId leader) const {
  const std::uint64_t spread =
      key.topic_id.most_significant * 31 + key.topic_id.least_significant + static_cast<std::uint64_t>(key.partition.value());
  return {leader, static_cast<std::int32_t>(spread % static_cast<std::uint64_t>(fetchers_))};
}

SourceId FetchPlanner::follow(const ReplicaKey& key, NodeId leader, const FetchWish& wish) {
  const SourceId source = source_for(key, leader);
  if (const auto at = places_.find(key); at != places_.end() && at->second != source) stop(key);
  places_.insert_or_assign(key, source);
  sources_.try_emplace(source, high_watermarks_).first->second.put(key, wish);
  return source;
}

void FetchPlanner::stop(const ReplicaKey& key) {
  const auto at = places_.find(key);
  if (at == places_.end()) return;
  sources_.at(at->second).remove(key);
  places_.erase(at);
}

std::optional<FetchPlan> FetchPlanner::plan(const SourceId& source, ThrottleWindow& quota, Instant now) {
  FetchSource* at = find(source);
  if (at == nullptr || at->in_flight()) return std::nullopt;
  return at->plan(now, quota.allowance(now) == 0);
}

Instant FetchPlanner::next_plan(const SourceId& source, ThrottleWindow& quota, Instant now) const {
  const auto at = sources_.find(source);
  if (at == sources_.end()) return end_of_time;
  const Instant ready = at->second.next_ready();
  return at->second.holds_throttled() ? std::min(ready, quota.next_allowance(now)) : ready;
}

FetchSource* FetchPlanner::find(const SourceId& source) {
  const auto at = sources_.find(source);
  return at == sources_.end() ? nullptr : &at->second;
}

void FetchPlanner::drop(const SourceId& source) {
  SQUALL_ASSERT(std::ranges::none_of(places_, [&](const auto& place) { return place.second == source; }),
                "a source that is followed stays");
  sources_.erase(source);
}

std::optional<SourceId> FetchPlanner::source_of(const ReplicaKey& key) const {
  const auto at = places_.find(key);
  return at == places_.end() ? std::nullopt : std::optional{at->second};
}

std::vector<SourceId> FetchPlanner::sources() const {
  std::vector<SourceId> ids;
  for (const auto& [id, source] : sources_) ids.push_back(id);
  return ids;
}

void FetchPlanner::check_invariants() const {
  for (const auto& [key, source] : places_) {
    SQUALL_ASSERT(sources_.at(source).contains(key), "what is followed is at its source");
  }
  for (const auto& [id, source] : sources_) source.check_invariants();
}

}  // namespace squall::broker
