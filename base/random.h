// The seeded generator: xoshiro256** (Blackman and Vigna, 2018), seeded through SplitMix64.
//
// Integer-only, so that every compiler and optimisation level draws the same numbers. One stream per consumer: `fork(name)`
// derives a stream that depends on the parent's seed and the name alone, never on how much the parent has drawn, so a new
// draw in one place moves no other.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/time.h"

namespace squall {

class Random {
 public:
  explicit Random(std::uint64_t seed);

  // A stream of its own for the consumer `name`.
  [[nodiscard]] Random fork(std::string_view name) const;

  // Uniform over all 64-bit values.
  std::uint64_t next();
  // Uniform in [0, bound). bound > 0.
  std::uint64_t below(std::uint64_t bound);
  // Uniform in [low, high], both included. low <= high.
  std::int64_t between(std::int64_t low, std::int64_t high);
  // Uniform in [low, high], both included.
  Duration between(Duration low, Duration high) { return Duration{between(low.count(), high.count())}; }
  // True with probability numerator / denominator.
  bool chance(std::uint64_t numerator, std::uint64_t denominator) { return below(denominator) < numerator; }
  // Exponentially distributed with the given mean, by fixed-point logarithm; mean >= 0.
  Duration exponential(Duration mean);
  // Fills `bytes` with uniform bytes.
  void fill(std::span<std::uint8_t> bytes);

 private:
  std::uint64_t seed_;
  std::array<std::uint64_t, 4> state_;
};

}  // namespace squall
