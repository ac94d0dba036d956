// Running twice and comparing: the second run must cross the seam exactly as the first did.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/simulation.h"

namespace squall::tools {

// Keeps a digest of each trace record of the first run; compares those of the second, and keeps the first that differs.
class TraceComparison {
 public:
  void record_first(sim::Simulation& simulation);
  void compare_second(sim::Simulation& simulation);

  // After the second run. Empty if they were the same.
  [[nodiscard]] std::string difference() const;

 private:
  std::vector<std::uint64_t> first_;
  std::uint64_t seen_ = 0;
  std::string different_;
};

}  // namespace squall::tools
