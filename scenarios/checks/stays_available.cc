#include "scenarios/checks/stays_available.h"

#include <fmt/format.h>

#include <algorithm>

#include "scenarios/language/value.h"

namespace squall::scenarios {
namespace {

std::string show(Duration duration) { return show_quantity(duration.count(), Unit::duration); }

}  // namespace

void StaysAvailable::on_acked(const History& history, const AckedBatch& batch) {
  if (!possible_ || batch.sent < possible_since_) return;
  const Duration latency = batch.at - batch.sent;
  longest_latency_ = std::max(longest_latency_, latency);
  if (!bounds_.latency_max) return;
  count();
  if (latency <= *bounds_.latency_max) return;
  const PartitionHistory& partition = history.partition(batch.partition);
  violated(batch.at, fmt::format("{} was acknowledged after {}, but at most {} is expected",
                                 describe(partition, batch.client, batch.first_sequence, batch.base_offset), show(latency),
                                 show(*bounds_.latency_max)));
}

void StaysAvailable::sending(std::size_t workload, Instant at) {
  if (workload >= last_ack_.size()) last_ack_.resize(workload + 1);
  last_ack_[workload] = at;
}

void StaysAvailable::stopped(std::size_t workload, Instant at) {
  if (workload >= last_ack_.size() || !last_ack_[workload]) return;
  acknowledged(workload, at);
  last_ack_[workload].reset();
}

void StaysAvailable::acknowledged(std::size_t workload, Instant at) {
  if (workload >= last_ack_.size() || !last_ack_[workload]) return;
  const Duration gap = at - std::max(*last_ack_[workload], possible_since_);
  last_ack_[workload] = at;
  if (!possible_) return;
  longest_gap_ = std::max(longest_gap_, gap);
  if (!bounds_.unavailable_max) return;
  count();
  if (gap > *bounds_.unavailable_max) {
    violated(at, fmt::format("workload {} had nothing acknowledged for {}, but at most {} is expected", workload + 1, show(gap),
                             show(*bounds_.unavailable_max)));
  }
}

void StaysAvailable::possible(bool is, Instant at) {
  if (is && !possible_) possible_since_ = at;
  possible_ = is;
}

void StaysAvailable::controlled(bool is, bool could, Instant at) {
  if (uncontrolled_since_ && could) {
    const Duration lasted = at - *uncontrolled_since_;
    const bool told = bounds_.controller_failover && longest_failover_ > *bounds_.controller_failover;
    longest_failover_ = std::max(longest_failover_, lasted);
    if (is) count();
    if (bounds_.controller_failover && !told && longest_failover_ > *bounds_.controller_failover) {
      violated(at, fmt::format("there was no active controller for {}, but at most {} is expected", show(lasted),
                               show(*bounds_.controller_failover)));
    }
  }
  if (is || !could) {
    uncontrolled_since_.reset();
  } else if (!uncontrolled_since_) {
    uncontrolled_since_ = at;
  }
}

void StaysAvailable::works(const PartitionHistory& partition, Instant at) {
  const Duration after = at - healed_at_.value_or(at);
  available_after_ = std::max(available_after_, after);
  count();
  if (bounds_.after_heal && after > *bounds_.after_heal) {
    violated(at, fmt::format("{} took a write and showed it only {} after the heal, but {} is expected", partition.name(),
                             show(after), show(*bounds_.after_heal)));
  }
}

void StaysAvailable::never_worked(const PartitionHistory& partition, Instant at) {
  count();
  violated(at, fmt::format("{} neither took a write nor showed one in the {} after the heal", partition.name(),
                           show(at - healed_at_.value_or(at))));
}

}  // namespace squall::scenarios
