// All that this broker fetches, by where it fetches it: one session for each source broker and fetcher.
//
// Pure. A partition has at most one source; when its leader changes it leaves the old one at once, so that an answer from there
// finds nothing that it could apply to (KAFKA-13207). The answers of the partitions themselves are FollowerState's.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/time.h"
#include "base/types.h"
#include "broker/replication/fetch_source.h"
#include "broker/replication/throttle.h"

namespace squall::broker {

// One fiber fetches from one of these.
struct SourceId {
  NodeId broker = no_node;
  std::int32_t fetcher = 0;  // below num.replica.fetchers
  auto operator<=>(const SourceId&) const = default;
};

class FetchPlanner {
 public:
  explicit FetchPlanner(std::int32_t fetchers = 1, HighWatermarks told = HighWatermarks::unstated)
      : fetchers_{fetchers}, high_watermarks_{told} {}

  // The partition is fetched from `leader`, as `wish` says. Returns the source, whose fiber may have to be woken.
  SourceId follow(const ReplicaKey& key, NodeId leader, const FetchWish& wish);
  // Nothing is fetched for it until `follow`.
  void stop(const ReplicaKey& key);

  // The next request to `source`; empty if there is none to make, or one is under way. `quota` is the follower's throttle.
  [[nodiscard]] std::optional<FetchPlan> plan(const SourceId& source, ThrottleWindow& quota, Instant now);
  // When to plan again if there was nothing to ask for; end_of_time if only `follow` can change that.
  [[nodiscard]] Instant next_plan(const SourceId& source, ThrottleWindow& quota, Instant now) const;
  // Null if nothing was ever fetched from there.
  [[nodiscard]] FetchSource* find(const SourceId& source);
  // The source is of no more use: forgets it and its session. What was followed there must have gone.
  void drop(const SourceId& source);
  // Where the partition is fetched from; empty if nowhere.
  [[nodiscard]] std::optional<SourceId> source_of(const ReplicaKey& key) const;
  [[nodiscard]] std::vector<SourceId> sources() const;
  [[nodiscard]] SourceId source_for(const ReplicaKey& key, NodeId leader) const;
  void check_invariants() const;

 private:
  std::int32_t fetchers_;
  HighWatermarks high_watermarks_;
  std::map<SourceId, FetchSource> sources_;
  std::map<ReplicaKey, SourceId> places_;
};

}  // namespace squall::broker
