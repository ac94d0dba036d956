// Named hardware: what a virtual machine's disk, network and processor cost.
//
// The figures are typical of the kind of machine, not of a product; a scenario may take a profile and change single values.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/time.h"
#include "runtime/world.h"

namespace squall::sim {

struct DiskProfile {
  std::uint64_t iops = 0;                    // requests a second that the device completes
  std::uint64_t read_bytes_per_second = 0;   // sequential
  std::uint64_t write_bytes_per_second = 0;  // sequential
  Duration latency{};                        // of one request, beside its turn in the queue
  Duration sync_latency{};                   // of a cache flush
  std::uint64_t capacity_bytes = 0;
};

struct NetworkProfile {
  std::uint64_t bytes_per_second = 0;  // each way; shared by all connections of the node
  Duration latency{};                  // one way, between two nodes
  Duration jitter{};                   // mean of the exponential part on top
};

struct HardwareProfile {
  std::string_view name;
  std::uint32_t cores = 1;
  std::uint64_t page_cache_bytes = 0;
  DiskProfile disk;
  NetworkProfile network;
  std::array<std::uint64_t, runtime::cost_count> price_ps{};  // picoseconds per unit of each runtime::Cost

  [[nodiscard]] std::uint64_t price(runtime::Cost cost) const { return price_ps[static_cast<std::size_t>(cost)]; }
};

// "nvme-10g", "cloud-ssd", "hdd-1g", "laptop".
[[nodiscard]] std::span<const HardwareProfile> all_profiles();
// Null when there is none of that name.
[[nodiscard]] const HardwareProfile* profile_named(std::string_view name);
// nvme-10g
[[nodiscard]] const HardwareProfile& default_profile();

}  // namespace squall::sim
