#include "runtime/linux/clock.h"

#include <time.h>

namespace squall::runtime {
namespace {

Duration read_clock(clockid_t id) {
  timespec time{};
  clock_gettime(id, &time);
  return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
}

}  // namespace

Clock::Clock() : start_{read_clock(CLOCK_MONOTONIC)} {}

Instant Clock::now() const { return Instant{read_clock(CLOCK_MONOTONIC) - start_}; }

WallTime Clock::wall_now() { return WallTime{std::chrono::floor<std::chrono::milliseconds>(read_clock(CLOCK_REALTIME))}; }

}  // namespace squall::runtime
