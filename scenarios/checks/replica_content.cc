#include "scenarios/checks/replica_content.h"

#include <fmt/format.h>

#include <algorithm>

namespace squall::scenarios {
namespace {

// The batches that hold something of [from, to).
std::span<const StoredBatch> between(const ReplicaContent& replica, Offset from, Offset to) {
  const auto first = std::ranges::upper_bound(replica.batches, from, {}, &StoredBatch::end);
  const auto last = std::find_if(first, replica.batches.end(), [&](const StoredBatch& one) { return one.base >= to; });
  return {first, last};
}

std::string show(const ReplicaContent& replica, std::span<const StoredBatch> batches, std::size_t at) {
  if (at >= batches.size()) return fmt::format("{} has nothing more", replica.node);
  return fmt::format("{} has the batch [{}, {}) with digest {:016x}", replica.node, batches[at].base, batches[at].end,
                     batches[at].digest);
}

}  // namespace

ContentComparison compare_contents(std::span<const ReplicaContent> replicas) {
  ContentComparison result;
  if (replicas.size() < 2) return result;
  const Offset from = std::ranges::max(replicas, {}, &ReplicaContent::log_start).log_start;
  const Offset to = std::ranges::min(replicas, {}, &ReplicaContent::high_watermark).high_watermark;
  if (from >= to) return result;
  const auto first = between(replicas.front(), from, to);
  for (const ReplicaContent& other : replicas.subspan(1)) {
    const auto its = between(other, from, to);
    const auto [mine, theirs] = std::ranges::mismatch(first, its);
    const auto same = static_cast<std::size_t>(mine - first.begin());
    result.batches += same;
    if (mine == first.end() && theirs == its.end()) continue;
    result.difference =
        fmt::format("in [{}, {}), {}, but {}", from, to, show(replicas.front(), first, same), show(other, its, same));
    return result;
  }
  return result;
}

}  // namespace squall::scenarios
