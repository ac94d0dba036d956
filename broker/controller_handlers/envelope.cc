// Envelope (KIP-590): a client's request as a broker hands it on. The answer is the inner one's bytes, with its header.
//
// While this node is not the active controller the envelope itself is answered with NOT_CONTROLLER, and the broker asks again
// elsewhere: the client never hears of it.
#include "protocol/messages/envelope.h"

#include "broker/broker_state.h"
#include "broker/control_plane.h"
#include "broker/controller_handlers/controller_handlers.h"
#include "protocol/api.h"
#include "protocol/request.h"

namespace squall::broker {
namespace {

using protocol::ErrorCode;

const ApiHandler* inner_handler(const protocol::RequestHeader& header) {
  if (!is_forwarded(header.request_api_key)) return nullptr;
  const ApiHandler* handler = find_handler(ListenerKind::controller, header.request_api_key);
  const std::int16_t version = header.request_api_version;
  return handler != nullptr && version >= handler->min && version <= handler->max ? handler : nullptr;
}

}  // namespace

ControllerResult<ByteBuffer> serve_forwarded(BrokerState& broker, const ConnectionInfo& connection, MutableBytes frame) {
  if (!broker.control_plane->is_active_controller()) return std::unexpected(ErrorCode::not_controller);
  protocol::Reader reader{frame};
  protocol::RequestHeader header;
  if (!protocol::decode_request_header(reader, header)) return std::unexpected(ErrorCode::invalid_request);
  const ApiHandler* handler = inner_handler(header);
  if (handler == nullptr) return std::unexpected(ErrorCode::unsupported_version);
  ByteBuffer bytes;
  protocol::Writer writer{bytes};
  writer.integer<std::int32_t>(header.correlation_id);
  if (protocol::response_header_version(header.request_api_key, header.request_api_version) > 0) writer.unsigned_varint(0);
  std::vector<log::FileRange> files;
  RequestScratch scratch;
  runtime::SemaphoreUnits no_slot;
  RequestContext inner{.broker = broker,
                       .connection = connection,
                       .api_key = header.request_api_key,
                       .version = header.request_api_version,
                       .correlation_id = header.correlation_id,
                       .client_id = header.client_id ? std::string_view{*header.client_id} : std::string_view{},
                       .frame = frame,
                       .body = reader,
                       .response = writer,
                       .files = files,
                       .scratch = scratch,
                       .slot = no_slot};
  broker.metrics.requests(inner.api_key).add();
  const Disposition disposition = handler->handle(inner);
  if (inner.not_controller) return std::unexpected(ErrorCode::not_controller);
  if (disposition != Disposition::respond) return std::unexpected(ErrorCode::invalid_request);
  writer.finish();
  return bytes;
}

namespace {

Disposition handle(RequestContext& context) {
  protocol::EnvelopeRequest request;
  if (!context.decode_body(request)) return Disposition::close;
  context.slot.release();
  auto served = serve_forwarded(context.broker, context.connection, request.request_data);
  protocol::EnvelopeResponse response;
  response.error_code = wire(served ? ErrorCode::none : served.error());
  response.response_data = std::nullopt;
  if (served) response.response_data = std::move(*served);
  context.broker.metrics.error(response.error_code);
  return context.answer(response);
}

}  // namespace

const ApiHandler envelope_handler{.key = 58, .min = 0, .max = 0, .advertised_min = 0, .handle = &handle};

}  // namespace squall::broker
