// The answers of the quorum, to and from the wire.
#include <algorithm>
#include <limits>

#include "protocol/record_batch.h"
#include "raft/quorum/control_records.h"
#include "raft/shell/wire.h"

namespace squall::raft {
namespace {

// The versions from which on an answer tells where the leader listens (KIP-853).
constexpr std::int16_t fetch_endpoints_version = 16;
constexpr std::int16_t other_endpoints_version = 1;
constexpr std::int16_t fetch_topic_id_version = 13;
constexpr std::string_view kraft_version_feature = "kraft.version";

// Of a leader the endpoint of the listener that the asking node came over: it reaches no other for certain. One whose listener
// is not known came from an answer that told of that same kind of listener.
const Endpoint* endpoint_for(const CurrentLeader& current, std::string_view listener) {
  for (const std::string_view name : {listener, std::string_view{}}) {
    const auto found = std::ranges::find(current.endpoints, name, &Endpoint::name);
    if (found != current.endpoints.end()) return &*found;
  }
  return nullptr;
}

template <class NodeEndpoints>
void write_leader_endpoint(const CurrentLeader& current, const WireContext& context, NodeEndpoints& endpoints) {
  const Endpoint* endpoint = endpoint_for(current, context.listener);
  if (current.leader == no_node || endpoint == nullptr) return;
  auto& node = endpoints.emplace_back();
  node.node_id = current.leader.value();
  node.host = endpoint->host;
  node.port = endpoint->port;
}

template <class NodeEndpoints>
Endpoints read_leader_endpoint(NodeId leader, const NodeEndpoints& nodes, std::string_view listener) {
  for (const auto& node : nodes) {
    if (NodeId{node.node_id} != leader || node.host.empty()) continue;
    const std::int64_t port = node.port;
    if (port <= 0 || port > std::numeric_limits<std::uint16_t>::max()) continue;
    return {Endpoint{.name = std::string{listener}, .host = node.host, .port = static_cast<std::uint16_t>(port)}};
  }
  return {};
}

// Leader and epoch as answers state them; -1: not known.
template <class NodeEndpoints>
std::optional<CurrentLeader> read_leader(std::int32_t leader, std::int32_t epoch, const NodeEndpoints& nodes,
                                         std::string_view listener) {
  if (leader < no_node.value() || epoch < no_epoch.value()) return std::nullopt;
  CurrentLeader current{.leader = NodeId{leader}, .epoch = LeaderEpoch{epoch}, .endpoints = {}};
  if (current.leader != no_node) current.endpoints = read_leader_endpoint(current.leader, nodes, listener);
  return current;
}

// Vote, BeginQuorumEpoch and EndQuorumEpoch answer alike.
template <class Response, class Answer>
auto& write_epoch_answer(const Answer& answer, const WireContext& context, Response& response) {
  auto& topic = response.topics.emplace_back();
  topic.topic_name = metadata_topic_name;
  auto& partition = topic.partitions.emplace_back();
  partition.error_code = to_wire(answer.error);
  partition.leader_id = answer.current.leader.value();
  partition.leader_epoch = answer.current.epoch.value();
  if (context.version >= other_endpoints_version) write_leader_endpoint(answer.current, context, response.node_endpoints);
  return partition;
}

// An error of the whole request says nothing of who leads.
template <class Answer, class Message>
std::optional<Answer> read_epoch_answer(const Message& message, std::string_view listener) {
  Answer answer;
  answer.error = protocol::error_from_wire(message.error_code);
  if (answer.error != ErrorCode::none) return answer;
  if (message.topics.size() != 1 || message.topics[0].partitions.size() != 1) return std::nullopt;
  const auto& topic = message.topics[0];
  const auto& partition = topic.partitions[0];
  if (topic.topic_name != metadata_topic_name || partition.partition_index != 0) return std::nullopt;
  auto current = read_leader(partition.leader_id, partition.leader_epoch, message.node_endpoints, listener);
  if (!current) return std::nullopt;
  answer.error = protocol::error_from_wire(partition.error_code);
  answer.current = *std::move(current);
  return answer;
}

template <class Message, class Answer>
Message write_membership_answer(const Answer& answer) {
  Message response;
  response.error_code = to_wire(answer.error);
  if (!answer.message.empty()) response.error_message = answer.message;
  return response;
}

template <class Answer, class Message>
Answer read_membership_answer(const Message& message) {
  return {.error = protocol::error_from_wire(message.error_code), .message = message.error_message.value_or(std::string{})};
}

// Every batch whole and as it was written, and what it says of the voters. A batch that was cut off at the end is passed over,
// unless there is nothing else. Nothing of it is believed if one is broken.
bool read_batches(ByteView records, FetchResponse& answer, ByteView& whole) {
  protocol::BatchCursor cursor{records};
  protocol::RecordBatchView batch;
  while (cursor.next(batch)) {
    if (!batch.validate() || batch.base_offset() < Offset{0}) return false;
    if (!answer.batches.empty() && batch.base_offset() != answer.batches.back().end) return false;
    const auto leader = read_voter_changes(batch, answer.changes);
    if (!leader) return false;
    if (*leader) {
      answer.elected_by = {.epoch = batch.partition_leader_epoch(), .voters = {}};
      for (const ReplicaKey& voter : (*leader)->voters) answer.elected_by.voters.push_back(voter.id);
    }
    answer.batches.push_back(
        {.base = batch.base_offset(), .end = batch.next_offset(), .epoch = batch.partition_leader_epoch()});
  }
  if (cursor.error() && *cursor.error() != protocol::BatchError::truncated) return false;
  if (answer.batches.empty() && !records.empty()) return false;
  whole = records.first(records.size() - cursor.rest().size());
  return true;
}

bool names_metadata(const protocol::FetchResponse::FetchableTopicResponse& topic) {
  return topic.topic == metadata_topic_name || (topic.topic.empty() && topic.topic_id == metadata_topic_id);
}

}  // namespace

// ---- our answers ----

protocol::VoteResponse write(const VoteResponse& answer, const WireContext& context) {
  protocol::VoteResponse response;
  write_epoch_answer(answer, context, response).vote_granted = answer.granted;
  return response;
}

protocol::BeginQuorumEpochResponse write(const BeginQuorumEpochResponse& answer, const WireContext& context) {
  protocol::BeginQuorumEpochResponse response;
  write_epoch_answer(answer, context, response);
  return response;
}

protocol::EndQuorumEpochResponse write(const EndQuorumEpochResponse& answer, const WireContext& context) {
  protocol::EndQuorumEpochResponse response;
  write_epoch_answer(answer, context, response);
  return response;
}

protocol::FetchResponse write(const FetchResponse& answer, const WireContext& context, std::uint64_t record_bytes) {
  protocol::FetchResponse response;
  auto& topic = response.responses.emplace_back();
  if (context.version >= fetch_topic_id_version) {
    topic.topic_id = metadata_topic_id;
  } else {
    topic.topic = metadata_topic_name;
  }
  auto& partition = topic.partitions.emplace_back();
  partition.error_code = to_wire(answer.error);
  partition.high_watermark = answer.high_watermark.value();
  partition.log_start_offset = answer.log_start.value();
  partition.current_leader = {.leader_id = answer.current.leader.value(), .leader_epoch = answer.current.epoch.value()};
  if (answer.diverging) {
    partition.diverging_epoch = {.epoch = answer.diverging->epoch.value(), .end_offset = answer.diverging->offset.value()};
  }
  if (answer.snapshot) {
    partition.snapshot_id = {.end_offset = answer.snapshot->offset.value(), .epoch = answer.snapshot->epoch.value()};
  }
  partition.aborted_transactions = std::nullopt;
  partition.records = protocol::Records::external(record_bytes);
  if (context.version >= fetch_endpoints_version) write_leader_endpoint(answer.current, context, response.node_endpoints);
  return response;
}

protocol::FetchSnapshotResponse write(const FetchSnapshotResponse& answer, const WireContext& context,
                                      std::uint64_t piece_bytes) {
  protocol::FetchSnapshotResponse response;
  auto& topic = response.topics.emplace_back();
  topic.name = metadata_topic_name;
  auto& partition = topic.partitions.emplace_back();
  partition.error_code = to_wire(answer.error);
  partition.snapshot_id = {.end_offset = answer.id.offset.value(), .epoch = answer.id.epoch.value()};
  partition.current_leader = {.leader_id = answer.current.leader.value(), .leader_epoch = answer.current.epoch.value()};
  partition.size = answer.size_bytes;
  partition.position = answer.position;
  partition.unaligned_records = protocol::Records::external(piece_bytes);
  if (context.version >= other_endpoints_version) write_leader_endpoint(answer.current, context, response.node_endpoints);
  return response;
}

protocol::AddRaftVoterResponse write(const AddVoterResponse& answer, const WireContext&) {
  return write_membership_answer<protocol::AddRaftVoterResponse>(answer);
}

protocol::RemoveRaftVoterResponse write(const RemoveVoterResponse& answer, const WireContext&) {
  return write_membership_answer<protocol::RemoveRaftVoterResponse>(answer);
}

protocol::UpdateRaftVoterResponse write(const UpdateVoterResponse& answer, const WireContext& context) {
  protocol::UpdateRaftVoterResponse response;
  response.error_code = to_wire(answer.error);
  auto& current = response.current_leader;
  current.leader_id = answer.current.leader.value();
  current.leader_epoch = answer.current.epoch.value();
  const Endpoint* endpoint = endpoint_for(answer.current, context.listener);
  if (answer.current.leader != no_node && endpoint != nullptr) {
    current.host = endpoint->host;
    current.port = endpoint->port;
  }
  return response;
}

// ---- the answers of others ----

std::optional<VoteResponse> read(const protocol::VoteResponse& message, std::string_view listener) {
  auto answer = read_epoch_answer<VoteResponse>(message, listener);
  if (answer && message.error_code == 0) answer->granted = message.topics[0].partitions[0].vote_granted;
  return answer;
}

std::optional<BeginQuorumEpochResponse> read(const protocol::BeginQuorumEpochResponse& message, std::string_view listener) {
  return read_epoch_answer<BeginQuorumEpochResponse>(message, listener);
}

std::optional<EndQuorumEpochResponse> read(const protocol::EndQuorumEpochResponse& message, std::string_view listener) {
  return read_epoch_answer<EndQuorumEpochResponse>(message, listener);
}

std::optional<FetchResponse> read(const protocol::FetchResponse& message, std::string_view listener, ByteView* records) {
  FetchResponse answer;
  answer.error = protocol::error_from_wire(message.error_code);
  if (answer.error != ErrorCode::none) return answer;
  if (message.responses.size() != 1 || message.responses[0].partitions.size() != 1) return std::nullopt;
  const auto& topic = message.responses[0];
  const auto& partition = topic.partitions[0];
  if (!names_metadata(topic) || partition.partition_index != 0) return std::nullopt;
  const auto& stated = partition.current_leader;
  auto current = read_leader(stated.leader_id, stated.leader_epoch, message.node_endpoints, listener);
  if (!current) return std::nullopt;
  answer.error = protocol::error_from_wire(partition.error_code);
  answer.current = *std::move(current);
  answer.high_watermark = Offset{std::max(partition.high_watermark, no_offset.value())};
  answer.log_start = Offset{partition.log_start_offset};
  const auto& diverging = partition.diverging_epoch;
  if (diverging.epoch >= 0) answer.diverging = {.epoch = LeaderEpoch{diverging.epoch}, .offset = Offset{diverging.end_offset}};
  const auto& snapshot = partition.snapshot_id;
  if (snapshot.epoch >= 0 || snapshot.end_offset >= 0) {
    answer.snapshot = {.epoch = LeaderEpoch{snapshot.epoch}, .offset = Offset{snapshot.end_offset}};
  }
  ByteView whole;
  if (!read_batches(partition.records.bytes, answer, whole)) return std::nullopt;
  if (records != nullptr) *records = whole;
  return answer;
}

std::optional<FetchSnapshotResponse> read(const protocol::FetchSnapshotResponse& message, std::string_view listener,
                                          ByteView* piece) {
  FetchSnapshotResponse answer;
  answer.error = protocol::error_from_wire(message.error_code);
  if (answer.error != ErrorCode::none) return answer;
  if (message.topics.size() != 1 || message.topics[0].partitions.size() != 1) return std::nullopt;
  const auto& topic = message.topics[0];
  const auto& partition = topic.partitions[0];
  if (topic.name != metadata_topic_name || partition.index != 0) return std::nullopt;
  const auto& stated = partition.current_leader;
  auto current = read_leader(stated.leader_id, stated.leader_epoch, message.node_endpoints, listener);
  if (!current || partition.size < 0 || partition.position < 0) return std::nullopt;
  answer.error = protocol::error_from_wire(partition.error_code);
  answer.current = *std::move(current);
  answer.id = {.epoch = LeaderEpoch{partition.snapshot_id.epoch}, .offset = Offset{partition.snapshot_id.end_offset}};
  answer.size_bytes = partition.size;
  answer.position = partition.position;
  answer.bytes = static_cast<std::int64_t>(partition.unaligned_records.bytes.size());
  if (piece != nullptr) *piece = partition.unaligned_records.bytes;
  return answer;
}

std::optional<ApiVersionsResponse> read(const protocol::ApiVersionsResponse& message) {
  ApiVersionsResponse answer{.error = protocol::error_from_wire(message.error_code), .kraft_versions = {}};
  // A broker that is no controller knows the feature too, but takes no votes, and does not flush what it fetches.
  const auto votes = [](const protocol::ApiVersionsResponse::ApiVersion& api) {
    return api.api_key_ == protocol::VoteRequest::api_key;
  };
  if (answer.error == ErrorCode::none && std::ranges::none_of(message.api_keys, votes)) {
    answer.error = ErrorCode::unsupported_version;
  }
  // Who does not name the feature knows its version 0 alone.
  const auto feature = std::ranges::find(message.supported_features, kraft_version_feature,
                                         &protocol::ApiVersionsResponse::SupportedFeatureKey::name);
  if (feature != message.supported_features.end()) {
    answer.kraft_versions = {.min = feature->min_version, .max = feature->max_version};
  }
  return answer;
}

std::optional<AddVoterResponse> read(const protocol::AddRaftVoterResponse& message) {
  return read_membership_answer<AddVoterResponse>(message);
}

std::optional<RemoveVoterResponse> read(const protocol::RemoveRaftVoterResponse& message) {
  return read_membership_answer<RemoveVoterResponse>(message);
}

std::optional<UpdateVoterResponse> read(const protocol::UpdateRaftVoterResponse& message, std::string_view listener) {
  UpdateVoterResponse answer;
  answer.error = protocol::error_from_wire(message.error_code);
  const auto& stated = message.current_leader;
  if (stated.leader_id < no_node.value() || stated.leader_epoch < no_epoch.value()) return std::nullopt;
  answer.current = {.leader = NodeId{stated.leader_id}, .epoch = LeaderEpoch{stated.leader_epoch}, .endpoints = {}};
  if (answer.current.leader != no_node && !stated.host.empty() && stated.port > 0 &&
      stated.port <= std::numeric_limits<std::uint16_t>::max()) {
    answer.current.endpoints = {
        Endpoint{.name = std::string{listener}, .host = stated.host, .port = static_cast<std::uint16_t>(stated.port)}};
  }
  return answer;
}

}  // namespace squall::raft
