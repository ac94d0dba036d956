#include "runtime/wait_queue.h"

#include "runtime/world.h"

namespace squall::runtime {

WaitQueue::~WaitQueue() {
  for (Waiter* waiter = first_; waiter != nullptr; waiter = waiter->next) {
    waiter->queue = nullptr;
    waiter->orphaned = true;
  }
}

void WaitQueue::append(Waiter& waiter) {
  waiter.queue = this;
  waiter.previous = last_;
  waiter.next = nullptr;
  (last_ == nullptr ? first_ : last_->next) = &waiter;
  last_ = &waiter;
}

void WaitQueue::remove(Waiter& waiter) {
  (waiter.previous == nullptr ? first_ : waiter.previous->next) = waiter.next;
  (waiter.next == nullptr ? last_ : waiter.next->previous) = waiter.previous;
  waiter.queue = nullptr;
}

Wake WaitQueue::wait(Instant deadline) {
  Waiter waiter;
  try {
    return wait(waiter, deadline);
  } catch (...) {
    if (waiter.woken && !waiter.orphaned) wake_one();
    throw;
  }
}

Wake WaitQueue::wait(Waiter& waiter, Instant deadline) {
  struct Leave {  // whichever way the wait ends
    Waiter& waiter;
    ~Leave() {
      if (waiter.queue != nullptr) waiter.queue->remove(waiter);
    }
  };
  World& world = *world_;
  waiter.fiber = world.current_fiber();
  waiter.woken = false;
  append(waiter);
  const Leave leave{waiter};
  while (!waiter.woken) {
    if (deadline == end_of_time) {
      world.park();
    } else if (world.park_until(deadline) == Wake::deadline && !waiter.woken) {
      return Wake::deadline;
    }
  }
  return Wake::unparked;
}

bool WaitQueue::wake_one() {
  if (first_ == nullptr) return false;
  Waiter& waiter = *first_;
  remove(waiter);
  waiter.woken = true;
  world_->unpark(waiter.fiber);
  return true;
}

void WaitQueue::wake_all() {
  while (wake_one()) {
  }
}

}  // namespace squall::runtime
