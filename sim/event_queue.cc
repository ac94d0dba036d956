#include "sim/event_queue.h"

#include <algorithm>

#include "base/assert.h"

namespace squall::sim {

// A function of the seed and a counter, not a stateful generator: a short-cut event only has to count.
std::uint32_t EventQueue::draw() {
  std::uint64_t z = seed_ + ++serial_ * 0x9e3779b97f4a7c15U;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  return static_cast<std::uint32_t>(z >> 32);
}

void EventQueue::push(Instant at, EventKind kind, std::uint64_t a, std::uint64_t b) {
  SQUALL_ASSERT(at >= Instant{}, "virtual time begins at 0");
  const Event event{.at = at.time_since_epoch().count(), .a = a, .b = b, .order = draw(), .kind = kind};
  heap_.push_back(event);
  sift_up(heap_.size() - 1, event);
}

void EventQueue::sift_up(std::size_t hole, const Event& event) {
  const uint128 own = rank(event);
  while (hole > 0) {
    const std::size_t parent = (hole - 1) / 4;
    if (own >= rank(heap_[parent])) break;
    heap_[hole] = heap_[parent];
    hole = parent;
  }
  heap_[hole] = event;
}

// The hole that the first event leaves goes down to a leaf, without a look at the last event, which then rises from there:
// it is nearly always among the latest.
Event EventQueue::pop() {
  SQUALL_ASSERT(!heap_.empty(), "an empty queue has no event");
  const Event result = heap_.front();
  const Event last = heap_.back();
  heap_.pop_back();
  const std::size_t size = heap_.size();
  if (size == 0) return result;
  std::size_t hole = 0;
  std::size_t first = 1;
  for (; first + 3 < size; first = hole * 4 + 1) {
    const std::size_t best = earlier(earlier(first, first + 1), earlier(first + 2, first + 3));
    heap_[hole] = heap_[best];
    hole = best;
  }
  if (first < size) {
    std::size_t best = first;
    for (std::size_t child = first + 1; child < size; ++child) best = earlier(best, child);
    heap_[hole] = heap_[best];
    hole = best;
  }
  sift_up(hole, last);
  return result;
}

}  // namespace squall::sim
