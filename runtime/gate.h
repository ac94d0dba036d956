// Counts what is under way, so that an owner can refuse new work and wait for the old before it goes away.
//
//   if (auto inside = gate.enter()) world.spawn("request", [held = std::move(*inside)] { ... });
//   gate.close_and_wait();  // later: nothing enters any more, and everything that was inside has left
#pragma once

#include <cstddef>
#include <optional>
#include <utility>

#include "base/assert.h"
#include "runtime/wait_queue.h"

namespace squall::runtime {

class Gate {
 public:
  // Being inside; leaves when destroyed. Captured by a fiber's function it leaves when the fiber ends, however that comes.
  class Inside {
   public:
    explicit Inside(Gate& gate) : gate_{&gate} { ++gate.inside_; }
    Inside(Inside&& other) noexcept : gate_{std::exchange(other.gate_, nullptr)} {}
    Inside& operator=(Inside&& other) noexcept {
      std::swap(gate_, other.gate_);
      return *this;
    }
    ~Inside() {
      if (gate_ != nullptr) gate_->leave();
    }

   private:
    Gate* gate_;
  };

  explicit Gate(World& world) : closers_{world} {}

  // Nothing if the gate is closed.
  [[nodiscard]] std::optional<Inside> enter() {
    if (closed_) return std::nullopt;
    return Inside{*this};
  }
  void close() { closed_ = true; }
  // May wait. Closes, and returns when nobody is inside. Must not be called from inside.
  void close_and_wait() { (void)close_and_wait_until(end_of_time); }
  // False if the deadline came first; the gate stays closed.
  [[nodiscard]] bool close_and_wait_until(Instant deadline) {
    close();
    while (inside_ > 0) {
      if (closers_.wait(deadline) == Wake::deadline) return inside_ == 0;
    }
    return true;
  }
  [[nodiscard]] bool closed() const { return closed_; }
  [[nodiscard]] std::size_t inside() const { return inside_; }

 private:
  void leave() {
    SQUALL_ASSERT(inside_ > 0, "only who is inside leaves");
    if (--inside_ == 0) closers_.wake_all();
  }

  WaitQueue closers_;
  std::size_t inside_ = 0;
  bool closed_ = false;
};

}  // namespace squall::runtime
