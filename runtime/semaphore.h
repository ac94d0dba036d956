// A budget of units (request memory, in-flight requests). First come, first served: a large request at the head of the line is
// not overtaken by small ones behind it.
#pragma once

#include <cstdint>
#include <utility>

#include "runtime/wait_queue.h"

namespace squall::runtime {

class Semaphore {
 public:
  Semaphore(World& world, std::uint64_t units) : waiters_{world}, available_{units} {}

  // May wait. A request for more than the semaphore ever has waits until the deadline or for ever.
  void acquire(std::uint64_t units = 1) { (void)acquire_until(end_of_time, units); }
  // May wait. False, and nothing taken, if the deadline came first.
  [[nodiscard]] bool acquire_until(Instant deadline, std::uint64_t units = 1) {
    if (try_acquire(units)) return true;
    Waiter waiter;
    waiter.wanted = units;
    try {
      if (waiters_.wait(waiter, deadline) == Wake::unparked) return true;  // the units were set aside by serve()
    } catch (...) {
      if (!waiter.orphaned) release(waiter.woken ? units : 0);
      throw;
    }
    serve();  // a large request that has given up may have held back smaller ones
    return false;
  }
  [[nodiscard]] bool try_acquire(std::uint64_t units = 1) {
    if (!waiters_.empty() || available_ < units) return false;
    available_ -= units;
    return true;
  }
  void release(std::uint64_t units = 1) {
    available_ += units;
    serve();
  }
  [[nodiscard]] std::uint64_t available() const { return available_; }
  [[nodiscard]] bool has_waiters() const { return !waiters_.empty(); }

 private:
  void serve() {
    while (!waiters_.empty() && waiters_.first()->wanted <= available_) {
      available_ -= waiters_.first()->wanted;
      (void)waiters_.wake_one();
    }
  }

  WaitQueue waiters_;
  std::uint64_t available_;
};

// Units that are released when this goes out of scope. Made for units that have been acquired.
class SemaphoreUnits {
 public:
  SemaphoreUnits() = default;
  SemaphoreUnits(Semaphore& semaphore, std::uint64_t units) : semaphore_{&semaphore}, units_{units} {}
  SemaphoreUnits(SemaphoreUnits&& other) noexcept
      : semaphore_{std::exchange(other.semaphore_, nullptr)}, units_{std::exchange(other.units_, 0)} {}
  SemaphoreUnits& operator=(SemaphoreUnits&& other) noexcept {
    if (this != &other) {
      release();
      semaphore_ = std::exchange(other.semaphore_, nullptr);
      units_ = std::exchange(other.units_, 0);
    }
    return *this;
  }
  ~SemaphoreUnits() { release(); }

  void release() {
    if (semaphore_ != nullptr) std::exchange(semaphore_, nullptr)->release(std::exchange(units_, 0));
  }
  [[nodiscard]] std::uint64_t units() const { return units_; }

 private:
  Semaphore* semaphore_ = nullptr;
  std::uint64_t units_ = 0;
};

}  // namespace squall::runtime
