// A bounded queue of values from fibers to fibers. Values come out in the order in which they went in.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "runtime/wait_queue.h"

namespace squall::runtime {

template <class T>
class Channel {
 public:
  // Room for `capacity` values, at least one, is allocated once.
  Channel(World& world, std::size_t capacity) : takers_{world}, givers_{world}, ring_(capacity) {
    SQUALL_ASSERT(capacity > 0, "a channel holds at least one value");
  }

  // May wait for room. False, and the value dropped, if the channel is closed or the deadline came first.
  bool push(T value, Instant deadline = end_of_time) {
    while (count_ == ring_.size() && !closed_) {
      if (givers_.wait(deadline) == Wake::deadline && count_ == ring_.size()) return false;
    }
    return try_push(std::move(value));
  }
  // False, and the value dropped, if the channel is full or closed.
  bool try_push(T value) {
    if (closed_ || count_ == ring_.size()) return false;
    ring_[(head_ + count_) % ring_.size()].emplace(std::move(value));
    ++count_;
    (void)takers_.wake_one();
    return true;
  }
  // May wait for a value. Nothing once the channel is closed and empty, or when the deadline came first.
  [[nodiscard]] std::optional<T> pop(Instant deadline = end_of_time) {
    while (count_ == 0 && !closed_) {
      if (takers_.wait(deadline) == Wake::deadline && count_ == 0) return std::nullopt;
    }
    return try_pop();
  }
  [[nodiscard]] std::optional<T> try_pop() {
    if (count_ == 0) return std::nullopt;
    std::optional<T> value{std::move(ring_[head_])};
    ring_[head_].reset();
    head_ = (head_ + 1) % ring_.size();
    --count_;
    (void)givers_.wake_one();
    return value;
  }
  // Nothing goes in any more; what is inside can still be taken out.
  void close() {
    closed_ = true;
    takers_.wake_all();
    givers_.wake_all();
  }
  [[nodiscard]] bool closed() const { return closed_; }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] std::size_t capacity() const { return ring_.size(); }

 private:
  WaitQueue takers_;
  WaitQueue givers_;
  std::vector<std::optional<T>> ring_;
  std::size_t head_ = 0;
  std::size_t count_ = 0;
  bool closed_ = false;
};

}  // namespace squall::runtime
