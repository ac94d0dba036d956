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

bool Atlas::another_is_clean(PartitionId id, const PartitionView& partition, NodeId struck, Instant now) const {
  const auto clean = [&](NodeId replica) { return replica != struck && is_clean(id, replica, now); };
  return std::ranges::any_of(partition.in_sync, clean) || std::ranges::any_of(partition.eligible, clean);
}

bool Atlas::is_clean(PartitionId id, NodeId replica, Instant now) const {
  const auto harmed = unclean_.find({id, replica});
  return harmed == unclean_.end() || (harmed->second && now >= *harmed->second + stale_for);
}

void Atlas::look(Instant now) {
  for (const auto& [replica, served] : unclean_) {
    const auto& [id, server] = replica;
    if (served || damaged_.contains(id) || excused_until_[server].contains(id)) continue;
    const auto partition = seen(id);
    if (!partition || another_is_clean(id, *partition, no_node, now)) continue;
    excuse(id, floors_[replica]);
    excused_until_[server].insert(id);
  }
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

void Atlas::begin() {
  constexpr std::string_view key = "unclean.leader.election.enable";
  for (PartitionId id = 0; id < checks_.history().size(); ++id) {
    const std::string& topic = checks_.history().partition(id).topic();
    if (plan_.replication_of(topic) < 2 || plan_.topic_value(topic, key, key) != "true") continue;
    damaged_.insert(id);
    excuse(id, 0);
  }
}

void Atlas::struck(Harm harm, NodeId server, Instant now) {
  if (harm == Harm::none) return;
  if (harm == Harm::stored) {
    stored_harm_ = true;
    const auto plan = std::ranges::find(plan_.servers, server, &ServerPlan::id);
    if (plan != plan_.servers.end()) checks_.cluster().never_truncated->forget(plan->name);
    lose_metadata_with(server);
  }
  for (PartitionId id = 0; id < checks_.history().size(); ++id) {
    const PartitionHistory& history = checks_.history().partition(id);
    const auto partition = seen(id);
    if (partition && std::ranges::find(partition->replicas, server) == partition->replicas.end()) continue;
    const bool gone = harm == Harm::stored || damaged_.contains(id);
    const std::int64_t floor = gone ? 0 : promised(history, now);
    unclean_[{id, server}] = std::nullopt;
    floors_[{id, server}] = floor;
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
  for (auto& [replica, served] : unclean_) {
    if (replica.second == server && !served) served = now;
  }
  const auto waiting = excused_until_.find(server);
  if (waiting == excused_until_.end()) return;
  // Damage to what is stored comes to light at any time later.
  for (const PartitionId id : waiting->second) {
    if (!damaged_.contains(id)) checks_.history().partition(id).end_excuse(now);
  }
  excused_until_.erase(waiting);
}

void Atlas::slowed(Instant now, Instant until) {
  if (now > slow_until_) slow_since_ = now;
  slow_until_ = std::max(slow_until_, until);
}

}  // namespace squall::scenarios
