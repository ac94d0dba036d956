#include "sim/profile.h"

namespace squall::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr std::uint64_t kib = 1024;
constexpr std::uint64_t mib = 1024 * kib;
constexpr std::uint64_t gib = 1024 * mib;

// In the order of runtime::Cost: request, partition, record, copied, checksummed, compressed and decompressed byte, connection.
constexpr std::array<std::uint64_t, runtime::cost_count> fast_core{4'000'000, 400'000, 40'000, 60, 80, 2'500, 700, 25'000'000};
constexpr std::array<std::uint64_t, runtime::cost_count> cloud_core{7'000'000, 700'000, 70'000, 110,
                                                                    150,       4'500,   1'200,  45'000'000};
constexpr std::array<std::uint64_t, runtime::cost_count> old_core{12'000'000, 1'200'000, 120'000, 200,
                                                                  300,        8'000,     2'200,   80'000'000};

constexpr std::array profiles{
    HardwareProfile{.name = "nvme-10g",
                    .cores = 8,
                    .page_cache_bytes = 16 * gib,
                    .disk = {.iops = 400'000,
                             .read_bytes_per_second = 3'000 * mib,
                             .write_bytes_per_second = 2'000 * mib,
                             .latency = microseconds{80},
                             .sync_latency = microseconds{200},
                             .capacity_bytes = 2'000 * gib},
                    .network = {.bytes_per_second = 1'250'000'000, .latency = microseconds{60}, .jitter = microseconds{15}},
                    .price_ps = fast_core},
    HardwareProfile{.name = "cloud-ssd",
                    .cores = 4,
                    .page_cache_bytes = 8 * gib,
                    .disk = {.iops = 3'000,
                             .read_bytes_per_second = 125 * mib,
                             .write_bytes_per_second = 125 * mib,
                             .latency = microseconds{700},
                             .sync_latency = milliseconds{2},
                             .capacity_bytes = 500 * gib},
                    .network = {.bytes_per_second = 625'000'000, .latency = microseconds{250}, .jitter = microseconds{120}},
                    .price_ps = cloud_core},
    HardwareProfile{.name = "hdd-1g",
                    .cores = 4,
                    .page_cache_bytes = 4 * gib,
                    .disk = {.iops = 150,
                             .read_bytes_per_second = 160 * mib,
                             .write_bytes_per_second = 150 * mib,
                             .latency = milliseconds{5},
                             .sync_latency = milliseconds{12},
                             .capacity_bytes = 4'000 * gib},
                    .network = {.bytes_per_second = 125'000'000, .latency = microseconds{150}, .jitter = microseconds{50}},
                    .price_ps = old_core},
    HardwareProfile{.name = "laptop",
                    .cores = 2,
                    .page_cache_bytes = 2 * gib,
                    .disk = {.iops = 50'000,
                             .read_bytes_per_second = 1'500 * mib,
                             .write_bytes_per_second = 800 * mib,
                             .latency = microseconds{150},
                             .sync_latency = milliseconds{1},
                             .capacity_bytes = 200 * gib},
                    .network = {.bytes_per_second = 60'000'000, .latency = milliseconds{2}, .jitter = milliseconds{1}},
                    .price_ps = cloud_core},
};

}  // namespace

std::span<const HardwareProfile> all_profiles() { return profiles; }

const HardwareProfile* profile_named(std::string_view name) {
  for (const HardwareProfile& profile : profiles) {
    if (profile.name == name) return &profile;
  }
  return nullptr;
}

const HardwareProfile& default_profile() { return profiles.front(); }

}  // namespace squall::sim
