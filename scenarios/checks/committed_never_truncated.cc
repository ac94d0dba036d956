#include "scenarios/checks/committed_never_truncated.h"

#include <fmt/format.h>

namespace squall::scenarios {

void CommittedNeverTruncated::replayed(std::string_view node, Offset end) {
  const auto known = committed_.find(node);
  if (known == committed_.end()) {
    committed_.emplace(node, end);
  } else if (known->second < end) {
    known->second = end;
  }
}

void CommittedNeverTruncated::truncated(std::string_view node, Offset end, Instant at) {
  count();
  const auto known = committed_.find(node);
  if (known == committed_.end() || end >= known->second) return;
  violated(at, fmt::format("{} cut its metadata log at {}, but had replayed everything below {} as committed", node, end,
                           known->second));
}

void CommittedNeverTruncated::forget(std::string_view node) {
  if (const auto known = committed_.find(node); known != committed_.end()) committed_.erase(known);
}

}  // namespace squall::scenarios
