#include "scenarios/checks/leader_completeness.h"

#include <fmt/format.h>

namespace squall::scenarios {

void LeaderCompleteness::replayed(Offset end, LeaderEpoch epoch) {
  high_watermark(end);
  if (end <= replayed_end_) return;
  replayed_end_ = end;
  replayed_epoch_ = epoch;
}

void LeaderCompleteness::elected(std::string_view node, LeaderEpoch epoch, Offset log_end,
                                 const std::function<LeaderEpoch(Offset)>& epoch_before, Instant at) {
  count();
  if (log_end < committed_) {
    return violated(at, fmt::format("{} leads the quorum in epoch {} with a log that ends at {}, but {} was committed", node,
                                    epoch, log_end, committed_));
  }
  if (replayed_end_ == Offset{0}) return;
  const LeaderEpoch has = epoch_before(replayed_end_);
  if (has == replayed_epoch_) return;
  violated(at,
           fmt::format("{} leads the quorum in epoch {} with a record of epoch {} before offset {}, but one of epoch {} was "
                       "committed there",
                       node, epoch, has, replayed_end_, replayed_epoch_));
}

void LeaderCompleteness::forget_all() {
  committed_ = replayed_end_ = Offset{0};
  replayed_epoch_ = LeaderEpoch{0};
}

}  // namespace squall::scenarios
