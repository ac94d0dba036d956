// All nodes are of one cluster, and one that starts again of the one that it belonged to: a crash or a power cut must never
// make a new, empty one.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "scenarios/checks/check.h"

namespace squall::scenarios {

class IdentityKept final : public Check {
 public:
  IdentityKept() : Check("identity_kept", "All nodes are of one cluster, and of the same one after each start.") {}

  // `node` has started as a member of `cluster`.
  void started(std::string_view node, std::string_view cluster, Instant at);
  // A fault destroyed what is stored: any identity will do from now on.
  void forget() { forgotten_ = true; }

 private:
  std::map<std::string, std::string, std::less<>> cluster_of_;  // by node
  bool forgotten_ = false;
};

}  // namespace squall::scenarios
