// Replication throttles (KIP-73): how many bytes of throttled replicas a broker may move, as leader and as follower.
//
// The configuration names replicas ({leader,follower}.replication.throttled.replicas of a topic) and a rate for the broker
// ({leader,follower}.replication.throttled.rate). Only replicas outside the ISR are held back, lest a throttle shrink the ISR;
// but all listed traffic counts against the rate.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "base/types.h"

namespace squall::broker {

// One topic's list: "0:101,0:102,1:101", "*" for all, or empty for none.
class ThrottledReplicas {
 public:
  // Empty if it is none of these.
  [[nodiscard]] static std::optional<ThrottledReplicas> parse(std::string_view text);
  [[nodiscard]] bool contains(PartitionIndex partition, NodeId replica) const;
  bool operator==(const ThrottledReplicas&) const = default;

 private:
  bool all_ = false;
  std::vector<std::pair<PartitionIndex, NodeId>> listed_;  // sorted
};

// Bytes over a window that slides by samples, as Kafka measures them: replication.quota.window.num samples of
// replication.quota.window.size.seconds each. Whole requests are let through while the rate is not exceeded, so a large one
// overdraws and what follows waits.
// Invariant: samples start in the order of time, none more than the window ago; their sum is `total_`.
class ThrottleWindow {
 public:
  static constexpr std::int64_t unlimited = INT64_MAX;

  explicit ThrottleWindow(std::int64_t bytes_per_second = unlimited, std::int32_t samples = 11,
                          Duration sample = std::chrono::seconds{1})
      : bytes_per_second_{bytes_per_second}, samples_max_{samples}, sample_{sample} {}

  void set_rate(std::int64_t bytes_per_second) { bytes_per_second_ = bytes_per_second; }
  [[nodiscard]] std::int64_t rate() const { return bytes_per_second_; }
  // Bytes of a listed replica were moved. `now` never falls.
  void record(Instant now, std::int64_t bytes);
  // How many bytes may be moved now; 0 if the rate is exceeded.
  [[nodiscard]] std::int64_t allowance(Instant now);
  // When it is worth asking again; `now` if bytes may be moved already.
  [[nodiscard]] Instant next_allowance(Instant now);

 private:
  struct Sample {
    Instant start;
    std::int64_t bytes = 0;
  };
  void expire(Instant now);
  // Bytes that the window may hold at `now`.
  [[nodiscard]] std::int64_t capacity(Instant now) const;

  std::int64_t bytes_per_second_;
  std::int32_t samples_max_;
  Duration sample_;
  std::deque<Sample> samples_;
  std::int64_t total_ = 0;
};

// Whether one replica is held back now.
[[nodiscard]] bool is_throttled(bool listed, bool in_sync, ThrottleWindow& window, Instant now);

}  // namespace squall::broker
