// A rate that several share: a NIC's direction, a link's bandwidth, a device's transfer. First come, first served.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace squall::sim {

class Throttle {
 public:
  // 0: without limit.
  explicit Throttle(std::uint64_t bytes_per_second = 0) : bytes_per_second_{bytes_per_second} {}

  // Takes a turn for `bytes` behind all that came before; returns when they are through.
  Instant take(Instant now, std::uint64_t bytes) {
    if (free_at_ < now) free_at_ = now;
    if (bytes_per_second_ != 0) free_at_ += cost(bytes);
    return free_at_;
  }
  void set_rate(std::uint64_t bytes_per_second) { bytes_per_second_ = bytes_per_second; }
  [[nodiscard]] std::uint64_t rate() const { return bytes_per_second_; }

 private:
  [[nodiscard]] Duration cost(std::uint64_t bytes) const {
    constexpr std::uint64_t second = 1'000'000'000;
    const std::uint64_t whole = bytes / bytes_per_second_;
    const std::uint64_t rest = bytes % bytes_per_second_;
    return Duration{static_cast<std::int64_t>(whole * second + rest * second / bytes_per_second_)};
  }

  std::uint64_t bytes_per_second_;
  Instant free_at_;
};

}  // namespace squall::sim
