// The quorum's messages to and from Kafka's (KIP-595, KIP-630, KIP-853, KIP-996, KIP-1166): the one topic, its partition 0, the
// cluster id. Pure.
//
// A request for another cluster, topic or partition is answered here, and never reaches the core.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "protocol/messages/add_raft_voter.h"
#include "protocol/messages/api_versions.h"
#include "protocol/messages/begin_quorum_epoch.h"
#include "protocol/messages/end_quorum_epoch.h"
#include "protocol/messages/fetch.h"
#include "protocol/messages/fetch_snapshot.h"
#include "protocol/messages/remove_raft_voter.h"
#include "protocol/messages/update_raft_voter.h"
#include "protocol/messages/vote.h"
#include "raft/metadata/metadata_topic.h"
#include "raft/quorum/messages.h"

namespace squall::raft {

// What an answer needs to know of its request and of who answers.
struct WireContext {
  std::string_view cluster_id{};
  std::int16_t version = 0;
  NodeId local = no_node;
  // The listener over which the request came: whose endpoints are told in answers.
  std::string_view listener{};
};

// The answer to a request that `read` refused: the code, and nothing else.
template <class Response>
[[nodiscard]] Response refusal(ErrorCode error) {
  Response response;
  response.error_code = to_wire(error);
  return response;
}

// Requests of others. The error is the code to answer with (INCONSISTENT_CLUSTER_ID, UNKNOWN_TOPIC_OR_PARTITION,
// INVALID_REQUEST ...), by `refusal`. A request without a cluster id is for any cluster.
[[nodiscard]] std::expected<VoteRequest, ErrorCode> read(const protocol::VoteRequest& message, const WireContext& context);
[[nodiscard]] std::expected<BeginQuorumEpochRequest, ErrorCode> read(const protocol::BeginQuorumEpochRequest& message,
                                                                     const WireContext& context);
[[nodiscard]] std::expected<EndQuorumEpochRequest, ErrorCode> read(const protocol::EndQuorumEpochRequest& message,
                                                                   const WireContext& context);
[[nodiscard]] std::expected<FetchRequest, ErrorCode> read(const protocol::FetchRequest& message, const WireContext& context);
[[nodiscard]] std::expected<FetchSnapshotRequest, ErrorCode> read(const protocol::FetchSnapshotRequest& message,
                                                                  const WireContext& context);
[[nodiscard]] std::expected<AddVoterRequest, ErrorCode> read(const protocol::AddRaftVoterRequest& message,
                                                             const WireContext& context);
[[nodiscard]] std::expected<RemoveVoterRequest, ErrorCode> read(const protocol::RemoveRaftVoterRequest& message,
                                                                const WireContext& context);
[[nodiscard]] std::expected<UpdateVoterRequest, ErrorCode> read(const protocol::UpdateRaftVoterRequest& message,
                                                                const WireContext& context);

// How many bytes the request wants at most; for QuorumNode::ask. The request has been read.
[[nodiscard]] std::uint64_t bytes_wanted(const protocol::FetchRequest& message);
[[nodiscard]] std::uint64_t bytes_wanted(const protocol::FetchSnapshotRequest& message);

// The answers. Those with `records` carry them as external bytes (the caller sends the file range).
[[nodiscard]] protocol::VoteResponse write(const VoteResponse& answer, const WireContext& context);
[[nodiscard]] protocol::BeginQuorumEpochResponse write(const BeginQuorumEpochResponse& answer, const WireContext& context);
[[nodiscard]] protocol::EndQuorumEpochResponse write(const EndQuorumEpochResponse& answer, const WireContext& context);
[[nodiscard]] protocol::FetchResponse write(const FetchResponse& answer, const WireContext& context,
                                            std::uint64_t record_bytes);
[[nodiscard]] protocol::FetchSnapshotResponse write(const FetchSnapshotResponse& answer, const WireContext& context,
                                                    std::uint64_t piece_bytes);
[[nodiscard]] protocol::AddRaftVoterResponse write(const AddVoterResponse& answer, const WireContext& context);
[[nodiscard]] protocol::RemoveRaftVoterResponse write(const RemoveVoterResponse& answer, const WireContext& context);
[[nodiscard]] protocol::UpdateRaftVoterResponse write(const UpdateVoterResponse& answer, const WireContext& context);

// Requests of our own, in the highest version; encoding to a lower one is the codec's.
[[nodiscard]] protocol::VoteRequest write(const VoteRequest& request, std::string_view cluster_id);
[[nodiscard]] protocol::BeginQuorumEpochRequest write(const BeginQuorumEpochRequest& request, std::string_view cluster_id);
[[nodiscard]] protocol::EndQuorumEpochRequest write(const EndQuorumEpochRequest& request, std::string_view cluster_id);
[[nodiscard]] protocol::FetchRequest write(const FetchRequest& request, std::string_view cluster_id, std::int32_t bytes_max);
[[nodiscard]] protocol::FetchSnapshotRequest write(const FetchSnapshotRequest& request, std::string_view cluster_id,
                                                   std::int32_t bytes_max);
[[nodiscard]] protocol::AddRaftVoterRequest write(const AddVoterRequest& request, std::string_view cluster_id,
                                                  std::int32_t timeout_ms);
[[nodiscard]] protocol::RemoveRaftVoterRequest write(const RemoveVoterRequest& request, std::string_view cluster_id);
[[nodiscard]] protocol::UpdateRaftVoterRequest write(const UpdateVoterRequest& request, std::string_view cluster_id);

// The answers of others. An answer that makes no sense (no such partition in it, broken batches) has no value: the request
// failed. `read` of a Fetch answer validates every batch and reads the voters that stand in it; `records` are its bytes, which
// begin with the first of the batches. `listener` names the endpoints that are told: it is the one that the request went to.
[[nodiscard]] std::optional<VoteResponse> read(const protocol::VoteResponse& message, std::string_view listener);
[[nodiscard]] std::optional<BeginQuorumEpochResponse> read(const protocol::BeginQuorumEpochResponse& message,
                                                           std::string_view listener);
[[nodiscard]] std::optional<EndQuorumEpochResponse> read(const protocol::EndQuorumEpochResponse& message,
                                                         std::string_view listener);
[[nodiscard]] std::optional<FetchResponse> read(const protocol::FetchResponse& message, std::string_view listener,
                                                ByteView* records = nullptr);
[[nodiscard]] std::optional<FetchSnapshotResponse> read(const protocol::FetchSnapshotResponse& message,
                                                        std::string_view listener, ByteView* piece = nullptr);
[[nodiscard]] std::optional<ApiVersionsResponse> read(const protocol::ApiVersionsResponse& message);
[[nodiscard]] std::optional<AddVoterResponse> read(const protocol::AddRaftVoterResponse& message);
[[nodiscard]] std::optional<RemoveVoterResponse> read(const protocol::RemoveRaftVoterResponse& message);
[[nodiscard]] std::optional<UpdateVoterResponse> read(const protocol::UpdateRaftVoterResponse& message,
                                                      std::string_view listener);

}  // namespace squall::raft
