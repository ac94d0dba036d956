// DescribeCluster: the brokers, for admin clients.
#include "broker/broker_state.h"
#include "broker/cluster_nodes.h"
#include "broker/handlers/handler.h"
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
  if (request.endpoint_type == broker_endpoints) {
    response.controller_id = broker.config.node_id.value();  // any broker does: it hands on what is the controller's
    constexpr std::int16_t first_with_fenced = 2;
    const bool with_fenced = context.version >= first_with_fenced && request.include_fenced_brokers;
    const auto image = broker.image();
    for (const ClusterNode& known : cluster_nodes(*image, context.connection.listener->config.name, with_fenced)) {
      auto& node = response.brokers.emplace_back();
      node.broker_id = known.id.value();
      node.host = known.endpoint->host;
      node.port = known.endpoint->port;
      node.rack = known.broker->rack;
      node.is_fenced = known.broker->fenced;
    }
  } else if (request.endpoint_type == controller_endpoints) {
    response.error_code = wire(ErrorCode::mismatched_endpoint_type);
    response.error_message = "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER";
  } else {
    response.error_code = wire(ErrorCode::unsupported_endpoint_type);
    response.error_message = "Unsupported endpoint type " + std::to_string(request.endpoint_type);
  }
  response.endpoint_type = broker_endpoints;
  return context.answer(response);
}

}  // namespace

const ApiHandler describe_cluster_handler{.key = 60, .min = 0, .max = 2, .advertised_min = 0, .handle = &handle};

}  // namespace squall::broker
