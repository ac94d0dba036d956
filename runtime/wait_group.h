// Waiting for a number of things to be done: add before starting each, done after it, wait for all.
#pragma once

#include <cstddef>

#include "base/assert.h"
#include "runtime/wait_queue.h"

namespace squall::runtime {

class WaitGroup {
 public:
  explicit WaitGroup(World& world) : waiters_{world} {}

  void add(std::size_t count = 1) { pending_ += count; }
  void done() {
    SQUALL_ASSERT(pending_ > 0, "no more is done than was added");
    if (--pending_ == 0) waiters_.wake_all();
  }
  // May wait.
  void wait() { (void)wait_until(end_of_time); }
  // False if the deadline came first.
  [[nodiscard]] bool wait_until(Instant deadline) {
    while (pending_ > 0) {
      if (waiters_.wait(deadline) == Wake::deadline) return pending_ == 0;
    }
    return true;
  }
  [[nodiscard]] std::size_t pending() const { return pending_; }

 private:
  WaitQueue waiters_;
  std::size_t pending_ = 0;
};

}  // namespace squall::runtime
