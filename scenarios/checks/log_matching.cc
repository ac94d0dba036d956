#include "scenarios/checks/log_matching.h"

#include <fmt/format.h>

#include <algorithm>

namespace squall::scenarios {
namespace {

std::string show(const CommittedBatchSeen& batch) {
  return fmt::format("[{}, {}) of epoch {} with checksum {:08x}", batch.base, batch.end, batch.epoch, batch.crc);
}

}  // namespace

void LogMatching::replayed(std::string_view node, const CommittedBatchSeen& batch, Instant at) {
  // The first that ends above where this one begins.
  const auto known = std::ranges::upper_bound(log_, batch.base, {}, &CommittedBatchSeen::end);
  const bool is_new = known == log_.end() || known->base >= batch.end;
  if (is_new) {
    log_.insert(known, batch);
    return;
  }
  count();
  // Who goes on from a snapshot may begin inside of a batch.
  const bool rest_of_it =
      batch.base > known->base && batch.end == known->end && batch.epoch == known->epoch && batch.crc == known->crc;
  if (*known == batch || rest_of_it) return;
  violated(at, fmt::format("{} has committed the batch {} of the metadata log, but {} was committed before", node, show(batch),
                           show(*known)));
}

void LogMatching::loaded(std::string_view node, Offset end, LeaderEpoch epoch, Instant at) {
  const auto known = std::ranges::lower_bound(log_, end, {}, &CommittedBatchSeen::end);
  if (known == log_.end() || known->base >= end) return;
  count();
  if (known->epoch == epoch) return;
  violated(at, fmt::format("{} has loaded a snapshot that ends at {} in epoch {}, but the batch {} was committed there", node,
                           end, epoch, show(*known)));
}

void LogMatching::files(std::span<const ReplicaContent> logs, Instant at) {
  const ContentComparison found = compare_contents(logs);
  count(found.batches);
  if (found.difference) violated(at, "the files of the metadata log differ: " + *found.difference);
}

}  // namespace squall::scenarios
