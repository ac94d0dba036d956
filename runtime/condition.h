// Waiting for a change of state. Since fibers switch only where they wait, state that is changed without waiting needs no
// mutex: test it and wait in one go. The overloads with a lock are for state that a Mutex guards.
#pragma once

#include <mutex>
#include <utility>

#include "runtime/mutex.h"
#include "runtime/wait_queue.h"

namespace squall::runtime {

class Condition {
 public:
  explicit Condition(World& world) : waiters_{world} {}

  // Waits for the next notification that reaches this fiber: callers loop on their state.
  void wait() { (void)waiters_.wait(); }
  [[nodiscard]] Wake wait_until(Instant deadline) { return waiters_.wait(deadline); }

  // Waits until `holds()`. With a deadline: false if it came and `holds()` is still false.
  template <class Predicate>
  void wait(Predicate&& holds) {
    while (!holds()) wait();
  }
  template <class Predicate>
  [[nodiscard]] bool wait_until(Instant deadline, Predicate&& holds) {
    while (!holds()) {
      if (wait_until(deadline) == Wake::deadline) return holds();
    }
    return true;
  }

  // Gives the lock up while waiting and takes it again before returning. When the fiber is cancelled, the lock stays given up.
  Wake wait_until(std::unique_lock<Mutex>& lock, Instant deadline) {
    lock.unlock();
    const Wake wake = waiters_.wait(deadline);
    lock.lock();
    return wake;
  }
  void wait(std::unique_lock<Mutex>& lock) { (void)wait_until(lock, end_of_time); }

  void notify_one() { (void)waiters_.wake_one(); }
  void notify_all() { waiters_.wake_all(); }
  [[nodiscard]] bool has_waiters() const { return !waiters_.empty(); }

 private:
  WaitQueue waiters_;
};

}  // namespace squall::runtime
