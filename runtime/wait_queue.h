// A line of fibers that wait for something: what every primitive here is made of. Waiters live on their fibers' stacks, so
// waiting allocates nothing; they are woken first come, first served.
//
// Belongs to one World and its thread. A queue may be destroyed while fibers wait in it only when their node has died: they
// are then forgotten, and leave by FiberCancelled without touching it.
#pragma once

#include <cstdint>

#include "base/time.h"
#include "runtime/fiber.h"

namespace squall::runtime {

class World;
class WaitQueue;

// One fiber's place in a line.
struct Waiter {
  std::uint64_t wanted = 0;  // for the primitive: how much it waits for
  FiberId fiber;
  WaitQueue* queue = nullptr;  // null once it has left the line
  Waiter* previous = nullptr;
  Waiter* next = nullptr;
  bool woken = false;
  bool orphaned = false;  // the queue was destroyed under it
};

class WaitQueue {
 public:
  explicit WaitQueue(World& world) : world_{&world} {}
  ~WaitQueue();
  WaitQueue(const WaitQueue&) = delete;
  WaitQueue& operator=(const WaitQueue&) = delete;

  // Waits until woken or until `deadline`. A fiber that is cancelled after it was woken passes the wake-up on to the next.
  Wake wait(Instant deadline = end_of_time);
  // The same with a place of the caller's own, which it can look at afterwards: when FiberCancelled comes out of here and
  // `waiter.woken` is set, what the wake-up stood for is the caller's to give back (unless `waiter.orphaned`).
  Wake wait(Waiter& waiter, Instant deadline = end_of_time);

  // Wakes the first in line. False if nobody waits.
  bool wake_one();
  void wake_all();

  [[nodiscard]] bool empty() const { return first_ == nullptr; }
  [[nodiscard]] const Waiter* first() const { return first_; }
  [[nodiscard]] World& world() const { return *world_; }

 private:
  void append(Waiter& waiter);
  void remove(Waiter& waiter);

  World* world_;
  Waiter* first_ = nullptr;
  Waiter* last_ = nullptr;
};

}  // namespace squall::runtime
