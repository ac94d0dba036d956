#include "sim/clock.h"

#include "base/assert.h"

namespace squall::sim {
namespace {

constexpr std::int64_t million = 1'000'000;

// value * multiplier / divisor without overflow, for value >= 0, rounded down or up.
std::int64_t scaled(std::int64_t value, std::int64_t multiplier, std::int64_t divisor, bool up) {
  __extension__ using int128 = __int128;
  const int128 product = static_cast<int128>(value) * multiplier + (up ? divisor - 1 : 0);
  const int128 result = product / divisor;
  return result > static_cast<int128>(Duration::max().count()) ? Duration::max().count() : static_cast<std::int64_t>(result);
}

}  // namespace

NodeClock::NodeClock(ClockOptions options, WallTime wall_start)
    : wall_start_{wall_start}, wall_offset_{options.skew}, drift_ppm_{options.drift_ppm} {
  SQUALL_ASSERT(drift_ppm_ > -million, "a clock must not stand still");
}

Instant NodeClock::drifted(Instant now) const {
  return local_since_ + Duration{scaled((now - since_).count(), million + drift_ppm_, million, false)};
}

WallTime NodeClock::wall(Instant now) const {
  const Duration since_start = monotonic(now).time_since_epoch() + wall_offset_;
  return wall_start_ + std::chrono::floor<std::chrono::milliseconds>(since_start);
}

Instant NodeClock::to_world(Instant local) const {
  if (local == end_of_time) return end_of_time;
  if (drift_ppm_ == 0) return offset_ == Duration{} ? local : local - offset_;
  if (local <= local_since_) return since_;
  const std::int64_t wait = scaled((local - local_since_).count(), million, million + drift_ppm_, true);
  return wait > (end_of_time - since_).count() ? end_of_time : since_ + Duration{wait};
}

void NodeClock::set_drift(std::int64_t ppm, Instant now) {
  SQUALL_ASSERT(ppm > -million, "a clock must not stand still");
  local_since_ = monotonic(now);
  since_ = now;
  offset_ = local_since_ - now;
  drift_ppm_ = ppm;
}

}  // namespace squall::sim
