#include "scenarios/checks/replicas_equal.h"

#include <fmt/format.h>

namespace squall::scenarios {

void ReplicasEqual::compare(std::string_view partition, std::span<const ReplicaContent> replicas, Instant at) {
  const ContentComparison found = compare_contents(replicas);
  count(found.batches);
  if (found.difference) violated(at, fmt::format("the replicas of {} differ: {}", partition, *found.difference));
}

void ReplicasEqual::in_sync(std::string_view partition, std::string_view node, Offset log_end, Offset high_watermark,
                            Instant at) {
  count();
  if (log_end >= high_watermark) return;
  violated(at, fmt::format("{} is in sync in {}, but its log ends at {} and the leader's high watermark is {}", node, partition,
                           log_end, high_watermark));
}

}  // namespace squall::scenarios
