// The metadata log is one log: what is committed at an offset is the same batch on every node, for as long as the run lasts.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/types.h"
#include "scenarios/checks/check.h"
#include "scenarios/checks/replica_content.h"

namespace squall::scenarios {

struct CommittedBatchSeen {
  Offset base;
  Offset end;
  LeaderEpoch epoch;
  std::uint32_t crc = 0;
  bool operator==(const CommittedBatchSeen&) const = default;
};

class LogMatching final : public Check {
 public:
  LogMatching() : Check("log_matching", "All nodes have the same committed batches of the metadata log, byte by byte.") {}

  // `node` has replayed this batch.
  void replayed(std::string_view node, const CommittedBatchSeen& batch, Instant at);
  // `node` has loaded a snapshot that stands for everything below `end`, the last of it of `epoch`.
  void loaded(std::string_view node, Offset end, LeaderEpoch epoch, Instant at);
  // The files of all nodes, compared below the smallest committed offset.
  void files(std::span<const ReplicaContent> logs, Instant at);
  void forget_all() { log_.clear(); }

 private:
  std::vector<CommittedBatchSeen> log_;  // rising; gaps where nobody was seen to replay
};

}  // namespace squall::scenarios
