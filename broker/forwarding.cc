#include "broker/forwarding.h"

#include "broker/broker_state.h"
#include "broker/control_plane.h"
#include "broker/controller_handlers/controller_handlers.h"
#include "protocol/api.h"
#include "runtime/deadline.h"

namespace squall::broker {
namespace {

// What is before the body of an answer: the correlation id, and the tags of a flexible header.
std::size_t header_bytes(const RequestContext& context) {
  return protocol::response_header_version(context.api_key, context.version) > 0 ? 5 : 4;
}

}  // namespace

Disposition forward_to_controller(RequestContext& context) {
  BrokerState& broker = context.broker;
  const ApiHandler& handler = *find_handler(ListenerKind::controller, context.api_key);
  if (broker.control_plane->is_active_controller()) return handler.handle(context);
  context.slot.release();
  constexpr Duration patience = std::chrono::seconds{30};  // request.timeout.ms of most clients
  const Instant deadline = runtime::deadline_in(broker.world, patience);
  const auto answer = broker.controller_channel->forward(context.frame, {}, as_bytes(context.connection.peer_host), deadline);
  if (!answer || answer->size() < header_bytes(context)) {
    const protocol::ErrorCode why = answer ? protocol::ErrorCode::unknown_server_error : answer.error();
    // Who the controller is, or that there is none, is no matter of the client's.
    const bool nobody = why == protocol::ErrorCode::not_controller;
    return handler.refuse == nullptr ? Disposition::close
                                     : handler.refuse(context, nobody ? protocol::ErrorCode::request_timed_out : why);
  }
  context.response.raw(ByteView{*answer}.subspan(header_bytes(context)));
  return Disposition::respond;
}

}  // namespace squall::broker
