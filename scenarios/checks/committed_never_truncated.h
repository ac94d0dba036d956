// No node cuts off its metadata log what it has replayed as committed, not even across a crash; nor does a controller across a
// power cut, for it flushes before it acknowledges.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/types.h"
#include "scenarios/checks/check.h"

namespace squall::scenarios {

class CommittedNeverTruncated final : public Check {
 public:
  CommittedNeverTruncated()
      : Check("committed_never_truncated", "No node cuts off its metadata log what it has known to be committed.") {}

  void replayed(std::string_view node, Offset end);
  // The log of `node` now ends at `end`.
  void truncated(std::string_view node, Offset end, Instant at);
  // What the node had stored was destroyed by a fault.
  void forget(std::string_view node);
  void forget_all() { committed_.clear(); }

 private:
  std::map<std::string, Offset, std::less<>> committed_;  // by node
};

}  // namespace squall::scenarios
