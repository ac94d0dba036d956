// The fault ledger: which faults were injected, and which of them changed something.
//
// A fault that no operation ran into proves nothing, so a run reports both numbers and a scenario may gate on the second.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"

namespace squall::sim {

// Index into the ledger, from 1; 0 is "no fault".
using FaultId = std::uint32_t;

struct FaultEntry {
  std::string kind;    // "partition", "power-cut", …
  std::string target;  // "broker-1", "broker-1 -> broker-2", "broker-1:/data1"
  Instant injected_at;
  std::uint64_t effects = 0;  // operations that it changed
  Instant first_effect;
};

class Ledger {
 public:
  FaultId inject(std::string kind, std::string target, Instant at);
  // The fault changed an operation. 0 is ignored.
  void hit(FaultId fault, Instant at, std::uint64_t effects = 1);

  [[nodiscard]] const std::vector<FaultEntry>& entries() const { return entries_; }
  [[nodiscard]] std::size_t injected() const { return entries_.size(); }
  [[nodiscard]] std::size_t effective() const;  // entries with at least one effect

 private:
  std::vector<FaultEntry> entries_;
};

}  // namespace squall::sim
