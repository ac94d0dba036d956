// DescribeCluster on a controller (KIP-919): the controllers, and which of them is active.
#include "broker/broker_state.h"
#include "broker/controller_handlers/controller_handlers.h"
#include "protocol/messages/describe_cluster.h"

namespace squall::broker {
namespace {

using protocol::ErrorCode;

Disposition handle(RequestContext& context) {
  constexpr std::int8_t broker_endpoints = 1;
  constexpr std::int8_t controller_endpoints = 2;
  protocol::DescribeClusterRequest request;
  if (!context.decode_body(request)) return Disposition::close;
  const BrokerState& broker = context.broker;
  protocol::DescribeClusterResponse response;
  response.cluster_id = broker.cluster_id;
  response.endpoint_type = controller_endpoints;
  response.controller_id = -1;
  response.error_message = std::nullopt;
  if (request.endpoint_type == controller_endpoints) {
    const raft::Quorum& quorum = broker.control_plane->quorum->core();
    response.controller_id = quorum.leader().value();
    for (const raft::Voter& voter : quorum.voters().voters()) {
      if (voter.endpoints.empty()) continue;
      auto& node = response.brokers.emplace_back();
      node.broker_id = voter.key.id.value();
      node.host = voter.endpoints.front().host;
      node.port = voter.endpoints.front().port;
      node.rack = std::nullopt;
    }
  } else if (request.endpoint_type == broker_endpoints) {
    response.error_code = wire(ErrorCode::mismatched_endpoint_type);
    response.error_message = "The request was sent to an endpoint of type CONTROLLER, but we wanted an endpoint of type BROKER";
  } else {
    response.error_code = wire(ErrorCode::unsupported_endpoint_type);
    response.error_message = "Unsupported endpoint type " + std::to_string(request.endpoint_type);
  }
  return context.answer(response);
}

}  // namespace

const ApiHandler describe_controllers_handler{.key = 60, .min = 1, .max = 2, .advertised_min = 1, .handle = &handle};

}  // namespace squall::broker
