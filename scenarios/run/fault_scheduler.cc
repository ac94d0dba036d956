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
  if (strikes.empty()) run_.timeline.add(run_.now(), EntryKind::fault, spec.name + ": nothing to strike");
  Duration longest{};
  for (const Strike& one : strikes) {
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
  for (ServerNode& server : run_.servers) {
    revive(*server.node);
    server.wanted = true;
    if (server.node->state() != sim::NodeState::running) {
      server.node->restart();
    } else if (server.dir_failed) {
      server.node->request_stop();  // as an operator would, once the disk is well; the supervisor starts it again
    }
  }
  for (const auto& client : run_.clients) {
    revive(*client->node);
    if (client->node->state() != sim::NodeState::running && !client->finished) start_again(run_, *client->node);
  }
}

// ---- roles: nodes are numbered servers first, then clients ----

template <class Wanted>
std::vector<std::size_t> FaultScheduler::servers_where(Wanted&& wanted) const {
  std::vector<std::size_t> list;
  for (std::size_t at = 0; at < run_.servers.size(); ++at) {
    if (wanted(run_.servers[at])) list.push_back(at);
  }
  return list;
}

std::vector<std::size_t> FaultScheduler::brokers() const {
  return servers_where([](const ServerNode& one) { return one.plan->is_broker; });
}

std::vector<std::size_t> FaultScheduler::controllers() const {
  return servers_where([](const ServerNode& one) { return one.plan->is_controller; });
}

std::vector<std::size_t> FaultScheduler::rack(std::int32_t number) const {
  return servers_where([&](const ServerNode& one) { return one.plan->rack == number; });
}

std::vector<std::size_t> FaultScheduler::clients() const {
  std::vector<std::size_t> list(run_.clients.size());
  for (std::size_t at = 0; at < list.size(); ++at) list[at] = run_.servers.size() + at;
  return list;
}

std::vector<std::size_t> FaultScheduler::clients_of(std::string_view workload) const {
  std::vector<std::size_t> list;
  for (std::size_t at = 0; at < run_.clients.size(); ++at) {
    if (run_.plan.workloads[run_.clients[at]->workload].name == workload) list.push_back(run_.servers.size() + at);
  }
  return list;
}

std::vector<std::size_t> FaultScheduler::active_controller() const {
  const NodeId active = run_.view->active_controller();
  return servers_where([&](const ServerNode& one) { return one.plan->id == active; });
}

std::vector<std::size_t> FaultScheduler::standby_controllers() const {
  const NodeId active = run_.view->active_controller();
  return servers_where([&](const ServerNode& one) {
    return one.plan->is_controller && one.plan->id != active && one.node->state() == sim::NodeState::running;
  });
}

std::vector<std::size_t> FaultScheduler::leader(std::string_view topic, std::int32_t partition) const {
  const auto known = run_.view->partition(topic, partition);
  return servers_where([&](const ServerNode& one) { return known && one.plan->id == known->leader; });
}

std::vector<std::size_t> FaultScheduler::followers(std::string_view topic, std::int32_t partition, bool in_sync) const {
  const auto known = run_.view->partition(topic, partition);
  return servers_where([&](const ServerNode& one) {
    if (!known || one.plan->id == known->leader) return false;
    const std::vector<NodeId>& members = in_sync ? known->in_sync : known->replicas;
    return std::ranges::find(members, one.plan->id) != members.end();
  });
}

std::vector<sim::Node*> FaultScheduler::nodes(const Selector& selector, Random& random) {
  std::vector<sim::Node*> list;
  for (const std::size_t index : resolve(selector, *this, random)) {
    list.push_back(index < run_.servers.size() ? run_.servers[index].node : run_.clients[index - run_.servers.size()]->node);
  }
  return list;
}

}  // namespace squall::scenarios
