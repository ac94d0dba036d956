// A node's clocks: a monotonic one that may drift, and a wall clock that may also be wrong and jump.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace squall::sim {

struct ClockOptions {
  Duration skew{};             // of the wall clock, from the start
  std::int64_t drift_ppm = 0;  // of both clocks: positive runs fast; above -1'000'000
};

class NodeClock {
 public:
  NodeClock(ClockOptions options, WallTime wall_start);

  // `now` and the results of `to_world` are the simulation's own time.
  // Invariant: monotonic(t) never decreases as t grows, whatever is set in between.
  [[nodiscard]] Instant monotonic(Instant now) const { return drift_ppm_ == 0 ? now + offset_ : drifted(now); }
  [[nodiscard]] WallTime wall(Instant now) const;
  // The earliest simulated time at which the monotonic clock shows `local` or more.
  [[nodiscard]] Instant to_world(Instant local) const;

  // The wall clock jumps by `step`, forwards or back.
  void jump(Duration step) { wall_offset_ += step; }
  // The wall clock is set right, as by NTP after a step; what drifts, drifts on from there.
  void correct(Instant now) { wall_offset_ = now - monotonic(now); }
  void set_drift(std::int64_t ppm, Instant now);

 private:
  [[nodiscard]] Instant drifted(Instant now) const;

  WallTime wall_start_;
  Duration wall_offset_;
  Duration offset_{};  // local minus simulated time, while there is no drift
  std::int64_t drift_ppm_;
  Instant since_;        // when the drift was set, in simulated time
  Instant local_since_;  // what the clock showed then
};

}  // namespace squall::sim
