#include "sim/device.h"

#include <algorithm>

namespace squall::sim {

void Device::limit(std::uint64_t iops, std::uint64_t bytes_per_second) {
  iops_limit_ = iops;
  bandwidth_limit_ = bytes_per_second;
}

Instant Device::turn(Instant now, std::uint64_t bytes, std::uint64_t bytes_per_second, Duration latency) {
  constexpr std::uint64_t second = 1'000'000'000;
  const std::uint64_t iops = iops_limit_ != 0 ? std::min(iops_limit_, profile_.iops) : profile_.iops;
  const std::uint64_t rate = bandwidth_limit_ != 0 ? std::min(bandwidth_limit_, bytes_per_second) : bytes_per_second;
  const std::uint64_t transfer = bytes / rate * second + bytes % rate * second / rate;
  const std::uint64_t slot = second / std::max<std::uint64_t>(iops, 1);
  const auto slowed = [this](std::uint64_t ns) { return Duration{static_cast<std::int64_t>(ns * percent_ / 100)}; };
  free_at_ = std::max({free_at_, now, stalled_until_}) + slowed(std::max(transfer, slot));
  return free_at_ + slowed(static_cast<std::uint64_t>(latency.count()));
}

Instant Device::read(Instant now, std::uint64_t bytes) {
  return turn(now, bytes, profile_.read_bytes_per_second, profile_.latency);
}

Instant Device::write(Instant now, std::uint64_t bytes) {
  return turn(now, bytes, profile_.write_bytes_per_second, profile_.latency);
}

Instant Device::flush(Instant now) { return turn(now, 0, profile_.write_bytes_per_second, profile_.sync_latency); }

}  // namespace squall::sim
