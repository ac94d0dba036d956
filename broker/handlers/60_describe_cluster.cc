// DescribeCluster, for admin clients: on a broker's listener the brokers, on a controller's the voters of the quorum (KIP-919).
#include <fmt/format.h>

#include "broker/broker_state.h"
#include "broker/cluster_nodes.h"
#include "broker/control_plane.h"
#include "broker/handlers/handler.h"
#include "protocol/messages/describe_cluster.h"

namespace squall::broker {
namespace {

using protocol::ErrorCode;

constexpr std::int8_t broker_endpoints = 1;
constexpr std::int8_t controller_endpoints = 2;

std::string_view name_of(std::int8_t type) { return type == broker_endpoints ? "BROKER" : "CONTROLLER"; }

void describe_brokers(const RequestContext& context, const protocol::DescribeClusterRequest& request,
                      protocol::DescribeClusterResponse& response) {
  constexpr std::int16_t first_with_fenced = 2;
  const bool with_fenced = context.version >= first_with_fenced && request.include_fenced_brokers;
  const auto image = context.broker.image();
  response.controller_id = context.broker.config.node_id.value();  // any broker does: it hands on what is the controller's
  for (const ClusterNode& known : cluster_nodes(*image, context.connection.listener->config.name, with_fenced)) {
    auto& node = response.brokers.emplace_back();
    node.broker_id = known.id.value();
    node.host = known.endpoint->host;
    node.port = known.endpoint->port;
    node.rack = known.broker->rack;
    node.is_fenced = known.broker->fenced;
  }
}

void describe_voters(const raft::Quorum& quorum, protocol::DescribeClusterResponse& response) {
  response.controller_id = quorum.leader().value();
  for (const raft::Voter& voter : quorum.voters().voters()) {
    if (voter.endpoints.empty()) continue;
    auto& node = response.brokers.emplace_back();
    node.broker_id = voter.key.id.value();
    node.host = voter.endpoints.front().host;
    node.port = voter.endpoints.front().port;
    node.rack = std::nullopt;
  }
}

Disposition handle(RequestContext& context) {
  protocol::DescribeClusterRequest request;
  if (!context.decode_body(request)) return Disposition::close;
  const bool is_broker = context.connection.listener->kind == ListenerKind::broker;
  protocol::DescribeClusterResponse response;
  response.cluster_id = context.broker.cluster_id;
  response.controller_id = -1;
  response.error_message = std::nullopt;
  response.endpoint_type = is_broker ? broker_endpoints : controller_endpoints;
  if (request.endpoint_type != broker_endpoints && request.endpoint_type != controller_endpoints) {
    response.error_code = wire(ErrorCode::unsupported_endpoint_type);
    response.error_message = fmt::format("Unsupported endpoint type {}", request.endpoint_type);
  } else if (request.endpoint_type != response.endpoint_type) {
    response.error_code = wire(ErrorCode::mismatched_endpoint_type);
    response.error_message = fmt::format("The request was sent to an endpoint of type {}, but we wanted an endpoint of type {}",
                                         name_of(response.endpoint_type), name_of(request.endpoint_type));
  } else if (is_broker) {
    describe_brokers(context, request, response);
  } else {
    describe_voters(context.broker.control_plane->quorum->core(), response);
  }
  return context.answer(response);
}

}  // namespace

const ApiHandler describe_cluster_handler{.key = 60, .min = 0, .max = 2, .advertised_min = 0, .handle = &handle};

}  // namespace squall::broker
