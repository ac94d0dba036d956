// Time as types. Nothing here reads a clock: clocks belong to a node's `runtime::World`.
#pragma once

#include <chrono>
#include <cstdint>

namespace squall {

// A length of time, in nanoseconds.
using Duration = std::chrono::nanoseconds;

// A node's monotonic clock. Its zero is the node's start of time; instants of two nodes do not compare.
struct MonotonicClock {
  using duration = Duration;
};
using Instant = std::chrono::time_point<MonotonicClock, Duration>;

// A node's wall clock, in milliseconds since 1970-01-01 UTC: Kafka's record timestamps. It may jump, both ways.
struct WallClock {
  using duration = std::chrono::milliseconds;
};
using WallTime = std::chrono::time_point<WallClock, std::chrono::milliseconds>;

inline constexpr Instant end_of_time{Duration::max()};

[[nodiscard]] constexpr WallTime wall_time_ms(std::int64_t ms) { return WallTime{std::chrono::milliseconds{ms}}; }
[[nodiscard]] constexpr std::int64_t to_ms(WallTime time) { return time.time_since_epoch().count(); }
[[nodiscard]] constexpr std::int64_t to_ms(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

}  // namespace squall
