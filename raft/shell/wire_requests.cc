// The requests of the quorum, to and from the wire.
#include <algorithm>
#include <limits>

#include "raft/shell/wire.h"

namespace squall::raft {
namespace {

// From this version on a Fetch names its topic by id alone (KIP-516).
constexpr std::int16_t fetch_topic_id_version = 13;
// From this version on a Fetch states its replica in a struct of its own (KIP-903).
constexpr std::int16_t fetch_replica_state_version = 15;
// Before this version the successors are ids without directories (KIP-853).
constexpr std::int16_t end_epoch_directories_version = 1;

ErrorCode check_cluster(const std::optional<std::string>& cluster_id, const WireContext& context) {
  return !cluster_id || *cluster_id == context.cluster_id ? ErrorCode::none : ErrorCode::inconsistent_cluster_id;
}

template <class Partition>
std::int32_t index_of(const Partition& partition) {
  if constexpr (requires { partition.partition_index; }) {
    return partition.partition_index;
  } else {
    return partition.partition;
  }
}

template <class Topic>
bool names_metadata(const Topic& topic) {
  if constexpr (requires { topic.topic_name; }) {
    return topic.topic_name == metadata_topic_name;
  } else {
    return topic.name == metadata_topic_name;
  }
}

// The one partition of the one topic; null: the request is about anything else.
template <class Message>
auto find_partition(const Message& message) -> decltype(&message.topics[0].partitions[0]) {
  if (message.topics.size() != 1 || message.topics[0].partitions.size() != 1) return nullptr;
  const auto& topic = message.topics[0];
  if (!names_metadata(topic) || index_of(topic.partitions[0]) != 0) return nullptr;
  return &topic.partitions[0];
}

template <class Listeners>
Endpoints read_endpoints(const Listeners& listeners) {
  Endpoints endpoints;
  endpoints.reserve(listeners.size());
  for (const auto& listener : listeners)
    endpoints.push_back({.name = listener.name, .host = listener.host, .port = listener.port});
  return endpoints;
}

template <class Listeners>
void write_endpoints(const Endpoints& endpoints, Listeners& listeners) {
  listeners.reserve(endpoints.size());
  for (const Endpoint& endpoint : endpoints) {
    auto& listener = listeners.emplace_back();
    listener.name = endpoint.name;
    listener.host = endpoint.host;
    listener.port = endpoint.port;
  }
}

// A message about the metadata partition, which is all that is filled in.
template <class Message>
auto& begin_message(Message& message, std::string_view cluster_id) {
  message.cluster_id = std::string{cluster_id};
  auto& topic = message.topics.emplace_back();
  if constexpr (requires { topic.topic_name; }) {
    topic.topic_name = metadata_topic_name;
  } else {
    topic.name = metadata_topic_name;
  }
  return topic.partitions.emplace_back();
}

std::int32_t whole_ms(Duration duration) {
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(to_ms(duration), 0, std::numeric_limits<std::int32_t>::max()));
}

}  // namespace

// ---- requests of others ----

std::expected<VoteRequest, ErrorCode> read(const protocol::VoteRequest& message, const WireContext& context) {
  if (const ErrorCode error = check_cluster(message.cluster_id, context); error != ErrorCode::none)
    return std::unexpected{error};
  const auto* partition = find_partition(message);
  if (partition == nullptr || partition->replica_epoch < 0 || partition->replica_id < 0 || partition->last_offset < 0 ||
      partition->last_offset_epoch < 0) {
    return std::unexpected{ErrorCode::invalid_request};
  }
  return VoteRequest{.voter = {.id = NodeId{message.voter_id}, .directory = partition->voter_directory_id},
                     .epoch = LeaderEpoch{partition->replica_epoch},
                     .candidate = {.id = NodeId{partition->replica_id}, .directory = partition->replica_directory_id},
                     .last = {.epoch = LeaderEpoch{partition->last_offset_epoch}, .offset = Offset{partition->last_offset}},
                     .pre_vote = partition->pre_vote};
}

