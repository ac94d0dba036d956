// What a quorum core is told.
#pragma once

#include <variant>

#include "raft/quorum/log_index.h"
#include "raft/quorum/messages.h"

namespace squall::raft {

// Time has passed; to be told at `next_deadline()` or later.
struct Tick {};

struct RequestReceived {
  RequestToken token{};
  RequestBody body;
};
struct ResponseReceived {
  RequestId id{};
  ResponseBody body;
};
// No response will come, or none that could be read.
struct RequestFailed {
  RequestId id{};
};

// Records for the log: one batch of `count` records, only if this node leads `epoch`.
struct Propose {
  ProposalId id{};
  LeaderEpoch epoch{};
  std::int32_t count = 1;
};
// The log is durable up to `end`: the completion of a Flush, with the epoch that it was issued under.
struct Flushed {
  LeaderEpoch epoch{};
  Offset end{};
};

// The shell wrote a snapshot of its own; at a batch boundary, not above the high watermark.
struct SnapshotCreated {
  Snapshot snapshot;
};
// The shell freed log and snapshots behind a snapshot.
struct LogCleaned {
  Offset start{};
  Offset oldest_snapshot{};
};
// The fetched snapshot is whole and was read: what it says of the voters. The completion of a FinishSnapshot.
struct SnapshotReady {
  LeaderEpoch epoch{};
  OffsetAndEpoch id{};
  std::optional<VoterSet> voters{};  // none: the snapshot is of a log with static voters
  std::int16_t kraft_version = static_voters_version;
};

// Lead no more, if this node leads `epoch`: a clean stop, or a controller that cannot go on.
struct ResignRequested {
  LeaderEpoch epoch{};
};
// Raise kraft.version to 1, if this node leads (KIP-853: from static voters to voters in the log). Answered by `kraft_upgrade`.
struct UpgradeKRaftVersion {};

using Event = std::variant<Tick, RequestReceived, ResponseReceived, RequestFailed, Propose, Flushed, SnapshotCreated,
                           LogCleaned, SnapshotReady, ResignRequested, UpgradeKRaftVersion>;

}  // namespace squall::raft
