// Arithmetic on deadlines that cannot overflow: end_of_time stays end_of_time.
#pragma once

#include <algorithm>

#include "runtime/world.h"

namespace squall::runtime {

[[nodiscard]] constexpr Instant later(Instant start, Duration wait) {
  if (wait > Duration::zero() && start > end_of_time - wait) return end_of_time;
  return start + wait;
}

// `wait` from now on `world`'s clock.
[[nodiscard]] inline Instant deadline_in(const World& world, Duration wait) {
  return wait == Duration::max() ? end_of_time : later(world.now(), wait);
}

// What is left until `deadline`, never negative.
[[nodiscard]] inline Duration time_left(const World& world, Instant deadline) {
  if (deadline == end_of_time) return Duration::max();
  return std::max(deadline - world.now(), Duration::zero());
}

[[nodiscard]] inline bool has_passed(const World& world, Instant deadline) {
  return deadline != end_of_time && world.now() >= deadline;
}

// May wait.
inline void sleep_for(World& world, Duration wait) { world.sleep_until(deadline_in(world, wait)); }

}  // namespace squall::runtime
