// Bounds on time: how long an acknowledgement may take, how long a workload may go without one, how soon after the heal every
// partition works again. Only what the scenario expects is judged; everything is measured.
#pragma once

#include <optional>
#include <vector>

#include "scenarios/checks/check.h"

namespace squall::scenarios {

struct AvailabilityBounds {
  std::optional<Duration> after_heal;
  std::optional<Duration> latency_max;
  std::optional<Duration> unavailable_max;
  std::optional<Duration> controller_failover;
};

class StaysAvailable final : public Check {
 public:
  explicit StaysAvailable(AvailabilityBounds bounds)
      : Check("stays_available", "The cluster answers within the bounds that the scenario expects."), bounds_{bounds} {}

  void on_acked(const History& history, const AckedBatch& batch) override;
  // The workload `workload` begins or ends to send.
  void sending(std::size_t workload, Instant at);
  void stopped(std::size_t workload, Instant at);
  void acknowledged(std::size_t workload, Instant at);

  // Whether so many nodes are up that the cluster can answer. While they are not, no bound runs; what was sent before they
  // were has no bound at all.
  void possible(bool is, Instant at);

  // Whether there is an active controller that is up; `could` says whether enough controllers are up to have one. Asked again
  // and again: an absence counts from the first time that it is seen.
  void controlled(bool is, bool could, Instant at);

  // All faults are lifted.
  void healed(Instant at) { healed_at_ = at; }
  // After the heal the partition took a write and showed it to a reader.
  void works(const PartitionHistory& partition, Instant at);
  // It never did.
  void never_worked(const PartitionHistory& partition, Instant at);

  [[nodiscard]] Duration longest_latency() const { return longest_latency_; }
  [[nodiscard]] Duration longest_gap() const { return longest_gap_; }
  [[nodiscard]] Duration longest_failover() const { return longest_failover_; }
  [[nodiscard]] Duration available_after() const { return available_after_; }

 private:
  AvailabilityBounds bounds_;
  std::vector<std::optional<Instant>> last_ack_;  // by workload, while it sends
  std::optional<Instant> healed_at_;
  bool possible_ = true;
  Instant possible_since_{};
  Duration longest_latency_{};
  Duration longest_gap_{};
  std::optional<Instant> uncontrolled_since_;
  Duration longest_failover_{};
  Duration available_after_{};
};

}  // namespace squall::scenarios
