// What lies in the files of one replica of a log: its batches, as digests, to be compared with those of other replicas.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/types.h"

namespace squall::scenarios {

struct StoredBatch {
  Offset base;
  Offset end;
  std::uint64_t digest = 0;  // of all its bytes
  bool operator==(const StoredBatch&) const = default;
};

struct ReplicaContent {
  std::string node;
  Offset log_start;
  Offset high_watermark;             // of the metadata log: what is committed
  std::vector<StoredBatch> batches;  // rising
};

struct ContentComparison {
  std::uint64_t batches = 0;  // that were compared
  std::optional<std::string> difference;
};

// Compares from the largest log start up to the smallest high watermark. Fewer than two replicas: nothing to compare.
[[nodiscard]] ContentComparison compare_contents(std::span<const ReplicaContent> replicas);

}  // namespace squall::scenarios
