// DescribeQuorum: who votes, who follows, and how far each has come (KIP-595). Answered by the leader alone.
#include "protocol/messages/describe_quorum.h"

#include "broker/broker_state.h"
#include "broker/control_plane.h"
#include "broker/controller_handlers/controller_handlers.h"
#include "raft/metadata/metadata_topic.h"

namespace squall::broker {
namespace {

using protocol::ErrorCode;
using Response = protocol::DescribeQuorumResponse;
using Partition = Response::PartitionData;

// The core counts on the monotonic clock; the answer is in wall time.
std::int64_t wall_ms(const runtime::World& world, std::optional<Instant> at) {
  if (!at) return -1;
  return to_ms(world.wall_now()) - to_ms(world.now() - *at);
}

// From this version on replicas have directories, and their nodes addresses (KIP-853).
constexpr std::int16_t first_with_nodes = 2;

void describe(const BrokerState& broker, const raft::Quorum& quorum, std::int16_t version, Partition& partition) {
  partition.leader_id = quorum.leader().value();
  partition.leader_epoch = quorum.epoch().value();
  partition.high_watermark = quorum.high_watermark().value();
  for (const raft::ReplicaDescription& replica : quorum.describe_replicas(broker.world.now())) {
    auto& state = replica.is_voter ? partition.current_voters.emplace_back() : partition.observers.emplace_back();
    state.replica_id = replica.key.id.value();
    if (version >= first_with_nodes) state.replica_directory_id = replica.key.directory;
    state.log_end_offset = replica.log_end.value();
    state.last_fetch_timestamp = wall_ms(broker.world, replica.last_fetch);
    state.last_caught_up_timestamp = wall_ms(broker.world, replica.last_caught_up);
  }
}

Disposition handle(RequestContext& context) {
  protocol::DescribeQuorumRequest request;
  if (!context.decode_body(request)) return Disposition::close;
  const BrokerState& broker = context.broker;
  const raft::Quorum& quorum = broker.control_plane->quorum->core();
  Response response;
  response.error_message = std::nullopt;
  for (const auto& topic : request.topics) {
    auto& described = response.topics.emplace_back();
    described.topic_name = topic.topic_name;
    for (const auto& asked : topic.partitions) {
      Partition& partition = described.partitions.emplace_back();
      partition.partition_index = asked.partition_index;
      partition.error_message = std::nullopt;
      partition.leader_id = -1;
      partition.leader_epoch = -1;
      partition.high_watermark = -1;
      if (topic.topic_name != raft::metadata_topic_name || asked.partition_index != 0) {
        partition.error_code = wire(ErrorCode::unknown_topic_or_partition);
      } else if (!quorum.is_leader()) {
        partition.error_code = wire(ErrorCode::not_leader_or_follower);
        context.not_controller = true;
      } else {
        describe(broker, quorum, context.version, partition);
      }
    }
  }
  if (context.version < first_with_nodes) return context.answer(response);
  for (const raft::Voter& voter : quorum.voters().voters()) {
    auto& node = response.nodes.emplace_back();
    node.node_id = voter.key.id.value();
    for (const raft::Endpoint& endpoint : voter.endpoints) {
      auto& listener = node.listeners.emplace_back();
      listener.name = endpoint.name;
      listener.host = endpoint.host;
      listener.port = endpoint.port;
    }
  }
  return context.answer(response);
}

Disposition refuse(RequestContext& context, ErrorCode code) {
  protocol::DescribeQuorumRequest request;
  if (!context.decode_body(request)) return Disposition::close;
  context.broker.metrics.error(wire(code));
  Response response;
  response.error_code = wire(code);
  response.error_message = std::nullopt;
  return context.answer(response);
}

}  // namespace

const ApiHandler describe_quorum_handler{
    .key = 55, .min = 0, .max = 2, .advertised_min = 0, .handle = &handle, .refuse = &refuse};

}  // namespace squall::broker
