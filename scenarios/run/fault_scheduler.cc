#include "scenarios/run/fault_scheduler.h"

#include <fmt/format.h>

#include <algorithm>

#include "scenarios/run/cluster.h"

namespace squall::scenarios {

FaultScheduler::FaultScheduler(RunContext& run) : run_{run} {
  for (const FaultSpec& spec : run.plan.faults) {
    Armed armed{.spec = &spec, .random = run.simulation.fork_random("fault " + spec.name)};
    const bool again = spec.every.has_value() || spec.trigger != TriggerKind::at_time;
    armed.left = spec.times ? spec.times->draw(armed.random) : spec.every && again ? INT64_MAX : 1;
    armed_.push_back(armed);
  }
}

void FaultScheduler::start() {
  for (std::size_t index = 0; index < armed_.size(); ++index) {
    Armed& armed = armed_[index];
    if (armed.spec->trigger == TriggerKind::on_event) armed.events_needed = armed.spec->event_count.draw(armed.random);
    if (armed.spec->trigger != TriggerKind::at_time) continue;
    Duration first = armed.spec->at.draw_duration(armed.random);
    if (armed.spec->every && first.count() == 0) first = armed.spec->every->draw_duration(armed.random);
    schedule(index, first);
  }
}

void FaultScheduler::schedule(std::size_t index, Duration delay) {
  Armed& armed = armed_[index];
  if (over_ || armed.left <= 0) return;
  if (armed.left != INT64_MAX) --armed.left;
  delay += armed.spec->delay.draw_duration(armed.random);
  run_.simulation.after(delay, [this, index] { fire(index); });
}

void FaultScheduler::fire(std::size_t index) {
  if (over_) return;
  Armed& armed = armed_[index];
  const FaultSpec& spec = *armed.spec;
  const std::vector<Strike> strikes = strike(spec, armed.random);
  if (strikes.empty()) {
    ++missed_;
    run_.timeline.add(run_.now(), EntryKind::fault, spec.name + ": nothing to strike");
  }
  Duration longest{};
  for (const Strike& one : strikes) {
    ++fired_;
    longest = std::max(longest, one.lasts);
    run_.timeline.add(run_.now(), EntryKind::fault, fmt::format("{}: {}", spec.name, one.text), {}, one.lasts, one.fault);
  }
  follow(spec.name, false);
  run_.simulation.after(longest, [this, name = spec.name] { follow(name, true); });
  if (spec.every) schedule(index, spec.every->draw_duration(armed.random));
}

void FaultScheduler::follow(const std::string& name, bool end) {
  if (over_) return;
  for (std::size_t index = 0; index < armed_.size(); ++index) {
    const FaultSpec& spec = *armed_[index].spec;
    if (spec.trigger == TriggerKind::after_fault && spec.after == name && spec.after_end == end) schedule(index, Duration{});
  }
}

bool FaultScheduler::matches(const FaultSpec& spec, const sim::ProductEvent& event) const {
  if (spec.trigger != TriggerKind::on_event || spec.event != event.name) return false;
  return std::ranges::all_of(spec.where, [&](const auto& condition) {
    if (condition.first == "node") return condition.second == event.node_name;
    if (const auto text = event.text(condition.first)) return *text == condition.second;
    if (const auto number = event.number(condition.first)) return fmt::format("{}", *number) == condition.second;
    return false;
  });
}

void FaultScheduler::event(const sim::ProductEvent& event) {
  if (over_) return;
  for (std::size_t index = 0; index < armed_.size(); ++index) {
    Armed& armed = armed_[index];
    if (armed.left <= 0 || armed.events_needed == 0 || !matches(*armed.spec, event)) continue;
    if (++armed.events_seen < armed.events_needed) continue;
    armed.events_seen = 0;
    armed.events_needed = armed.spec->event_count.draw(armed.random);
    schedule(index, Duration{});
  }
}

void FaultScheduler::later(Duration lasts, std::function<void()> undo) {
  run_.simulation.after(lasts, [this, undo = std::move(undo)] {
    if (!over_) undo();
  });
}

void FaultScheduler::heal() {
  over_ = true;
  run_.simulation.network().heal_all();
  const auto revive = [&](sim::Node& node) {
    if (node.paused()) node.resume();
    for (const auto& disk : node.disks()) disk->heal();
    if (std::ranges::find(slowed_, &node) != slowed_.end()) node.set_cpu_percent(100);
    if (std::ranges::find(drifting_, &node) != drifting_.end()) node.set_drift(0);
    node.correct_clock();
  };
  for (BrokerNode& broker : run_.brokers) {
    revive(*broker.node);
    broker.wanted = true;
    if (broker.node->state() != sim::NodeState::running) {
      broker.node->restart();
    } else if (broker.dir_failed) {
      broker.node->request_stop();  // as an operator would, once the disk is well; the supervisor starts it again
    }
  }
  for (const auto& client : run_.clients) {
    revive(*client->node);
    if (client->node->state() != sim::NodeState::running && !client->finished) start_again(run_, *client->node);
  }
}

// ---- roles: nodes are numbered brokers first, then clients ----

std::vector<std::size_t> FaultScheduler::brokers() const {
  std::vector<std::size_t> list(run_.brokers.size());
  for (std::size_t at = 0; at < list.size(); ++at) list[at] = at;
  return list;
}

std::vector<std::size_t> FaultScheduler::clients() const {
  std::vector<std::size_t> list(run_.clients.size());
  for (std::size_t at = 0; at < list.size(); ++at) list[at] = run_.brokers.size() + at;
  return list;
}

std::vector<std::size_t> FaultScheduler::clients_of(std::string_view workload) const {
  std::vector<std::size_t> list;
  for (std::size_t at = 0; at < run_.clients.size(); ++at) {
    if (run_.plan.workloads[run_.clients[at]->workload].name == workload) list.push_back(run_.brokers.size() + at);
  }
  return list;
}

std::vector<std::size_t> FaultScheduler::active_controller() const {
  for (std::size_t at = 0; at < run_.brokers.size(); ++at) {
    if (run_.brokers[at].serving && run_.brokers[at].node->state() == sim::NodeState::running) return {at};
  }
  return {};
}

std::vector<std::size_t> FaultScheduler::leader(std::string_view, std::int32_t) const { return active_controller(); }

std::vector<sim::Node*> FaultScheduler::nodes(const Selector& selector, Random& random) {
  std::vector<sim::Node*> list;
  for (const std::size_t index : resolve(selector, *this, random)) {
    list.push_back(index < run_.brokers.size() ? run_.brokers[index].node : run_.clients[index - run_.brokers.size()]->node);
  }
  return list;
}

}  // namespace squall::scenarios
