#include "scenarios/run/atlas.h"

#include <algorithm>

namespace squall::scenarios {
namespace {

// The scheduler of flushes, the sync itself, and acknowledgements under way.
constexpr Duration flush_slack = std::chrono::seconds{1};

std::optional<std::string> find_key(const DrawnConfig& config, std::string_view key) {
  const auto found = std::ranges::find(config, key, &std::pair<std::string, std::string>::first);
  if (found == config.end()) return std::nullopt;
  return found->second;
}

std::optional<std::int64_t> number(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  const auto parsed = parse_quantity(*text, Unit::count);
  return parsed ? std::optional{*parsed} : std::nullopt;
}

}  // namespace

std::optional<std::string> Atlas::config(std::string_view topic, std::string_view topic_key,
                                         std::string_view broker_key) const {
  const auto found = std::ranges::find(plan_.topics, topic, &TopicPlan::name);
  if (found != plan_.topics.end()) {
    if (auto value = find_key(found->config, topic_key)) return value;
  }
  return find_key(plan_.broker_config, broker_key);
}

FlushPolicy Atlas::policy_of(std::string_view topic) const {
  FlushPolicy policy;
  policy.messages = number(config(topic, "flush.messages", "log.flush.interval.messages"));
  const auto interval = number(config(topic, "flush.ms", "log.flush.interval.ms"));
  if (!interval) return policy;
  const auto period = number(find_key(plan_.broker_config, "log.flush.scheduler.interval.ms"));
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

void Atlas::struck(Harm harm, Instant now) {
  History& history = checks_.history();
  if (harm == Harm::none) return;
  if (harm == Harm::stored) {
    stored_harm_ = true;
    checks_.metadata().forget_all();
    checks_.identity().forget();
  }
  for (PartitionId id = 0; id < history.size(); ++id) {
    PartitionHistory& partition = history.partition(id);
    partition.excuse(stored_harm_ ? 0 : promised(partition, now), end_of_time);
  }
}

void Atlas::recovered(Instant now) {
  // Damage to what is stored comes to light at any time later.
  if (!stored_harm_) checks_.history().end_excuses(now);
}

void Atlas::slowed(Instant now, Instant until) {
  if (now > slow_until_) slow_since_ = now;
  slow_until_ = std::max(slow_until_, until);
}

}  // namespace squall::scenarios
