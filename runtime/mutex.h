// Mutual exclusion between the fibers of one node, for invariants that stay open across a wait. (Code that does not wait needs
// none: fibers switch only where they wait.) Works with std::lock_guard and std::unique_lock.
//
// Fair: unlock hands the mutex to the fiber that has waited longest. Not recursive.
#pragma once

#include "base/assert.h"
#include "runtime/wait_queue.h"

namespace squall::runtime {

class Mutex {
 public:
  explicit Mutex(World& world) : waiters_{world} {}

  // May wait.
  void lock() { (void)lock_until(end_of_time); }
  // May wait. False if the deadline came first.
  [[nodiscard]] bool lock_until(Instant deadline) {
    if (try_lock()) return true;
    Waiter waiter;
    try {
      return waiters_.wait(waiter, deadline) == Wake::unparked;  // the mutex was handed over, still locked
    } catch (...) {
      if (waiter.woken && !waiter.orphaned) unlock();
      throw;
    }
  }
  [[nodiscard]] bool try_lock() {
    if (locked_) return false;
    locked_ = true;
    return true;
  }
  void unlock() {
    SQUALL_ASSERT(locked_, "only a locked mutex is unlocked");
    if (!waiters_.wake_one()) locked_ = false;
  }
  [[nodiscard]] bool locked() const { return locked_; }

 private:
  WaitQueue waiters_;
  bool locked_ = false;
};

}  // namespace squall::runtime
