// Roles come and go: who is fetched from, and by which fiber.
#include "broker/replica_manager.h"

#include <utility>

#include "base/assert.h"
#include "broker/replica_fetcher.h"

namespace squall::broker {

ReplicaManager::ReplicaManager(runtime::World& world, ReplicaManagerOptions options)
    : world_{world},
      options_{std::move(options)},
      planner_{options_.fetchers, options_.limits.state_high_watermark ? HighWatermarks::stated : HighWatermarks::unstated},
      asked_{world},
      checks_{world},
      gate_{world} {}

ReplicaManager::~ReplicaManager() = default;

runtime::FiberId ReplicaManager::spawn(std::string_view name, std::function<void()> work) {
  auto inside = gate_.enter();
  SQUALL_ASSERT(inside.has_value(), "nothing is started after the stop");
  // Left before the manager goes.
  struct Life {
    std::shared_ptr<ReplicaManager> self;
    runtime::Gate::Inside inside;
  };
  return world_.spawn(name, [life = Life{shared_from_this(), std::move(*inside)}, work = std::move(work)] { work(); });
}

void ReplicaManager::start() {
  started_ = true;
  for (const SourceId& source : planner_.sources()) run_fetcher(source);
  if (!led_.empty() || !asks_.empty()) watch_isrs();
}

void ReplicaManager::stop() {
  stopping_ = true;
  for (const auto& [id, fetcher] : fetchers_) fetcher->stop();
  if (asker_) world_.cancel(*asker_);
  checks_.wake_all();
  gate_.close_and_wait();
}

void ReplicaManager::role_ends(const Partition& partition) {
  const ReplicaKey key = partition.key();
  unfollow(key);
  followed_.erase(key);
  led_.erase(key);
  asks_.erase(key);
  retries_.erase(key);
  if (partition.removed()) hang_up_unused();
}

void ReplicaManager::role_begun(const PartitionRef& partition) {
  const ReplicaKey key = partition->key();
  const PartitionCore& core = partition->core();
  if (core.follower() != nullptr) {
    followed_[key] = partition;
    refresh(partition);
  } else if (core.leader() != nullptr && core.registration().replicas.size() > 1) {
    led_[key] = partition;
    if (started_) watch_isrs();
  } else {
    led_.erase(key);
  }
  hang_up_unused();
}

// What the next fetch says of the partition, or that it is not fetched now.
void ReplicaManager::refresh(const PartitionRef& partition) {
  const auto at = followed_.find(partition->key());
  if (at == followed_.end() || at->second != partition) return;
  const auto position = partition->position();
  const NodeId leader = partition->fetches_from();
  if (!position || leader == no_node || leader == options_.self) return unfollow(partition->key());
  follow(partition->key(), leader,
         {.position = *position, .throttleable = partition->throttled_as_follower() && !partition->core().is_in_sync()});
}

void ReplicaManager::follow(const ReplicaKey& key, NodeId leader, const FetchWish& wish) {
  const auto before = planner_.source_of(key);
  const SourceId source = planner_.follow(key, leader, wish);
  if (before != source) {
    if (before) --used_[*before];
    ++used_[source];
  }
  run_fetcher(source);
}

void ReplicaManager::unfollow(const ReplicaKey& key) {
  const auto source = planner_.source_of(key);
  if (!source) return;
  planner_.stop(key);
  --used_[*source];
}

void ReplicaManager::run_fetcher(const SourceId& source) {
  if (!started_ || stopping_) return;
  auto& fetcher = fetchers_[source];
  if (fetcher != nullptr) return fetcher->wake();
  fetcher = std::make_shared<ReplicaFetcher>(*this, source);
  fetcher->set_fiber(spawn("replica-fetcher", [held = fetcher] { held->run(); }));
}

// A request to a broker that is of no use any more, and may be dead, is not waited for: the broker may come back.
void ReplicaManager::hang_up_unused() {
  for (auto at = used_.begin(); at != used_.end();) {
    if (at->second > 0) {
      ++at;
      continue;
    }
    if (const auto fetcher = fetchers_.find(at->first); fetcher != fetchers_.end()) fetcher->second->hang_up();
    at = used_.erase(at);
  }
}

}  // namespace squall::broker
