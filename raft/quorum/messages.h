// The messages of the quorum, as the core knows them: one partition, no cluster id, no topic name. Whoever turns the wire's
// messages into these has compared cluster id and partition before (wire.h). Requests and responses of one kind stand at the
// same index.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/time.h"
#include "protocol/error_code.h"
#include "raft/quorum/types.h"
#include "raft/quorum/voter_set.h"

namespace squall::raft {

using protocol::ErrorCode;

// Who leads, as far as the sender of a response knows.
struct CurrentLeader {
  NodeId leader = no_node;
  LeaderEpoch epoch = no_epoch;
  Endpoints endpoints{};
  bool operator==(const CurrentLeader&) const = default;
};

// Vote (KIP-595); with `pre_vote` only asks whether one could be had (KIP-996).
struct VoteRequest {
  ReplicaKey voter{};  // whom it is meant for; id no_node before version 1
  LeaderEpoch epoch{};
  ReplicaKey candidate{};
  OffsetAndEpoch last{};
  bool pre_vote = false;
};
struct VoteResponse {
  ErrorCode error = ErrorCode::none;
  CurrentLeader current{};
  bool granted = false;
};

// "I lead this epoch", from the leader to voters that do not fetch.
struct BeginQuorumEpochRequest {
  ReplicaKey voter{};
  NodeId leader{};
  LeaderEpoch epoch{};
  Endpoints leader_endpoints{};
};
struct BeginQuorumEpochResponse {
  ErrorCode error = ErrorCode::none;
  CurrentLeader current{};
};

// "I lead no more", with who should follow, best first.
struct EndQuorumEpochRequest {
  NodeId leader{};
  LeaderEpoch epoch{};
  std::vector<ReplicaKey> preferred_candidates{};
  Endpoints leader_endpoints{};
};
struct EndQuorumEpochResponse {
  ErrorCode error = ErrorCode::none;
  CurrentLeader current{};
};

// The high watermark of a follower that does not state it: nothing is above it (KIP-1166).
inline constexpr Offset high_watermark_not_stated{std::numeric_limits<std::int64_t>::max()};

struct FetchRequest {
  ReplicaKey replica{};  // id no_node: not a replica, its position counts for nothing
  LeaderEpoch epoch{};   // that the follower believes in
  OffsetAndEpoch position{};
  Offset high_watermark = high_watermark_not_stated;
  Duration wait_max{0};
};

// A batch of a response, by what the core needs of it: offsets [base, end), all of one epoch.
struct FetchedBatch {
  Offset base{};
  Offset end{};
  LeaderEpoch epoch{};
};
// A voter set or a kraft.version that stands in a control record at `offset`.
struct VoterChange {
  Offset offset{};
  std::variant<VoterSetPtr, std::int16_t> value;
};

// The voters that a LeaderChange record names.
struct Electorate {
  LeaderEpoch epoch = no_epoch;  // no_epoch: there is no such record
  std::vector<NodeId> voters{};
};

struct FetchResponse {
  ErrorCode error = ErrorCode::none;
  CurrentLeader current{};
  Offset high_watermark = no_offset;  // no_offset: the leader does not know it yet
  Offset log_start = no_offset;
  std::optional<OffsetAndEpoch> diverging{};
  std::optional<OffsetAndEpoch> snapshot{};
  // As sent by the core: the shell adds records of its log in [records_from, records_end), as many as fit, not none.
  Offset records_from = no_offset;
  Offset records_end = no_offset;
  // As given to the core: what the response holds, validated, in order.
  std::vector<FetchedBatch> batches{};
  std::vector<VoterChange> changes{};
  Electorate elected_by{};  // of the last LeaderChange among the batches
};

struct FetchSnapshotRequest {
  ReplicaKey replica{};
  LeaderEpoch epoch{};
  OffsetAndEpoch id{};
  std::int64_t position = 0;
};
struct FetchSnapshotResponse {
  ErrorCode error = ErrorCode::none;
  CurrentLeader current{};
  OffsetAndEpoch id{};
  std::int64_t size_bytes = 0;
  std::int64_t position = 0;
  std::int64_t bytes = 0;  // given to the core: how many the response holds. Sent by the core: 0, the shell adds them
};

// Which versions the node that is to become a voter can speak (KIP-853).
struct ApiVersionsRequest {};
struct ApiVersionsResponse {
  ErrorCode error = ErrorCode::none;
  VersionRange kraft_versions{};
};

struct AddVoterRequest {
  ReplicaKey voter{};
  Endpoints endpoints{};
  bool ack_when_committed = true;
  Duration patience = Duration::max();  // how long the one who asks waits; the leader's own request time-out may be less
};
struct AddVoterResponse {
  ErrorCode error = ErrorCode::none;
  std::string message{};
};
struct RemoveVoterRequest {
  ReplicaKey voter{};
};
struct RemoveVoterResponse {
  ErrorCode error = ErrorCode::none;
  std::string message{};
};
struct UpdateVoterRequest {
  LeaderEpoch epoch{};
  Voter voter{};
};
struct UpdateVoterResponse {
  ErrorCode error = ErrorCode::none;
  CurrentLeader current{};
};

using RequestBody =
    std::variant<VoteRequest, BeginQuorumEpochRequest, EndQuorumEpochRequest, FetchRequest, FetchSnapshotRequest,
                 ApiVersionsRequest, AddVoterRequest, RemoveVoterRequest, UpdateVoterRequest>;
using ResponseBody =
    std::variant<VoteResponse, BeginQuorumEpochResponse, EndQuorumEpochResponse, FetchResponse, FetchSnapshotResponse,
                 ApiVersionsResponse, AddVoterResponse, RemoveVoterResponse, UpdateVoterResponse>;

}  // namespace squall::raft
