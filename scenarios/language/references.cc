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

void check_selector(const Scenario& scenario, const FaultSpec& fault, const Selector& selector, ErrorSink& errors) {
  const std::string key = fmt::format("fault \"{}\"", fault.name);
  if (selector.kind == Selector::Kind::broker && selector.number > scenario.cluster.brokers) {
    errors.report(fault.place, key, fmt::format("there is no {}: the cluster has one broker", selector.to_string()));
  }
  if (selector.kind == Selector::Kind::client && selector.number > client_count(scenario)) {
    errors.report(fault.place, key,
                  fmt::format("there is no {}: the workloads have {} clients", selector.to_string(), client_count(scenario)));
  }
  if (selector.kind == Selector::Kind::leader) {
    const auto topic = std::ranges::find(scenario.topics, selector.topic, &TopicSpec::name);
    if (topic == scenario.topics.end()) {
      errors.report(
          fault.place, key,
          fmt::format("there is no [[topic]] \"{}\"{}", selector.topic, suggestion(selector.topic, topic_names(scenario))));
    } else if (selector.partition >= topic->partitions.greatest()) {
      errors.report(fault.place, key, fmt::format("{} has no partition {}", selector.topic, selector.partition));
    }
  }
  if (selector.kind == Selector::Kind::workload_client &&
      std::ranges::find(scenario.workloads, selector.topic, &WorkloadSpec::name) == scenario.workloads.end()) {
    std::vector<std::string_view> names;
    for (const WorkloadSpec& workload : scenario.workloads) names.emplace_back(workload.name);
    errors.report(fault.place, key,
                  fmt::format("there is no workload \"{}\"{}", selector.topic, suggestion(selector.topic, names)));
  }
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
  std::vector<std::string_view> names;
  for (const FaultSpec& fault : scenario.faults) {
    if (std::ranges::find(names, fault.name) != names.end()) {
      errors.report(fault.place, "fault", fmt::format("there are two faults of the name \"{}\"", fault.name));
    }
    names.emplace_back(fault.name);
  }
  for (const FaultSpec& fault : scenario.faults) {
    if (fault.trigger == TriggerKind::after_fault && std::ranges::find(names, fault.after) == names.end()) {
      errors.report(fault.place, fmt::format("fault \"{}\".after", fault.name),
                    fmt::format("there is no fault \"{}\"{}", fault.after, suggestion(fault.after, names)));
    }
    for (const auto* selector : {&fault.node, &fault.from, &fault.to}) {
      if (*selector) check_selector(scenario, fault, **selector, errors);
    }
  }
}

}  // namespace squall::scenarios
