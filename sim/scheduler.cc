#include "sim/scheduler.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/assert.h"
#include "sim/node_world.h"

namespace squall::sim {
namespace {

NodeWorld& world_of(const runtime::Fiber& fiber) { return *static_cast<NodeWorld*>(fiber.owner); }

}  // namespace

Scheduler::Scheduler(std::uint64_t seed, Trace& trace, std::size_t stack_bytes, std::uint64_t livelock_steps)
    : queue_{Random{seed}.fork("event order").next()},
      order_{Random{seed}.fork("fiber order")},
      trace_{trace},
      engine_{stack_bytes},
      livelock_steps_{livelock_steps} {}

RunEnd Scheduler::run(Instant until, const std::function<bool()>& predicate,
                      const std::function<void(const Event&)>& dispatch) {
  SQUALL_ASSERT(engine_.running() == nullptr, "a run is not started from a fiber");
  SQUALL_ASSERT(until >= now_, "time does not go back");
  horizon_ = predicate ? now_ : until;  // with a predicate each step must come back here
  stop_ = false;
  while (true) {
    if (!dead_.empty()) unwind_dead();
    if (stop_ || (predicate && !predicate())) return RunEnd::stopped;
    if (++steps_at_instant_ > livelock_steps_) return RunEnd::livelock;
    if (!ready_.empty()) {
      ++steps_;
      run_one_ready();
      continue;
    }
    const Instant next = queue_.earliest();
    if (next > until) {
      now_ = until;
      return RunEnd::reached;
    }
    if (queue_.empty()) {  // `until` is the end of time
      return RunEnd::idle;
    }
    ++steps_;
    const Event event = queue_.pop();
    advance(std::max(next, now_));
    if (event.kind == EventKind::fiber_timer) {
      fire_timer(event);
    } else {
      dispatch(event);
    }
  }
}

void Scheduler::advance(Instant to) {
  if (to != now_) steps_at_instant_ = 0;
  now_ = to;
}

void Scheduler::record_resume(const runtime::Fiber& fiber) {
  trace_.record({.at = now_.time_since_epoch().count(),
                 .a = fiber.id().slot,
                 .b = fiber.id().generation,
                 .digest = 0,
                 .node = world_of(fiber).node().index(),
                 .crossing = Crossing::resume});
}

void Scheduler::run_one_ready() {
  const std::size_t count = ready_.size();
  const std::size_t pick = count == 1 ? 0 : static_cast<std::size_t>(order_.below(count));
  runtime::Fiber& fiber = *ready_[pick];
  ready_[pick] = ready_.back();
  ready_.pop_back();
  Node& node = world_of(fiber).node();
  if (node.paused()) {
    node.frozen().push_back(&fiber);
    return;
  }
  fiber.queued = false;
  record_resume(fiber);
  engine_.resume(fiber);
}

void Scheduler::fire_timer(const Event& event) {
  runtime::Fiber* fiber =
      engine_.find({.slot = static_cast<std::uint32_t>(event.a), .generation = static_cast<std::uint32_t>(event.b)});
  if (fiber == nullptr) return;
  Slot& slot = slot_of(*fiber);
  if (slot.armed_at != now_) return;  // a later one counts, or an earlier one did
  slot.armed_at = std::exchange(slot.armed_next, end_of_time);
  if (!slot.waiting || slot.deadline == end_of_time) return;
  if (slot.deadline <= now_) {
    fiber->deadline_hit = true;
    make_ready(*fiber);
  } else {
    arm(*fiber, slot);
  }
}

// At most two timer events of a fiber count, so that short waits between long ones leave no trail of stale events.
void Scheduler::arm(const runtime::Fiber& fiber, Slot& slot) {
  const Instant at = std::max(slot.deadline, now_);
  if (at >= slot.armed_at) return;
  slot.armed_next = slot.armed_at;
  slot.armed_at = at;
  queue_.push(at, EventKind::fiber_timer, fiber.id().slot, fiber.id().generation);
}

runtime::Fiber& Scheduler::spawn(NodeWorld& owner, std::string_view name, runtime::FiberFunction function) {
  runtime::Fiber& fiber = engine_.create(name, std::move(function));
  fiber.owner = &owner;
  if (fiber.id().slot >= slots_.size()) slots_.resize(fiber.id().slot + std::size_t{1});
  slots_[fiber.id().slot] = Slot{};
  slots_[fiber.id().slot].born = ++births_;
  fiber.queued = true;
  ready_.push_back(&fiber);
  return fiber;
}

Waiter Scheduler::next_wait() const {
  const runtime::Fiber* fiber = engine_.running();
  SQUALL_ASSERT(fiber != nullptr, "only a fiber waits");
  return {.fiber = fiber->id(), .ticket = fiber->wait_ticket + 1};
}

runtime::Wake Scheduler::wait(Instant until) {
  runtime::Fiber* fiber = engine_.running();
  SQUALL_ASSERT(fiber != nullptr, "only a fiber waits");
  ++fiber->wait_ticket;
  const bool alone =
      ready_.empty() && dead_.empty() && !stop_ && until <= horizon_ && queue_.earliest() > std::max(until, now_);
  if (alone && !world_of(*fiber).node().paused() && until != end_of_time && steps_at_instant_ < livelock_steps_) {
    slot_of(*fiber).armed_next = end_of_time;
    queue_.skip_draw();
    steps_ += 2;
    steps_at_instant_ += 2;
    advance(std::max(until, now_));
    record_resume(*fiber);
    return runtime::Wake::deadline;
  }
  Slot& slot = slot_of(*fiber);
  slot.waiting = true;
  slot.deadline = until;
  fiber->deadline_hit = false;
  if (until != end_of_time) arm(*fiber, slot);
  engine_.suspend();
  return fiber->deadline_hit ? runtime::Wake::deadline : runtime::Wake::unparked;
}

void Scheduler::wake(const Waiter& waiter) {
  if (!waiter) return;
  runtime::Fiber* fiber = engine_.find(waiter.fiber);
  if (fiber != nullptr && fiber->wait_ticket == waiter.ticket && slot_of(*fiber).waiting) make_ready(*fiber);
}

void Scheduler::make_ready(runtime::Fiber& fiber) {
  if (fiber.queued || &fiber == engine_.running()) return;
  slot_of(fiber).waiting = false;
  fiber.queued = true;
  ready_.push_back(&fiber);
}

void Scheduler::yield() {
  runtime::Fiber* fiber = engine_.running();
  SQUALL_ASSERT(fiber != nullptr, "only a fiber yields");
  fiber->queued = true;
  ready_.push_back(fiber);
  engine_.suspend();
}

Scheduler::Work& Scheduler::work() {
  const runtime::Fiber* fiber = engine_.running();
  SQUALL_ASSERT(fiber != nullptr, "only a fiber works");
  return slot_of(*fiber).work;
}

void Scheduler::thaw(std::vector<runtime::Fiber*>& frozen) {
  ready_.insert(ready_.end(), frozen.begin(), frozen.end());
  frozen.clear();
}

void Scheduler::unwind(NodeWorld& world) {
  if (std::ranges::find(dead_, &world) == dead_.end()) dead_.push_back(&world);
  if (engine_.running() == nullptr) unwind_dead();
}

void Scheduler::unwind_dead() {
  while (!dead_.empty()) {
    NodeWorld* world = dead_.front();
    dead_.erase(dead_.begin());
    const auto of_world = [world](const runtime::Fiber* fiber) { return fiber->owner == world; };
    std::erase_if(ready_, of_world);
    for (std::uint32_t round = 0;; ++round) {
      SQUALL_ASSERT(round < 1'000, "a cancelled fiber ends");
      std::vector<runtime::Fiber*> fibers = engine_.living();
      std::erase_if(fibers, [&](const runtime::Fiber* fiber) { return !of_world(fiber); });
      if (fibers.empty()) break;
      // The youngest first: what a fiber holds may be used by those that it spawned.
      std::ranges::sort(fibers, std::greater{}, [this](const runtime::Fiber* fiber) { return slots_[fiber->id().slot].born; });
      for (runtime::Fiber* fiber : fibers) {
        fiber->queued = false;
        engine_.resume(*fiber);
      }
      std::erase_if(ready_, of_world);
    }
  }
}

std::size_t Scheduler::fibers_of(const NodeWorld& world) const {
  std::size_t count = 0;
  for (const runtime::Fiber* fiber : engine_.living()) {
    if (fiber->owner == &world) ++count;
  }
  return count;
}

}  // namespace squall::sim
