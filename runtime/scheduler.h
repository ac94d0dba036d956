// The plain scheduler: fibers run first come, first served, and wait with deadlines. A world that has nothing to say about the
// order of fibers builds on it and provides the clock; the virtual world, which draws the order from its seed, does not.
//
// The calls of the first group are those of World, with World's contracts; the second group is for the world's main loop.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "runtime/fiber.h"
#include "runtime/timer_heap.h"

namespace squall::runtime {

class Scheduler {
 public:
  explicit Scheduler(std::size_t stack_bytes = FiberEngine::default_stack_bytes) : engine_{stack_bytes} {}

  FiberId spawn(std::string_view name, FiberFunction function);
  [[nodiscard]] FiberId current() const;
  void yield();
  void park() { (void)park_until(end_of_time); }
  Wake park_until(Instant deadline);
  void unpark(FiberId id);
  void cancel(FiberId id);

  // Runs the fibers that are ready now, once each, in the order in which they became ready. Those that become ready meanwhile
  // are left for the next call. True if any are.
  bool run_ready();
  [[nodiscard]] bool has_ready() const { return !ready_.empty(); }
  // Wakes the fibers whose deadlines have come.
  void fire_timers(Instant now);
  // Nobody need be woken by time before this; end_of_time if there is no deadline at all.
  [[nodiscard]] Instant next_deadline() const { return timers_.next(); }
  // Cancels all fibers, the youngest first.
  void cancel_all();
  [[nodiscard]] bool alive(FiberId id) const { return engine_.find(id) != nullptr; }
  [[nodiscard]] std::size_t alive() const { return engine_.alive(); }

 private:
  void make_ready(Fiber& fiber);
  void throw_if_cancelled(Fiber& fiber);

  FiberEngine engine_;
  TimerHeap timers_;
  std::vector<Fiber*> ready_;
  std::vector<Fiber*> running_now_;
};

}  // namespace squall::runtime
