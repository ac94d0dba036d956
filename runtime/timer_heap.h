// The deadlines of waiting fibers. Each fiber has at most one entry, and it is kept when the fiber is woken early: most waits
// end long before their deadline and are followed by another with a later one, so an entry that comes too early is cheaper to
// move when it comes up than to remove and insert for every wait.
//
// Invariant: a parked fiber with a deadline has an entry, and the entry's time is not after that deadline.
#pragma once

#include <cstddef>
#include <vector>

#include "base/time.h"
#include "runtime/fiber.h"

namespace squall::runtime {

class TimerHeap {
 public:
  // Sees to it that `fiber` comes up at its `deadline`.
  void arm(Fiber& fiber);
  // Forgets `fiber`, which has ended.
  void disarm(Fiber& fiber);
  // A fiber whose deadline is not after `now`; each once. Null when there is none.
  Fiber* take_due(Instant now);
  // No deadline is before this.
  [[nodiscard]] Instant next() const { return entries_.empty() ? end_of_time : entries_.front().at; }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    Instant at;
    Fiber* fiber;
  };
  void place(std::size_t index, Entry entry);
  void sift_up(std::size_t index);
  void sift_down(std::size_t index);
  void erase(std::size_t index);

  std::vector<Entry> entries_;  // a binary heap, the earliest first; Fiber::timer is the index
};

}  // namespace squall::runtime
