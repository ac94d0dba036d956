#include "sim/simulation.h"

#include <fmt/core.h>

#include <utility>

#include "base/assert.h"

namespace squall::sim {

Simulation::Simulation(SimulationOptions options)
    : options_{options},
      random_{options_.seed},
      trace_{options_.ring_size},
      scheduler_{options_.seed, trace_, options_.fiber_stack_bytes, options_.livelock_steps},
      network_{std::make_unique<Network>(*this, options_.network)} {
  trace_.record({.at = 0, .a = options_.seed, .b = 0, .digest = 0, .node = 0, .crossing = Crossing::node});
}

Simulation::~Simulation() {
  for (const auto& node : nodes_) node->crash();
}

Node& Simulation::add_node(NodeOptions options) {
  SQUALL_ASSERT(!options.name.empty() && find_node(options.name) == nullptr, "a node has a name of its own");
  if (options.host.empty()) options.host = options.name;
  nodes_.push_back(std::make_unique<Node>(*this, static_cast<std::uint32_t>(nodes_.size()), std::move(options)));
  return *nodes_.back();
}

Node* Simulation::find_node(std::string_view name) {
  for (const auto& node : nodes_) {
    if (node->name() == name) return node.get();
  }
  return nullptr;
}

std::uint32_t Simulation::keep(ControlFunction function) {
  if (free_controls_.empty()) {
    free_controls_.push_back(static_cast<std::uint32_t>(controls_.size()));
    controls_.emplace_back();
  }
  const std::uint32_t slot = free_controls_.back();
  free_controls_.pop_back();
  controls_[slot] = std::move(function);
  return slot;
}

void Simulation::at(Instant when, ControlFunction function) {
  const std::uint32_t slot = keep(std::move(function));
  scheduler_.push(when > now() ? when : now(), EventKind::control, slot, 0);
}

void Simulation::dispatch(const Event& event) {
  switch (event.kind) {
    case EventKind::fiber_timer: return;  // the scheduler's own
    case EventKind::control: {
      ControlFunction function = std::move(controls_[event.a]);
      free_controls_.push_back(static_cast<std::uint32_t>(event.a));
      function();
      return;
    }
    case EventKind::pipe_arrival: network_->on_arrival(event); return;
    case EventKind::pipe_give_up: network_->on_give_up(event); return;
    case EventKind::writeback: nodes_[event.a]->write_back(); return;
  }
}

RunEnd Simulation::run_until(Instant until) {
  return scheduler_.run(until, {}, [this](const Event& event) { dispatch(event); });
}

RunEnd Simulation::run_while(const std::function<bool()>& predicate, Instant limit) {
  return scheduler_.run(limit, predicate, [this](const Event& event) { dispatch(event); });
}

std::vector<std::string> Simulation::recent(std::size_t limit) const {
  return trace_.recent(limit, [this](std::uint32_t index) { return index < nodes_.size() ? nodes_[index]->name() : "-"; });
}

std::vector<std::string> Simulation::recent_events(std::size_t limit) const {
  return trace_.recent_events(limit,
                              [this](std::uint32_t index) { return index < nodes_.size() ? nodes_[index]->name() : "-"; });
}

FaultId Simulation::inject(std::string_view kind, std::string target) {
  const std::uint64_t digest = combine(digest_of(kind), digest_of(target));
  const FaultId fault = ledger_.inject(std::string{kind}, std::move(target), now());
  trace_.record(
      {.at = now().time_since_epoch().count(), .a = fault, .b = 0, .digest = digest, .node = 0, .crossing = Crossing::fault});
  return fault;
}

}  // namespace squall::sim
