#include "runtime/timer_heap.h"

namespace squall::runtime {

void TimerHeap::place(std::size_t index, Entry entry) {
  entries_[index] = entry;
  entry.fiber->timer = static_cast<std::uint32_t>(index);
}

void TimerHeap::sift_up(std::size_t index) {
  const Entry entry = entries_[index];
  while (index > 0) {
    const std::size_t parent = (index - 1) / 2;
    if (entries_[parent].at <= entry.at) break;
    place(index, entries_[parent]);
    index = parent;
  }
  place(index, entry);
}

void TimerHeap::sift_down(std::size_t index) {
  const Entry entry = entries_[index];
  while (true) {
    std::size_t child = index * 2 + 1;
    if (child >= entries_.size()) break;
    if (child + 1 < entries_.size() && entries_[child + 1].at < entries_[child].at) ++child;
    if (entry.at <= entries_[child].at) break;
    place(index, entries_[child]);
    index = child;
  }
  place(index, entry);
}

void TimerHeap::erase(std::size_t index) {
  entries_[index].fiber->timer = Fiber::no_timer;
  const Entry last = entries_.back();
  entries_.pop_back();
  if (index == entries_.size()) return;
  place(index, last);
  sift_up(index);
  sift_down(last.fiber->timer);
}

void TimerHeap::arm(Fiber& fiber) {
  if (fiber.timer == Fiber::no_timer) {
    entries_.push_back(Entry{fiber.deadline, &fiber});
    sift_up(entries_.size() - 1);
  } else if (fiber.deadline < entries_[fiber.timer].at) {
    entries_[fiber.timer].at = fiber.deadline;
    sift_up(fiber.timer);
  }
}

void TimerHeap::disarm(Fiber& fiber) {
  if (fiber.timer != Fiber::no_timer) erase(fiber.timer);
}

Fiber* TimerHeap::take_due(Instant now) {
  while (!entries_.empty() && entries_.front().at <= now) {
    Fiber& fiber = *entries_.front().fiber;
    if (fiber.parked && fiber.deadline != end_of_time && fiber.deadline > now) {
      entries_.front().at = fiber.deadline;  // it has begun a later wait since
      sift_down(0);
      continue;
    }
    erase(0);
    if (fiber.parked && fiber.deadline <= now) return &fiber;
  }
  return nullptr;
}

}  // namespace squall::runtime
