#include "scenarios/checks/high_watermark_monotonic.h"

#include <fmt/format.h>

#include <algorithm>

namespace squall::scenarios {

HighWatermarkMonotonic::Place HighWatermarkMonotonic::place(std::uint32_t node, std::string_view partition, Offset first) {
  if (node >= nodes_.size()) nodes_.resize(node + 1);
  Marks& marks = nodes_[node];
  if (const auto found = marks.find(partition); found != marks.end()) return {&found->second, false};
  return {&marks.emplace(partition, first).first->second, true};
}

void HighWatermarkMonotonic::fell(std::string_view node, std::string_view partition, Offset from, Offset to, Instant at) {
  violated(at, fmt::format("the high watermark of {} on {} went from {} to {}", partition, node, from, to));
}

void HighWatermarkMonotonic::truncated(std::uint32_t node, std::string_view node_name, std::string_view partition,
                                       const Truncation& cut, Instant at) {
  count();
  const Offset left = std::min(cut.end, cut.high_watermark);
  *place(node, partition, left).known = left;
  // What lay below the log start was deleted on purpose.
  const Offset gone_from = std::max(cut.end, cut.log_start);
  if (gone_from >= cut.high_watermark || gone_from.value() >= cut.excused_from) return;
  violated(at,
           fmt::format("{} cut {} at {}, but its high watermark was {}", node_name, partition, cut.end, cut.high_watermark));
}

void HighWatermarkMonotonic::removed(std::uint32_t node, std::string_view partition) {
  if (node >= nodes_.size()) return;
  if (const auto found = nodes_[node].find(partition); found != nodes_[node].end()) nodes_[node].erase(found);
}

void HighWatermarkMonotonic::started(std::uint32_t node) {
  if (node < nodes_.size()) nodes_[node].clear();
}

}  // namespace squall::scenarios
