#include "runtime/scheduler.h"

#include <utility>

#include "base/assert.h"

namespace squall::runtime {

FiberId Scheduler::spawn(std::string_view name, FiberFunction function) {
  Fiber& fiber = engine_.create(name, std::move(function));
  make_ready(fiber);
  return fiber.id();
}

FiberId Scheduler::current() const {
  const Fiber* fiber = engine_.running();
  return fiber == nullptr ? FiberId{} : fiber->id();
}

void Scheduler::make_ready(Fiber& fiber) {
  fiber.queued = true;
  ready_.push_back(&fiber);
}

void Scheduler::throw_if_cancelled(Fiber& fiber) {
  if (!fiber.cancel_requested || fiber.cancel_delivered) return;
  fiber.cancel_delivered = true;
  throw FiberCancelled{};
}

void Scheduler::yield() {
  SQUALL_ASSERT(engine_.running() != nullptr, "only a fiber waits");
  Fiber& fiber = *engine_.running();
  throw_if_cancelled(fiber);
  make_ready(fiber);
  engine_.suspend();
  throw_if_cancelled(fiber);
}

Wake Scheduler::park_until(Instant deadline) {
  SQUALL_ASSERT(engine_.running() != nullptr, "only a fiber waits");
  Fiber& fiber = *engine_.running();
  throw_if_cancelled(fiber);
  if (std::exchange(fiber.permit, false)) return Wake::unparked;
  fiber.parked = true;
  fiber.deadline_hit = false;
  fiber.deadline = deadline;
  if (deadline != end_of_time) timers_.arm(fiber);
  engine_.suspend();
  SQUALL_ASSERT(!fiber.parked, "a parked fiber runs only after it was woken");
  throw_if_cancelled(fiber);
  return fiber.deadline_hit ? Wake::deadline : Wake::unparked;
}

void Scheduler::unpark(FiberId id) {
  Fiber* fiber = engine_.find(id);
  if (fiber == nullptr) return;
  if (!fiber->parked) {
    // Awake or about to be: the permit makes its next park look again.
    fiber->permit = true;
    return;
  }
  fiber->parked = false;
  fiber->deadline = end_of_time;
  make_ready(*fiber);
}

void Scheduler::cancel(FiberId id) {
  Fiber* fiber = engine_.find(id);
  if (fiber == nullptr) return;
  if (fiber == engine_.running()) fiber->cancel_delivered = false;
  fiber->cancel_requested = true;
  if (fiber->parked && !fiber->cancel_delivered) unpark(id);
}

bool Scheduler::run_ready() {
  running_now_.clear();
  std::swap(running_now_, ready_);
  for (Fiber* fiber : running_now_) {
    fiber->queued = false;
    if (!engine_.resume(*fiber)) timers_.disarm(*fiber);
  }
  return !ready_.empty();
}

void Scheduler::fire_timers(Instant now) {
  while (Fiber* fiber = timers_.take_due(now)) {
    fiber->parked = false;
    fiber->deadline_hit = true;
    fiber->deadline = end_of_time;
    make_ready(*fiber);
  }
}

void Scheduler::cancel_all() {
  const auto fibers = engine_.living();
  for (auto fiber = fibers.rbegin(); fiber != fibers.rend(); ++fiber) cancel((*fiber)->id());
}

}  // namespace squall::runtime
