// InitProducerId, for idempotent producers: a fresh id with epoch 0. Transactional ids need a coordinator, which is not served.
#include "broker/broker_state.h"
#include "broker/handlers/handler.h"
#include "protocol/messages/init_producer_id.h"

namespace squall::broker {
namespace {

using protocol::ErrorCode;

Disposition handle(RequestContext& context) {
  protocol::InitProducerIdRequest request;
  if (!context.decode_body(request)) return Disposition::close;
  context.slot.release();  // the controller may be long in coming
  protocol::InitProducerIdResponse response;
  response.producer_id = -1;
  response.producer_epoch = -1;
  if (request.transactional_id) {
    response.error_code =
        wire(request.transactional_id->empty() ? ErrorCode::invalid_request : ErrorCode::coordinator_not_available);
  } else if (const auto id = context.broker.producer_ids.next(context.broker)) {
    response.producer_id = id->value();
    response.producer_epoch = 0;
  } else {
    response.error_code = wire(id.error());
  }
  context.broker.metrics.error(response.error_code);
  return context.answer(response);
}

}  // namespace

const ApiHandler init_producer_id_handler{.key = 22, .min = 0, .max = 5, .advertised_min = 0, .handle = &handle};

}  // namespace squall::broker
