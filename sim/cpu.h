// The virtual cores of a node: work takes the core that is free first, or waits for it.
#pragma once

#include <cstdint>
#include <vector>

#include "base/time.h"

namespace squall::sim {

class VirtualCores {
 public:
  explicit VirtualCores(std::uint32_t count) : free_at_(count) {}

  // Occupies a core for `work` from the first moment that one is free; returns when it ends.
  Instant occupy(Instant now, Duration work) {
    Instant* first = &free_at_.front();
    for (Instant& core : free_at_) {
      if (core < *first) first = &core;
    }
    *first = (*first > now ? *first : now) + work;
    return *first;
  }
  // Idle from now on: the process is gone.
  void clear(Instant now) { free_at_.assign(free_at_.size(), now); }
  // No core finishes before `until`: the process stands still.
  void hold(Instant until) {
    for (Instant& core : free_at_) core = core > until ? core : until;
  }

 private:
  std::vector<Instant> free_at_;
};

}  // namespace squall::sim
