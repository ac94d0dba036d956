#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "scenarios/language/parse_internal.h"

namespace squall::scenarios {
namespace {

std::vector<std::string_view> topic_names(const Scenario& scenario) {
  std::vector<std::string_view> names;
  for (const TopicSpec& topic : scenario.topics) names.emplace_back(topic.name);
  return names;
}

void check_topics(const Scenario& scenario, ErrorSink& errors) {
  std::set<std::string_view> seen;
  for (const TopicSpec& topic : scenario.topics) {
    if (!seen.insert(topic.name).second) {
      errors.report(topic.place, "topic", fmt::format("\"{}\" is described twice", topic.name));
    }
    if (topic.replication > scenario.cluster.brokers) {
      errors.report(topic.replication_place, fmt::format("topic \"{}\".replication", topic.name),
                    fmt::format("must be at most {}, the number of brokers", scenario.cluster.brokers));
    }
  }
  const std::vector<std::string_view> names = topic_names(scenario);
  for (const WorkloadSpec& workload : scenario.workloads) {
    if (workload.kind == WorkloadKind::admin || seen.contains(workload.topic)) continue;
    errors.report(workload.place, "workload",
                  fmt::format("there is no [[topic]] \"{}\"{}", workload.topic, suggestion(workload.topic, names)));
  }
}

std::int64_t client_count(const Scenario& scenario) {
  std::int64_t most = 0;
  for (const WorkloadSpec& workload : scenario.workloads) most += workload.clients.greatest();
  return most;
}

// A name that is made of kind and topic may be shared: `client(produce orders)` is any client of those workloads.
void check_workload_names(const Scenario& scenario, ErrorSink& errors) {
  for (std::size_t at = 0; at < scenario.workloads.size(); ++at) {
    for (std::size_t before = 0; before < at; ++before) {
      const WorkloadSpec& first = scenario.workloads[before];
      const WorkloadSpec& second = scenario.workloads[at];
      const bool given = first.name_place.line > 0 || second.name_place.line > 0;
      if (!given || first.name != second.name) continue;
      errors.report(second.name_place.line > 0 ? second.name_place : second.place, fmt::format("workload[{}].name", at + 1),
                    fmt::format("there are two workloads of the name \"{}\"", second.name));
    }
  }
}

// A workload that no draw lets do anything.
void check_workload_times(const Scenario& scenario, ErrorSink& errors) {
  for (std::size_t at = 0; at < scenario.workloads.size(); ++at) {
    const WorkloadSpec& workload = scenario.workloads[at];
    if (workload.start.least() >= scenario.run.duration.count()) {
      errors.report(workload.start_place, fmt::format("workload[{}].start", at + 1),
                    fmt::format("{} is never reached: the run lasts {}", workload.start.to_string(),
                                show_quantity(scenario.run.duration.count(), Unit::duration)));
    }
    if (workload.stop && workload.stop->greatest() <= workload.start.least()) {
      errors.report(workload.stop_place, fmt::format("workload[{}].stop", at + 1),
                    fmt::format("{} is not after its start, {}", workload.stop->to_string(), workload.start.to_string()));
    }
  }
}

// Times count from the beginning of the workloads, and faults end with `run.duration`.
void check_times(const Scenario& scenario, ErrorSink& errors) {
  check_workload_times(scenario, errors);
  for (const FaultSpec& fault : scenario.faults) {
    if (fault.at_place.line == 0 || fault.at.least() < scenario.run.duration.count()) continue;
    errors.report(fault.at_place, fmt::format("fault \"{}\".at", fault.name),
                  fmt::format("{} is never reached: the run lasts {}", fault.at.to_string(),
                              show_quantity(scenario.run.duration.count(), Unit::duration)));
  }
}

// Every chain of faults that wait for each other begins with one that does not.
void check_chains(const Scenario& scenario, ErrorSink& errors) {
  for (const FaultSpec& fault : scenario.faults) {
    auto at = std::ranges::find(scenario.faults, fault.name, &FaultSpec::name);
    std::size_t steps = 0;
    while (at != scenario.faults.end() && at->trigger == TriggerKind::after_fault && steps < scenario.faults.size()) {
      at = std::ranges::find(scenario.faults, at->after, &FaultSpec::name);
      ++steps;
    }
    if (steps < scenario.faults.size() || at == scenario.faults.end()) continue;
    if (at->trigger != TriggerKind::after_fault) continue;
    errors.report(fault.place, fmt::format("fault \"{}\".after", fault.name), "never fires: it waits for itself");
  }
}

std::string counted(std::int64_t count, std::string_view what) {
  return count == 1 ? fmt::format("one {}", what) : fmt::format("{} {}s", count, what);
}

void check_server(const Scenario& scenario, Place place, const std::string& key, const Selector& selector, ErrorSink& errors) {
  using enum Selector::Kind;
  const ClusterSpec& cluster = scenario.cluster;
  const auto absent = [&](std::int64_t count, std::string_view what) {
    errors.report(place, key,
                  fmt::format("there is no {}: the cluster has {}", selector.to_string(),
                              count == 0 ? fmt::format("no {}s", what) : counted(count, what)));
  };
  if (selector.kind == broker && selector.number > cluster.brokers) absent(cluster.brokers, "broker");
  if (selector.kind == controller && selector.number > cluster.controller_count()) {
    absent(cluster.controller_count(), "controller");
  }
  if (selector.kind == standby_controller && cluster.controller_count() < 2) absent(1, "controller");
  if (selector.kind == rack && selector.number > cluster.racks) absent(cluster.racks, "rack");
}

void check_replica(const Scenario& scenario, Place place, const std::string& key, const Selector& selector, ErrorSink& errors) {
  const auto topic = std::ranges::find(scenario.topics, selector.topic, &TopicSpec::name);
  if (topic == scenario.topics.end()) {
    errors.report(
        place, key,
        fmt::format("there is no [[topic]] \"{}\"{}", selector.topic, suggestion(selector.topic, topic_names(scenario))));
  } else if (selector.partition >= topic->partitions.greatest()) {
    errors.report(place, key, fmt::format("{} has no partition {}", selector.topic, selector.partition));
  } else if (selector.kind != Selector::Kind::leader && topic->replication < 2) {
    errors.report(place, key, fmt::format("{} has no followers: its replication is 1", selector.topic));
  }
}

void check_selector(const Scenario& scenario, const FaultSpec& fault, std::string_view parameter, const Selector& selector,
                    ErrorSink& errors) {
  const std::string key = fmt::format("fault \"{}\".{}", fault.name, parameter);
  const auto given = std::ranges::find(fault.selector_places, parameter, &std::pair<std::string_view, Place>::first);
  const Place place = given == fault.selector_places.end() ? fault.place : given->second;
  check_server(scenario, place, key, selector, errors);
  if (selector.kind == Selector::Kind::client && selector.number > client_count(scenario)) {
    errors.report(place, key,
                  fmt::format("there is no {}: the workloads have {} clients", selector.to_string(), client_count(scenario)));
  }
  if (selector.is_replica()) check_replica(scenario, place, key, selector, errors);
  if (selector.kind == Selector::Kind::workload_client &&
      std::ranges::find(scenario.workloads, selector.topic, &WorkloadSpec::name) == scenario.workloads.end()) {
    std::vector<std::string_view> names;
    for (const WorkloadSpec& workload : scenario.workloads) names.emplace_back(workload.name);
    errors.report(place, key, fmt::format("there is no workload \"{}\"{}", selector.topic, suggestion(selector.topic, names)));
  }
}

// Static voters stay what they are.
void check_voter_changes(const Scenario& scenario, ErrorSink& errors) {
  if (scenario.cluster.dynamic_voters) return;
  constexpr std::string_view why = "needs voters = \"dynamic\" in [cluster]";
  for (const FaultSpec& fault : scenario.faults) {
    if (!is_voter_change(fault.kind)) continue;
    errors.report(fault.place, fmt::format("fault \"{}\".{}", fault.name, fault_info(fault.kind).name), std::string{why});
  }
  if (scenario.swarm && std::ranges::any_of(scenario.swarm->kinds, is_voter_change))
    errors.report({}, "swarm.faults", std::string{why});
}

void name_faults(Scenario& scenario) {
  for (std::size_t at = 0; at < scenario.faults.size(); ++at) {
    FaultSpec& fault = scenario.faults[at];
    if (fault.name.empty()) fault.name = fmt::format("{}#{}", fault_info(fault.kind).name, at + 1);
  }
}

}  // namespace

void check_references(Scenario& scenario, ErrorSink& errors) {
  name_faults(scenario);
  check_topics(scenario, errors);
  check_workload_names(scenario, errors);
  check_times(scenario, errors);
  std::vector<std::string_view> names;
  for (const FaultSpec& fault : scenario.faults) {
    if (std::ranges::find(names, fault.name) != names.end()) {
      errors.report(fault.place, "fault", fmt::format("there are two faults of the name \"{}\"", fault.name));
    }
    names.emplace_back(fault.name);
  }
  check_chains(scenario, errors);
  check_voter_changes(scenario, errors);
  for (const FaultSpec& fault : scenario.faults) {
    if (fault.trigger == TriggerKind::after_fault && std::ranges::find(names, fault.after) == names.end()) {
      errors.report(fault.place, fmt::format("fault \"{}\".after", fault.name),
                    fmt::format("there is no fault \"{}\"{}", fault.after, suggestion(fault.after, names)));
    }
    if (fault.node) check_selector(scenario, fault, "node", *fault.node, errors);
    if (fault.from) check_selector(scenario, fault, "from", *fault.from, errors);
    if (fault.to) check_selector(scenario, fault, "to", *fault.to, errors);
  }
}

}  // namespace squall::scenarios
