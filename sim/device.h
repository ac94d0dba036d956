// The queue in front of a disk: requests take turns by IOPS and bandwidth, then a latency each.
#pragma once

#include <cstdint>

#include "base/time.h"
#include "sim/ledger.h"
#include "sim/profile.h"

namespace squall::sim {

class Device {
 public:
  explicit Device(const DiskProfile& profile) : profile_{profile} {}

  // When a request that is queued now will be done, stalls aside.
  Instant read(Instant now, std::uint64_t bytes);
  Instant write(Instant now, std::uint64_t bytes);
  Instant flush(Instant now);

  void stall_until(Instant until) { stalled_until_ = until > stalled_until_ ? until : stalled_until_; }
  // Forgets the queue and the stall, not the limits.
  void reset() { free_at_ = stalled_until_ = Instant{}; }
  [[nodiscard]] Instant stalled_until() const { return stalled_until_; }
  void set_slowness(std::uint64_t percent) { percent_ = percent; }
  // 0: the profile's.
  void limit(std::uint64_t iops, std::uint64_t bytes_per_second);

 private:
  Instant turn(Instant now, std::uint64_t bytes, std::uint64_t bytes_per_second, Duration latency);

  DiskProfile profile_;
  std::uint64_t iops_limit_ = 0;
  std::uint64_t bandwidth_limit_ = 0;
  std::uint64_t percent_ = 100;
  Instant free_at_;
  Instant stalled_until_;
};

}  // namespace squall::sim