std::expected<BeginQuorumEpochRequest, ErrorCode> read(const protocol::BeginQuorumEpochRequest& message,
                                                       const WireContext& context) {
  if (const ErrorCode error = check_cluster(message.cluster_id, context); error != ErrorCode::none)
    return std::unexpected{error};
  const auto* partition = find_partition(message);
  if (partition == nullptr || partition->leader_epoch < 0) return std::unexpected{ErrorCode::invalid_request};
  return BeginQuorumEpochRequest{.voter = {.id = NodeId{message.voter_id}, .directory = partition->voter_directory_id},
                                 .leader = NodeId{partition->leader_id},
                                 .epoch = LeaderEpoch{partition->leader_epoch},
                                 .leader_endpoints = read_endpoints(message.leader_endpoints)};
}

std::expected<EndQuorumEpochRequest, ErrorCode> read(const protocol::EndQuorumEpochRequest& message,
                                                     const WireContext& context) {
  if (const ErrorCode error = check_cluster(message.cluster_id, context); error != ErrorCode::none)
    return std::unexpected{error};
  const auto* partition = find_partition(message);
  if (partition == nullptr || partition->leader_epoch < 0) return std::unexpected{ErrorCode::invalid_request};
  EndQuorumEpochRequest request{.leader = NodeId{partition->leader_id},
                                .epoch = LeaderEpoch{partition->leader_epoch},
                                .preferred_candidates = {},
                                .leader_endpoints = read_endpoints(message.leader_endpoints)};
  if (context.version < end_epoch_directories_version) {
    for (const std::int32_t id : partition->preferred_successors) request.preferred_candidates.push_back({.id = NodeId{id}});
  } else {
    for (const auto& candidate : partition->preferred_candidates) {
      request.preferred_candidates.push_back(
          {.id = NodeId{candidate.candidate_id}, .directory = candidate.candidate_directory_id});
    }
  }
  return request;
}

std::expected<FetchRequest, ErrorCode> read(const protocol::FetchRequest& message, const WireContext& context) {
  if (const ErrorCode error = check_cluster(message.cluster_id, context); error != ErrorCode::none)
    return std::unexpected{error};
  if (message.topics.size() != 1 || message.topics[0].partitions.size() != 1)
    return std::unexpected{ErrorCode::invalid_request};
  const auto& topic = message.topics[0];
  if (context.version >= fetch_topic_id_version ? topic.topic_id != metadata_topic_id : topic.topic != metadata_topic_name) {
    return std::unexpected{context.version >= fetch_topic_id_version ? ErrorCode::unknown_topic_id
                                                                     : ErrorCode::unknown_topic_or_partition};
  }
  const auto& partition = topic.partitions[0];
  if (partition.partition != 0) return std::unexpected{ErrorCode::unknown_topic_or_partition};
  if (message.max_wait_ms < 0 || partition.fetch_offset < 0) return std::unexpected{ErrorCode::invalid_request};
  const bool has_state = context.version >= fetch_replica_state_version;
  const std::int32_t replica = has_state ? message.replica_state.replica_id : message.replica_id;
  return FetchRequest{
      .replica = {.id = replica < 0 ? no_node : NodeId{replica}, .directory = partition.replica_directory_id},
      .epoch = LeaderEpoch{partition.current_leader_epoch},
      .position = {.epoch = LeaderEpoch{partition.last_fetched_epoch}, .offset = Offset{partition.fetch_offset}},
      .high_watermark = Offset{partition.high_watermark},
      .wait_max = std::chrono::milliseconds{message.max_wait_ms}};
}

