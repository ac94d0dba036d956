#include "scenarios/run/atlas.h"

#include <algorithm>
#include <vector>

namespace squall::scenarios {
namespace {

// The scheduler of flushes, the sync itself, and acknowledgements under way.
constexpr Duration flush_slack = std::chrono::seconds{1};

// How long after its return a replica may still be called in sync for what it was before: until it has registered anew.
constexpr Duration stale_for = std::chrono::seconds{5};

std::optional<std::int64_t> number(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  const auto parsed = parse_quantity(*text, Unit::count);
  return parsed ? std::optional{*parsed} : std::nullopt;
}

}  // namespace

FlushPolicy Atlas::policy_of(std::string_view topic) const {
  FlushPolicy policy;
  policy.messages = number(plan_.topic_value(topic, "flush.messages", "log.flush.interval.messages"));
  const auto interval = number(plan_.topic_value(topic, "flush.ms", "log.flush.interval.ms"));
  if (!interval) return policy;
  const auto period = number(plan_.broker_value("log.flush.scheduler.interval.ms"));
  // The scheduler looks once a period; without one it never looks.
  if (period) policy.interval = std::chrono::milliseconds{*interval + *period};
  return policy;
}

std::int64_t Atlas::promised(const PartitionHistory& partition, Instant now) const {
  const FlushPolicy policy = policy_of(partition.topic());
  std::int64_t floor = 0;
  if (policy.messages) floor = std::max<std::int64_t>(0, partition.acknowledged_until(now) - (*policy.messages - 1));
  if (policy.interval && !sync_failed_) {
    const bool slow = now < slow_until_ + *policy.interval + flush_slack;
    const Instant reliable = slow ? std::min(slow_since_, now) : now;
    floor = std::max(floor, partition.acknowledged_until(reliable - *policy.interval - flush_slack));
  }
  return floor;
}

std::optional<PartitionView> Atlas::seen(PartitionId id) {
  const PartitionHistory& history = checks_.history().partition(id);
  if (auto now = view_ == nullptr ? std::nullopt : view_->partition(history.topic(), history.partition())) {
    last_seen_[id] = std::move(*now);
  }
  const auto last = last_seen_.find(id);
  return last == last_seen_.end() ? std::nullopt : std::optional{last->second};
}

bool Atlas::may_elect_uncleanly(std::string_view topic) const {
  constexpr std::string_view key = "unclean.leader.election.enable";
  return plan_.topic_value(topic, key, key) == "true";
}

bool Atlas::another_is_clean(PartitionId id, const PartitionView& partition, NodeId struck, Instant now) const {
  const auto is_clean = [&](NodeId replica) {
    if (replica == struck) return false;
    const auto harmed = unclean_.find({id, replica});
    return harmed == unclean_.end() || (harmed->second.served && now >= *harmed->second.served + stale_for);
  };
  return std::ranges::any_of(partition.in_sync, is_clean) || std::ranges::any_of(partition.eligible, is_clean);
}

void Atlas::lose_metadata_with(NodeId server) {
  const auto plan = std::ranges::find(plan_.servers, server, &ServerPlan::id);
  if (plan != plan_.servers.end() && !plan->is_controller) return;
  lost_controllers_.insert(server);
  if (2 * static_cast<std::int64_t>(lost_controllers_.size()) < plan_.controller_count()) return;
  checks_.metadata().forget_all();
  checks_.identity().forget();
  checks_.cluster().forget_metadata();
  // With its metadata a topic may be gone, and be made anew.
  for (PartitionId id = 0; id < checks_.history().size(); ++id) {
    damaged_.insert(id);
    excuse(id, 0);
  }
}

void Atlas::leads(PartitionId id, NodeId leader, Instant now) {
  const auto partition = seen(id);
  if (!partition || partition->replicas.size() < 2 || damaged_.contains(id)) return;
  PartitionHistory& history = checks_.history().partition(id);
  if (partition->recovering && may_elect_uncleanly(history.topic())) {
    unclean_elections_.insert(id);
    return excuse(id, 0);
  }
  const auto harmed = unclean_.find({id, leader});
  if (harmed == unclean_.end()) return;
  const std::int64_t floor = harmed->second.floor;
  const bool sole = !another_is_clean(id, *partition, leader, now);
  unclean_.erase(harmed);  // what it has is what counts from now on
  if (sole) history.excuse(floor, now);
}

void Atlas::look(Instant now) {
  std::erase_if(unclean_, [&](const auto& one) {
    const auto& [replica, unclean] = one;
    if (!unclean.served) return false;
    // It left the ISR when it registered anew, unless it was the last one there: beside another leader it is in it by merit.
    const auto partition = seen(replica.first);
    return partition && partition->leader != no_node && partition->leader != replica.second &&
           std::ranges::find(partition->in_sync, replica.second) != partition->in_sync.end();
  });
  std::erase_if(unclean_elections_, [&](PartitionId id) {
    PartitionHistory& history = checks_.history().partition(id);
    if (view_->has_deposed_leader(history.topic(), history.partition())) return false;
    const auto waits = [&](const auto& one) { return one.second.contains(id); };
    if (!damaged_.contains(id) && std::ranges::none_of(excused_until_, waits)) history.end_excuse(now);
    return true;
  });
}

void Atlas::struck(Harm harm, NodeId server, Instant now) {
  if (harm == Harm::none) return;
  const auto plan = std::ranges::find(plan_.servers, server, &ServerPlan::id);
  // Who may not vote does not wait for its disk: of what it has replayed a power cut may take the end.
  const bool forgets = plan != plan_.servers.end() && (harm == Harm::stored || !plan->is_controller);
  if (forgets) checks_.cluster().never_truncated->forget(plan->name);
  if (harm == Harm::stored) {
    stored_harm_ = true;
    lose_metadata_with(server);
  }
  for (PartitionId id = 0; id < checks_.history().size(); ++id) {
    const PartitionHistory& history = checks_.history().partition(id);
    const auto partition = seen(id);
    if (partition && std::ranges::find(partition->replicas, server) == partition->replicas.end()) continue;
    const bool gone = harm == Harm::stored || damaged_.contains(id);
    const std::int64_t floor = gone ? 0 : promised(history, now);
    const auto [at, fresh] = unclean_.try_emplace({id, server}, Unclean{.floor = floor, .served = {}});
    if (!fresh) at->second = {.floor = std::min(at->second.floor, floor), .served = {}};
    if (partition && !damaged_.contains(id) && another_is_clean(id, *partition, server, now)) continue;
    excuse(id, floor);
    if (damaged_.contains(id)) continue;
    // Whoever of them returns first may lead, and what it has is what counts from then on.
    const std::vector<NodeId> waited_for = partition ? partition->in_sync : std::vector<NodeId>{server};
    for (const NodeId one : waited_for) excused_until_[one].insert(id);
    excused_until_[server].insert(id);
  }
}

void Atlas::damaged(NodeId server) {
  stored_harm_ = true;
  damaged_servers_.insert(server);
  lose_metadata_with(server);
  for (PartitionId id = 0; id < checks_.history().size(); ++id) {
    const auto partition = seen(id);
    if (partition && std::ranges::find(partition->replicas, server) == partition->replicas.end()) continue;
    damaged_.insert(id);
    excuse(id, 0);
  }
}

void Atlas::recovered(NodeId server, Instant now) {
  for (auto& [replica, unclean] : unclean_) {
    if (replica.second == server && !unclean.served) unclean.served = now;
  }
  const auto waiting = excused_until_.find(server);
  if (waiting == excused_until_.end()) return;
  // Damage to what is stored comes to light at any time later.
  for (const PartitionId id : waiting->second) {
    if (!damaged_.contains(id) && !unclean_elections_.contains(id)) checks_.history().partition(id).end_excuse(now);
  }
  excused_until_.erase(waiting);
}

void Atlas::slowed(Instant now, Instant until) {
  if (now > slow_until_) slow_since_ = now;
  slow_until_ = std::max(slow_until_, until);
}

}  // namespace squall::scenarios
