// Exponential back-off with jitter (KIP-144, KIP-580): 2^attempts times the least wait, at most the most, then 20 % either way.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/random.h"
#include "base/time.h"

namespace squall::client {

struct Backoff {
  Duration least = std::chrono::milliseconds{100};
  Duration most = std::chrono::seconds{1};

  // The wait after `attempts` failures in a row; zero after none.
  [[nodiscard]] Duration after(std::uint32_t attempts, Random& random) const {
    if (attempts == 0) return Duration::zero();
    Duration wait = least;
    for (std::uint32_t doubled = 1; doubled < attempts && wait < most; ++doubled) wait *= 2;
    wait = std::min(wait, most);
    return random.between(wait - wait / 5, wait + wait / 5);
  }
};

}  // namespace squall::client
