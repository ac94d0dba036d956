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

std::optional<std::string> find_key(const DrawnConfig& config, std::string_view key) {
  const auto found = std::ranges::find(config, key, &std::pair<std::string, std::string>::first);
  return found == config.end() ? std::nullopt : std::optional{found->second};
}

// Brokers, then the controllers that are nodes of their own; each kind is dealt out to the racks in turn.
std::vector<ServerPlan> lay_out(const ClusterSpec& cluster) {
  std::vector<ServerPlan> servers;
  const auto rack = [&](std::int64_t index) { return cluster.racks > 0 ? index % cluster.racks + 1 : 0; };
  for (std::int64_t index = 0; index < cluster.brokers; ++index) {
    const bool controls = cluster.controllers == 0 || (cluster.combined && index < cluster.controllers);
    servers.push_back(
        {NodeId{static_cast<std::int32_t>(index + 1)}, fmt::format("broker-{}", index + 1), true, controls, rack(index)});
  }
  if (!cluster.dedicated_controllers()) return servers;
  for (std::int64_t index = 0; index < cluster.controllers; ++index) {
    servers.push_back({NodeId{first_controller_id + static_cast<std::int32_t>(index)}, fmt::format("controller-{}", index + 1),
                       false, true, rack(index)});
  }
  return servers;
}

// What a parameter of a drawn fault names; in a cluster every server may be struck, and every link.
std::string_view drawn_target(const ParameterInfo& parameter, bool cluster) {
  if (!cluster || parameter.kind == ParameterKind::client || parameter.fallback.contains("controller"))
    return parameter.fallback;
  return parameter.name == "from" ? "any.node" : "any.server";
}

FaultSpec default_fault(FaultKind kind, std::string name, Duration at, bool cluster) {
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
    selector = *Selector::parse(drawn_target(parameter, cluster));
  }
  return fault;
}

void draw_swarm(const SwarmSpec& swarm, Duration duration, Random stream, Plan& plan) {
  const std::int64_t count = swarm.count.draw(stream);
  Duration at{};
  for (std::int64_t one = 0; one < count; ++one) {
    at += swarm.between.draw_duration(stream);
    const FaultKind kind = swarm.kinds[stream.below(swarm.kinds.size())];
    if (at >= duration) return;
    plan.faults.push_back(
        default_fault(kind, fmt::format("swarm#{} {}", one + 1, fault_info(kind).name), at, plan.is_cluster()));
  }
}

}  // namespace

std::int64_t Plan::broker_count() const { return std::ranges::count_if(servers, &ServerPlan::is_broker); }
std::int64_t Plan::controller_count() const { return std::ranges::count_if(servers, &ServerPlan::is_controller); }

std::optional<std::string> Plan::broker_value(std::string_view key) const {
  auto value = find_key(broker_config, key);
  return value ? value : find_key(config, key);
}

std::optional<std::string> Plan::topic_value(std::string_view topic, std::string_view topic_key,
                                             std::string_view broker_key) const {
  const auto found = std::ranges::find(topics, topic, &TopicPlan::name);
  if (found != topics.end()) {
    if (auto value = find_key(found->config, topic_key)) return value;
  }
  return broker_value(broker_key);
}

std::vector<const ServerPlan*> Plan::first_voters() const {
  std::vector<const ServerPlan*> voters;
  for (const ServerPlan& server : servers) {
    if (server.is_controller && static_cast<std::int64_t>(voters.size()) < initial_voters) voters.push_back(&server);
  }
  return voters;
}

std::int16_t Plan::replication_of(std::string_view topic) const {
  const auto found = std::ranges::find(topics, topic, &TopicPlan::name);
  return found == topics.end() ? std::int16_t{1} : found->replication;
}

bool Plan::keeps_create_time(std::string_view topic) const {
  return topic_value(topic, "message.timestamp.type", "log.message.timestamp.type") != "LogAppendTime";
}

Plan make_plan(const Scenario& scenario, std::uint64_t seed) {
  const Random root = Random{seed}.fork("plan");
  Plan plan;
  const Random cluster = root.fork("cluster");
  plan.servers = lay_out(scenario.cluster);
  plan.dynamic_voters = scenario.cluster.dynamic_voters && plan.is_cluster();
  plan.initial_voters =
      scenario.cluster.initial_voters > 0 ? scenario.cluster.initial_voters : scenario.cluster.controller_count();
  plan.config = draw_config(scenario.cluster.config, cluster.fork("config"));
  plan.broker_config = draw_config(scenario.cluster.broker_config, cluster.fork("broker_config"));
  plan.controller_config = draw_config(scenario.cluster.controller_config, cluster.fork("controller_config"));
  plan.disks = draw(scenario.cluster.disks, cluster, "disks");
  if (scenario.cluster.disk_size) plan.disk_size = draw(*scenario.cluster.disk_size, cluster, "disk_size");
  if (scenario.cluster.page_cache) plan.page_cache = draw(*scenario.cluster.page_cache, cluster, "page_cache");
  if (scenario.cluster.clock_skew) plan.clock_skew = Duration{draw(*scenario.cluster.clock_skew, cluster, "clock_skew")};
  for (const TopicSpec& topic : scenario.topics) {
    const Random stream = root.fork("topic " + topic.name);
    plan.topics.push_back({topic.name, static_cast<std::int32_t>(draw(topic.partitions, stream, "partitions")),
                           static_cast<std::int16_t>(topic.replication), draw_config(topic.config, stream.fork("config"))});
  }
  for (std::size_t at = 0; at < scenario.workloads.size(); ++at) {
    plan.workloads.push_back(draw_workload(scenario.workloads[at], at, root.fork(fmt::format("workload {}", at + 1))));
  }
  for (const FaultSpec& fault : scenario.faults) {
    Random stream = root.fork("chance " + fault.name);
    const std::int64_t chance = fault.chance.draw(stream);
    if (stream.chance(static_cast<std::uint64_t>(chance), probability_certain)) plan.faults.push_back(fault);
  }
  if (scenario.swarm) draw_swarm(*scenario.swarm, scenario.run.duration, root.fork("swarm"), plan);
  return plan;
}

}  // namespace squall::scenarios
