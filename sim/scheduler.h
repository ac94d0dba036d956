// Which fiber runs next, and when: the virtual clock, the event queue and the ready fibers of all nodes.
//
// Among ready fibers the seed picks. When none is ready, time jumps to the next event. A fiber that waits for an instant while
// nothing else could happen before it moves the clock itself and goes on: the same order and the same trace, without a switch.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "runtime/fiber.h"
#include "sim/event_queue.h"
#include "sim/trace.h"

namespace squall::sim {

class NodeWorld;

// One wait of one fiber: waking it after that wait has ended does nothing.
struct Waiter {
  runtime::FiberId fiber;
  std::uint64_t ticket = 0;
  explicit operator bool() const { return static_cast<bool>(fiber); }
};

enum class RunEnd : std::uint8_t {
  reached,   // the time asked for
  stopped,   // the predicate no longer holds
  idle,      // nothing is left that could happen
  livelock,  // too many steps without time moving: the ring shows them
};

class Scheduler {
 public:
  Scheduler(std::uint64_t seed, Trace& trace, std::size_t stack_bytes, std::uint64_t livelock_steps);

  [[nodiscard]] Instant now() const { return now_; }
  [[nodiscard]] std::uint64_t steps() const { return steps_; }
  void push(Instant at, EventKind kind, std::uint64_t a, std::uint64_t b) { queue_.push(at, kind, a, b); }

  // Runs to `until` (time is then `until`), or until `predicate` (may be empty) no longer holds. `dispatch` gets each event
  // that is not a fiber's timer.
  RunEnd run(Instant until, const std::function<bool()>& predicate, const std::function<void(const Event&)>& dispatch);

  // Ends the run that lasts, before its next step.
  void stop() { stop_ = true; }

  // ---- fibers ----
  runtime::Fiber& spawn(NodeWorld& owner, std::string_view name, runtime::FiberFunction function);
  [[nodiscard]] runtime::Fiber* running() const { return engine_.running(); }
  [[nodiscard]] runtime::Fiber* find(runtime::FiberId id) const { return engine_.find(id); }
  // The handle by which the running fiber's next `wait` can be ended.
  [[nodiscard]] Waiter next_wait() const;
  // From a fiber: suspends it until its waiter is woken, or until `until` on the simulation's clock.
  runtime::Wake wait(Instant until);
  // Ends the wait, if it still lasts.
  void wake(const Waiter& waiter);
  // Makes a suspended fiber run again, whatever it waits for.
  void make_ready(runtime::Fiber& fiber);
  // From a fiber: lets others run.
  void yield();

  // What the running fiber computes.
  struct Work {
    std::uint64_t debt_ps = 0;  // not begun yet, in picoseconds
    Instant done_at;            // of what was begun
  };
  [[nodiscard]] Work& work();

  // Puts the frozen fibers of a node back in line.
  void thaw(std::vector<runtime::Fiber*>& frozen);
  // Ends all fibers of a dead world, before anything else runs. From anywhere.
  void unwind(NodeWorld& world);
  [[nodiscard]] std::size_t fibers_of(const NodeWorld& world) const;

 private:
  struct Slot {
    Instant deadline = end_of_time;    // of the wait that lasts now
    Instant armed_at = end_of_time;    // of the timer event that counts
    Instant armed_next = end_of_time;  // of a later one, which counts once that has fired
    Work work;
    bool waiting = false;
    std::uint64_t born = 0;  // the how-manieth fiber
  };
  [[nodiscard]] Slot& slot_of(const runtime::Fiber& fiber) { return slots_[fiber.id().slot]; }
  void run_one_ready();
  void fire_timer(const Event& event);
  void arm(const runtime::Fiber& fiber, Slot& slot);
  void unwind_dead();
  void advance(Instant to);
  void record_resume(const runtime::Fiber& fiber);

  Instant now_;
  Instant horizon_;  // fibers may move the clock up to here themselves
  EventQueue queue_;
  Random order_;
  Trace& trace_;
  runtime::FiberEngine engine_;
  std::vector<runtime::Fiber*> ready_;
  std::vector<Slot> slots_;  // by fiber slot
  std::uint64_t births_ = 0;
  std::vector<NodeWorld*> dead_;
  std::uint64_t steps_ = 0;
  std::uint64_t steps_at_instant_ = 0;
  std::uint64_t livelock_steps_;
  bool stop_ = false;
};

}  // namespace squall::sim
