#include "client/offsets.h"

#include "client/retry.h"
#include "protocol/error_code.h"

namespace squall::client {

Result<FoundOffset> find_offset(Cluster& cluster, const TopicPartition& partition, OffsetSpec spec, IsolationLevel isolation,
                                Instant deadline) {
  using protocol::ErrorCode;
  protocol::ListOffsetsRequest request;
  request.replica_id = -1;
  request.isolation_level = static_cast<std::int8_t>(isolation);
  auto& topic = request.topics.emplace_back();
  topic.name = partition.topic;
  auto& asked = topic.partitions.emplace_back();
  asked.partition_index = partition.partition.value();
  asked.timestamp = spec.timestamp_ms;
  const auto connect = [&]() -> Result<std::shared_ptr<Connection>> {
    const auto info = cluster.led_partition(partition.topic, partition.partition, deadline);
    if (!info) return std::unexpected{info.error()};
    asked.current_leader_epoch = (*info)->leader_epoch.value();
    return cluster.connection_to((*info)->leader, deadline);
  };
  const auto code_of = [](const protocol::ListOffsetsResponse& response) {
    if (response.topics.size() != 1 || response.topics[0].partitions.size() != 1) return ErrorCode::unknown_server_error;
    return static_cast<ErrorCode>(response.topics[0].partitions[0].error_code);
  };
  const auto response = call_until_answered(cluster, request, connect, code_of, deadline);
  if (!response) return std::unexpected{response.error()};
  if (const ErrorCode code = code_of(*response); code != ErrorCode::none) return std::unexpected{refused_with(code)};
  const auto& found = response->topics[0].partitions[0];
  return FoundOffset{
      .offset = Offset{found.offset}, .timestamp_ms = found.timestamp, .leader_epoch = LeaderEpoch{found.leader_epoch}};
}

}  // namespace squall::client