std::expected<FetchSnapshotRequest, ErrorCode> read(const protocol::FetchSnapshotRequest& message, const WireContext& context) {
  if (const ErrorCode error = check_cluster(message.cluster_id, context); error != ErrorCode::none)
    return std::unexpected{error};
  const auto* partition = find_partition(message);
  if (partition == nullptr) return std::unexpected{ErrorCode::unknown_topic_or_partition};
  if (message.max_bytes < 0) return std::unexpected{ErrorCode::invalid_request};
  return FetchSnapshotRequest{
      .replica = {.id = message.replica_id < 0 ? no_node : NodeId{message.replica_id},
                  .directory = partition->replica_directory_id},
      .epoch = LeaderEpoch{partition->current_leader_epoch},
      .id = {.epoch = LeaderEpoch{partition->snapshot_id.epoch}, .offset = Offset{partition->snapshot_id.end_offset}},
      .position = partition->position};
}

std::expected<AddVoterRequest, ErrorCode> read(const protocol::AddRaftVoterRequest& message, const WireContext& context) {
  if (const ErrorCode error = check_cluster(message.cluster_id, context); error != ErrorCode::none)
    return std::unexpected{error};
  return AddVoterRequest{.voter = {.id = NodeId{message.voter_id}, .directory = message.voter_directory_id},
                         .endpoints = read_endpoints(message.listeners),
                         .ack_when_committed = message.ack_when_committed,
                         .patience = message.timeout_ms > 0 ? std::chrono::milliseconds{message.timeout_ms} : Duration::max()};
}

std::expected<RemoveVoterRequest, ErrorCode> read(const protocol::RemoveRaftVoterRequest& message, const WireContext& context) {
  if (const ErrorCode error = check_cluster(message.cluster_id, context); error != ErrorCode::none)
    return std::unexpected{error};
  return RemoveVoterRequest{.voter = {.id = NodeId{message.voter_id}, .directory = message.voter_directory_id}};
}

std::expected<UpdateVoterRequest, ErrorCode> read(const protocol::UpdateRaftVoterRequest& message, const WireContext& context) {
  if (const ErrorCode error = check_cluster(message.cluster_id, context); error != ErrorCode::none)
    return std::unexpected{error};
  const auto& versions = message.kraft_version_feature;
  return UpdateVoterRequest{
      .epoch = LeaderEpoch{message.current_leader_epoch},
      .voter = {.key = {.id = NodeId{message.voter_id}, .directory = message.voter_directory_id},
                .endpoints = read_endpoints(message.listeners),
                .kraft_versions = {.min = versions.min_supported_version, .max = versions.max_supported_version}}};
}

std::uint64_t bytes_wanted(const protocol::FetchRequest& message) {
  const std::int32_t of_partition = message.topics[0].partitions[0].partition_max_bytes;
  // Kafka's own followers leave the partition's limit at 0.
  const std::int32_t wanted = of_partition > 0 ? std::min(of_partition, message.max_bytes) : message.max_bytes;
  return static_cast<std::uint64_t>(std::max(wanted, 0));
}
std::uint64_t bytes_wanted(const protocol::FetchSnapshotRequest& message) {
  return static_cast<std::uint64_t>(std::max(message.max_bytes, 0));
}

// ---- requests of our own ----

protocol::VoteRequest write(const VoteRequest& request, std::string_view cluster_id) {
  protocol::VoteRequest message;
  message.voter_id = request.voter.id.value();
  auto& partition = begin_message(message, cluster_id);
  partition.replica_epoch = request.epoch.value();
  partition.replica_id = request.candidate.id.value();
  partition.replica_directory_id = request.candidate.directory;
  partition.voter_directory_id = request.voter.directory;
  partition.last_offset_epoch = request.last.epoch.value();
  partition.last_offset = request.last.offset.value();
  partition.pre_vote = request.pre_vote;
  return message;
}

protocol::BeginQuorumEpochRequest write(const BeginQuorumEpochRequest& request, std::string_view cluster_id) {
  protocol::BeginQuorumEpochRequest message;
  message.voter_id = request.voter.id.value();
  auto& partition = begin_message(message, cluster_id);
  partition.voter_directory_id = request.voter.directory;
  partition.leader_id = request.leader.value();
  partition.leader_epoch = request.epoch.value();
  write_endpoints(request.leader_endpoints, message.leader_endpoints);
  return message;
}

