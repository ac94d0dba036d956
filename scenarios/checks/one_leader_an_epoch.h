// Of each epoch of the metadata quorum, and of each leader epoch of each partition, at most one node leads: by what nodes do,
// and by what they take each other for.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/types.h"
#include "scenarios/checks/check.h"

namespace squall::scenarios {

class OneLeaderAnEpoch final : public Check {
 public:
  OneLeaderAnEpoch() : Check("one_leader_an_epoch", "In one epoch at most one node leads the quorum, and each partition.") {}

  // `node` holds `leader` (perhaps itself) for the leader of the quorum in `epoch`.
  void quorum_leader(std::string_view node, LeaderEpoch epoch, NodeId leader, Instant at);
  // `leader` has begun to lead. A topic that was made anew under its name has another id.
  void partition_leader(std::string_view partition, std::string_view topic_id, LeaderEpoch epoch, NodeId leader, Instant at);
  // A fault destroyed the metadata: epochs may begin again.
  void forget_all();

 private:
  using Led = std::vector<std::pair<LeaderEpoch, NodeId>>;  // in the order in which it was heard of
  std::map<LeaderEpoch, NodeId> quorum_;
  std::map<std::string, Led, std::less<>> partitions_;  // by topic id and name
};

}  // namespace squall::scenarios
