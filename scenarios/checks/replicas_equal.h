// The replicas of a partition hold the same bytes below their high watermarks, and those in sync all that is committed.
#pragma once

#include <span>
#include <string_view>

#include "scenarios/checks/check.h"
#include "scenarios/checks/replica_content.h"

namespace squall::scenarios {

class ReplicasEqual final : public Check {
 public:
  ReplicasEqual()
      : Check("replicas_equal",
              "All replicas of a partition have the same bytes below the high watermark, and who is in sync has them all.") {}

  void compare(std::string_view partition, std::span<const ReplicaContent> replicas, Instant at);
  // `node` is in sync with a leader whose high watermark is `high_watermark`; its own log ends at `log_end`.
  void in_sync(std::string_view partition, std::string_view node, Offset log_end, Offset high_watermark, Instant at);
};

}  // namespace squall::scenarios