protocol::EndQuorumEpochRequest write(const EndQuorumEpochRequest& request, std::string_view cluster_id) {
  protocol::EndQuorumEpochRequest message;
  auto& partition = begin_message(message, cluster_id);
  partition.leader_id = request.leader.value();
  partition.leader_epoch = request.epoch.value();
  for (const ReplicaKey& candidate : request.preferred_candidates) {
    partition.preferred_successors.push_back(candidate.id.value());
    partition.preferred_candidates.push_back(
        {.candidate_id = candidate.id.value(), .candidate_directory_id = candidate.directory});
  }
  write_endpoints(request.leader_endpoints, message.leader_endpoints);
  return message;
}

protocol::FetchRequest write(const FetchRequest& request, std::string_view cluster_id, std::int32_t bytes_max) {
  protocol::FetchRequest message;
  message.cluster_id = std::string{cluster_id};
  message.replica_state.replica_id = request.replica.id.value();
  message.max_wait_ms = whole_ms(request.wait_max);
  message.max_bytes = bytes_max;
  auto& topic = message.topics.emplace_back();
  topic.topic = metadata_topic_name;
  topic.topic_id = metadata_topic_id;
  auto& partition = topic.partitions.emplace_back();
  partition.current_leader_epoch = request.epoch.value();
  partition.fetch_offset = request.position.offset.value();
  partition.last_fetched_epoch = request.position.epoch.value();
  partition.partition_max_bytes = bytes_max;
  partition.replica_directory_id = request.replica.directory;
  partition.high_watermark = request.high_watermark.value();
  return message;
}

protocol::FetchSnapshotRequest write(const FetchSnapshotRequest& request, std::string_view cluster_id, std::int32_t bytes_max) {
  protocol::FetchSnapshotRequest message;
  auto& partition = begin_message(message, cluster_id);
  message.replica_id = request.replica.id.value();
  message.max_bytes = bytes_max;
  partition.current_leader_epoch = request.epoch.value();
  partition.snapshot_id = {.end_offset = request.id.offset.value(), .epoch = request.id.epoch.value()};
  partition.position = request.position;
  partition.replica_directory_id = request.replica.directory;
  return message;
}

protocol::AddRaftVoterRequest write(const AddVoterRequest& request, std::string_view cluster_id, std::int32_t timeout_ms) {
  protocol::AddRaftVoterRequest message;
  message.cluster_id = std::string{cluster_id};
  message.timeout_ms = timeout_ms;
  message.voter_id = request.voter.id.value();
  message.voter_directory_id = request.voter.directory;
  write_endpoints(request.endpoints, message.listeners);
  message.ack_when_committed = request.ack_when_committed;
  return message;
}

protocol::RemoveRaftVoterRequest write(const RemoveVoterRequest& request, std::string_view cluster_id) {
  protocol::RemoveRaftVoterRequest message;
  message.cluster_id = std::string{cluster_id};
  message.voter_id = request.voter.id.value();
  message.voter_directory_id = request.voter.directory;
  return message;
}

protocol::UpdateRaftVoterRequest write(const UpdateVoterRequest& request, std::string_view cluster_id) {
  protocol::UpdateRaftVoterRequest message;
  message.cluster_id = std::string{cluster_id};
  message.current_leader_epoch = request.epoch.value();
  message.voter_id = request.voter.key.id.value();
  message.voter_directory_id = request.voter.key.directory;
  write_endpoints(request.voter.endpoints, message.listeners);
  message.kraft_version_feature = {.min_supported_version = request.voter.kraft_versions.min,
                                   .max_supported_version = request.voter.kraft_versions.max};
  return message;
}

}  // namespace squall::raft
