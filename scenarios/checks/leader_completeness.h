// Who is elected leader of the quorum holds everything that was ever committed, whoever knew that it was.
#pragma once

#include <functional>
#include <string_view>

#include "base/types.h"
#include "scenarios/checks/check.h"

namespace squall::scenarios {

class LeaderCompleteness final : public Check {
 public:
  LeaderCompleteness()
      : Check("leader_completeness", "A new leader of the quorum has everything in its log that was ever committed.") {}

  // A node has replayed the records up to `end`, the last of `epoch`.
  void replayed(Offset end, LeaderEpoch epoch);
  // A node says that everything below is committed.
  void high_watermark(Offset end) { committed_ = end > committed_ ? end : committed_; }
  // `node` has become the leader in `epoch`. `epoch_before` tells the epoch of its record before an offset.
  void elected(std::string_view node, LeaderEpoch epoch, Offset log_end, const std::function<LeaderEpoch(Offset)>& epoch_before,
               Instant at);
  void forget_all();

 private:
  Offset committed_{0};     // the highest that any node has told
  Offset replayed_end_{0};  // the highest that any node has replayed
  LeaderEpoch replayed_epoch_{0};
};

}  // namespace squall::scenarios
