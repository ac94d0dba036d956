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
  const Event event{.at = at.time_since_epoch().count(), .a = a, .b = b, .order = draw(), .kind = kind};
  std::size_t hole = heap_.size();
  heap_.push_back(event);
  while (hole > 0) {
    const std::size_t parent = (hole - 1) / 4;
    if (!before(event, heap_[parent])) break;
    heap_[hole] = heap_[parent];
    hole = parent;
  }
  heap_[hole] = event;
}

Event EventQueue::pop() {
  SQUALL_ASSERT(!heap_.empty(), "an empty queue has no event");
  const Event result = heap_.front();
  const Event last = heap_.back();
  heap_.pop_back();
  const std::size_t size = heap_.size();
  if (size == 0) return result;
  std::size_t hole = 0;
  while (true) {
    const std::size_t first = hole * 4 + 1;
    if (first >= size) break;
    std::size_t best = first;
    const std::size_t end = std::min(first + 4, size);
    for (std::size_t child = first + 1; child < end; ++child) {
      if (before(heap_[child], heap_[best])) best = child;
    }
    if (!before(heap_[best], last)) break;
    heap_[hole] = heap_[best];
    hole = best;
  }
  heap_[hole] = last;
  return result;
}

}  // namespace squall::sim
