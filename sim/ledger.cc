#include "sim/ledger.h"

#include <algorithm>
#include <utility>

namespace squall::sim {

FaultId Ledger::inject(std::string kind, std::string target, Instant at) {
  entries_.push_back(
      {.kind = std::move(kind), .target = std::move(target), .injected_at = at, .effects = 0, .first_effect = {}});
  return static_cast<FaultId>(entries_.size());
}

void Ledger::hit(FaultId fault, Instant at, std::uint64_t effects) {
  if (fault == 0 || effects == 0) return;
  FaultEntry& entry = entries_[fault - 1];
  if (entry.effects == 0) entry.first_effect = at;
  entry.effects += effects;
}

std::size_t Ledger::effective() const {
  return static_cast<std::size_t>(std::ranges::count_if(entries_, [](const FaultEntry& entry) { return entry.effects > 0; }));
}

}  // namespace squall::sim
