// What a quorum core wants done.
//
// Order. The shell carries out the effects of a step in the order of the fields:
//   1. `election` is written to quorum-state and synced;
//   2. `log` operations, one after the other;
//   3. then requests and responses may leave.
// Nothing of 2 and 3 may be seen by anyone before 1 is durable. Among the log operations only Flush and FinishSnapshot may
// complete later, by an event; the others are done when the next begins. What a follower acknowledges by a Fetch it was told to
// be flushed. Effects of several steps may be merged into one object and carried out at once: the last election state stands
// for all, and of several Flush the last one.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "raft/quorum/messages.h"

namespace squall::raft {

// The first batch of a leader's epoch: its LeaderChange record and, in a log whose voters came from the bootstrap snapshot, the
// kraft.version and the voters (KIP-853). One record each, at consecutive offsets from `base`.
struct AppendEpochStart {
  Offset base{};
  LeaderEpoch epoch{};
  NodeId leader{};
  std::vector<ReplicaKey> voters{};
  std::vector<ReplicaKey> granting_voters{};
  std::optional<std::int16_t> kraft_version{};
  VoterSetPtr voter_set{};  // null: not in the batch
};
struct AppendProposal {
  ProposalId id{};
  Offset base{};
  Offset end{};
  LeaderEpoch epoch{};
};
// A batch of control records: the kraft.version if it changes, then the voters.
struct AppendVoters {
  Offset base{};
  LeaderEpoch epoch{};
  std::optional<std::int16_t> kraft_version{};
  VoterSetPtr voters{};
};
// The records [base, end) of the fetch response of this step.
struct AppendFetched {
  RequestId response{};
  Offset base{};
  Offset end{};
};
// The log ends at `end` from now on.
struct Truncate {
  Offset end{};
};
// Make the log durable up to `end`, then tell Flushed{epoch, end}.
struct Flush {
  LeaderEpoch epoch{};
  Offset end{};
};
// The bytes of the snapshot response of this step, at `position` of the file of `id` (a `.checkpoint.part`).
struct WriteSnapshot {
  RequestId response{};
  OffsetAndEpoch id{};
  std::int64_t position = 0;
};
// All bytes of the snapshot are there: check and read it, then tell SnapshotReady. Of one that is broken nothing is told: after
// the fetch timeout it is discarded, and fetched anew.
struct FinishSnapshot {
  LeaderEpoch epoch{};
  OffsetAndEpoch id{};
};
// Make the snapshot durable under its name, then empty the log: it begins and ends at the snapshot. All durable when done.
struct InstallSnapshot {
  OffsetAndEpoch id{};
};
// Forget what was fetched of the snapshot.
struct DiscardSnapshot {
  OffsetAndEpoch id{};
};

using LogOperation = std::variant<AppendEpochStart, AppendProposal, AppendVoters, AppendFetched, Truncate, Flush, WriteSnapshot,
                                  FinishSnapshot, InstallSnapshot, DiscardSnapshot>;

struct OutboundRequest {
  RequestId id{};
  NodeId to{};  // a node (its endpoints: Quorum::endpoints_of), or bootstrap server number -2 - to
  RequestBody body;
};
struct OutboundResponse {
  RequestToken token{};
  ResponseBody body;
};

struct Effects {
  std::optional<ElectionState> election{};
  std::vector<LogOperation> log{};
  std::vector<OutboundRequest> requests{};
  std::vector<OutboundResponse> responses{};

  // For the shell's own use.
  std::vector<ProposalId> refused{};         // proposals: this node does not lead that epoch
  std::optional<ErrorCode> kraft_upgrade{};  // the answer to UpgradeKRaftVersion: none once it is appended
  // The log contradicts the leader's below the high watermark, or the like: the node must stop, with this reason.
  std::optional<std::string> fatal{};
};

}  // namespace squall::raft
