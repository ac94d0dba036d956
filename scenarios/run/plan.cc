#include "scenarios/run/plan.h"

#include <fmt/format.h>

#include <algorithm>

namespace squall::scenarios {
namespace {

DrawnConfig draw_config(const ConfigEntries& entries, const Random& parent) {
  DrawnConfig drawn;
  for (const auto& [key, value] : entries) {
    Random stream = parent.fork(key);
    drawn.emplace_back(key, value.draw_word(stream));
  }
  return drawn;
}

// One draw from the stream of its own that `name` names.
std::int64_t draw(const Value& value, const Random& parent, std::string_view name) {
  Random stream = parent.fork(name);
  return value.draw(stream);
}

std::string draw_word(const Value& value, const Random& parent, std::string_view name) {
  Random stream = parent.fork(name);
  return value.draw_word(stream);
}

void draw_produce(const WorkloadSpec& spec, const Random& stream, WorkloadPlan& plan) {
  plan.acks = draw_word(spec.acks, stream, "acks");
  plan.idempotence = draw_word(spec.idempotence, stream, "idempotence") == "true";
  plan.compression = draw_word(spec.compression, stream, "compression");
  plan.record_size = spec.record_size;
  plan.record_size_max = std::min<std::int64_t>(spec.record_size.greatest(), 16 << 20);
  plan.keys = spec.keys;
  plan.partition = draw_word(spec.partition, stream, "partition");
  plan.batch_size = draw(spec.batch_size, stream, "batch_size");
  plan.linger = Duration{draw(spec.linger, stream, "linger")};
  plan.in_flight = draw(spec.in_flight, stream, "in_flight");
  plan.headers = draw(spec.headers, stream, "headers");
  plan.delivery_timeout = Duration{draw(spec.delivery_timeout, stream, "delivery_timeout")};
  plan.records = draw(spec.records, stream, "records");
}

void draw_consume(const WorkloadSpec& spec, const Random& stream, WorkloadPlan& plan) {
  plan.from_earliest = draw_word(spec.from, stream, "from") == "earliest";
  plan.max_wait = Duration{draw(spec.max_wait, stream, "max_wait")};
  plan.min_bytes = draw(spec.min_bytes, stream, "min_bytes");
  plan.max_bytes = draw(spec.max_bytes, stream, "max_bytes");
  plan.think = spec.think;
  plan.rewind = spec.rewind;
}

WorkloadPlan draw_workload(const WorkloadSpec& spec, std::size_t index, const Random& stream) {
  WorkloadPlan plan;
  plan.index = index;
  plan.kind = spec.kind;
  plan.name = spec.name;
  plan.topic = spec.topic;
  plan.clients = static_cast<std::size_t>(std::max<std::int64_t>(1, draw(spec.clients, stream, "clients")));
  plan.start = Duration{draw(spec.start, stream, "start")};
  if (spec.stop) plan.stop = Duration{draw(*spec.stop, stream, "stop")};
  plan.request_timeout = Duration{draw(spec.request_timeout, stream, "request_timeout")};
  if (spec.rate) {
    // A rate counts per 1,000 seconds, of all clients together.
    const std::int64_t rate = std::max<std::int64_t>(1, draw(*spec.rate, stream, "rate"));
    plan.interval_ns = std::max<std::int64_t>(1, 1'000'000'000'000 / rate * static_cast<std::int64_t>(plan.clients));
  }
  switch (spec.kind) {
    case WorkloadKind::produce: draw_produce(spec, stream, plan); break;
    case WorkloadKind::consume: draw_consume(spec, stream, plan); break;
    case WorkloadKind::admin:
      plan.operations = spec.operations;
      plan.topics = draw(spec.topics, stream, "topics");
      if (plan.interval_ns == 0) plan.interval_ns = 200'000'000 * static_cast<std::int64_t>(plan.clients);
      break;
  }
  return plan;
}

FaultSpec default_fault(FaultKind kind, std::string name, Duration at) {
  FaultSpec fault;
  fault.name = std::move(name);
  fault.at = Value::fixed(at.count(), Unit::duration);
  fault.kind = kind;
  for (const ParameterInfo& parameter : fault_info(kind).parameters) {
    if (parameter.kind == ParameterKind::value || parameter.kind == ParameterKind::flag) {
      fault.values.emplace_back(parameter.name, *Value::parse(parameter.fallback, parameter.unit));
      continue;
    }
    auto& selector = parameter.name == "from" ? fault.from : parameter.name == "to" ? fault.to : fault.node;
    selector = *Selector::parse(parameter.fallback);
  }
  return fault;
}

void draw_swarm(const SwarmSpec& swarm, Duration duration, Random stream, std::vector<FaultSpec>& into) {
  const std::int64_t count = swarm.count.draw(stream);
  Duration at{};
  for (std::int64_t one = 0; one < count; ++one) {
    at += swarm.between.draw_duration(stream);
    const FaultKind kind = swarm.kinds[stream.below(swarm.kinds.size())];
    if (at >= duration) return;
    into.push_back(default_fault(kind, fmt::format("swarm#{} {}", one + 1, fault_info(kind).name), at));
  }
}

}  // namespace

bool Plan::keeps_create_time(std::string_view topic) const {
  constexpr std::string_view append_time = "LogAppendTime";
  const auto says = [&](const DrawnConfig& config, std::string_view key) {
    return std::ranges::any_of(config, [&](const auto& one) { return one.first == key && one.second == append_time; });
  };
  const auto found = std::ranges::find(topics, topic, &TopicPlan::name);
  if (found != topics.end() && says(found->config, "message.timestamp.type")) return false;
  return !says(broker_config, "log.message.timestamp.type");
}

Plan make_plan(const Scenario& scenario, std::uint64_t seed) {
  const Random root = Random{seed}.fork("plan");
  Plan plan;
  const Random cluster = root.fork("cluster");
  plan.broker_config = draw_config(scenario.cluster.config, cluster.fork("config"));
  plan.disks = draw(scenario.cluster.disks, cluster, "disks");
  if (scenario.cluster.disk_size) plan.disk_size = draw(*scenario.cluster.disk_size, cluster, "disk_size");
  if (scenario.cluster.page_cache) plan.page_cache = draw(*scenario.cluster.page_cache, cluster, "page_cache");
  if (scenario.cluster.clock_skew) plan.clock_skew = Duration{draw(*scenario.cluster.clock_skew, cluster, "clock_skew")};
  for (const TopicSpec& topic : scenario.topics) {
    const Random stream = root.fork("topic " + topic.name);
    plan.topics.push_back({topic.name, static_cast<std::int32_t>(draw(topic.partitions, stream, "partitions")),
                           draw_config(topic.config, stream.fork("config"))});
  }
  for (std::size_t at = 0; at < scenario.workloads.size(); ++at) {
    plan.workloads.push_back(draw_workload(scenario.workloads[at], at, root.fork(fmt::format("workload {}", at + 1))));
  }
  for (const FaultSpec& fault : scenario.faults) {
    Random stream = root.fork("chance " + fault.name);
    const std::int64_t chance = fault.chance.draw(stream);
    if (stream.chance(static_cast<std::uint64_t>(chance), probability_certain)) plan.faults.push_back(fault);
  }
  if (scenario.swarm) draw_swarm(*scenario.swarm, scenario.run.duration, root.fork("swarm"), plan.faults);
  return plan;
}

}  // namespace squall::scenarios
