// The checks that look into every node, in one place. The CheckSet owns them.
#pragma once

#include "scenarios/checks/committed_never_truncated.h"
#include "scenarios/checks/high_watermark_monotonic.h"
#include "scenarios/checks/leader_completeness.h"
#include "scenarios/checks/log_matching.h"
#include "scenarios/checks/metadata_linearizable.h"
#include "scenarios/checks/one_leader_an_epoch.h"
#include "scenarios/checks/recovers.h"
#include "scenarios/checks/replayed_equally.h"
#include "scenarios/checks/replicas_equal.h"

namespace squall::scenarios {

struct ClusterChecks {
  OneLeaderAnEpoch* one_leader = nullptr;
  LogMatching* log_matching = nullptr;
  CommittedNeverTruncated* never_truncated = nullptr;
  LeaderCompleteness* completeness = nullptr;
  ReplayedEqually* replayed_equally = nullptr;
  ReplicasEqual* replicas_equal = nullptr;
  HighWatermarkMonotonic* high_watermarks = nullptr;
  MetadataLinearizable* linearizable = nullptr;
  Recovers* recovers = nullptr;

  // A fault destroyed the metadata: the cluster may begin anew.
  void forget_metadata() const {
    one_leader->forget_all();
    log_matching->forget_all();
    never_truncated->forget_all();
    completeness->forget_all();
    linearizable->forget_all();
  }
};

}  // namespace squall::scenarios
