// CreatePartitions: a topic grows; it never shrinks.
#include "broker/broker_state.h"
#include "broker/handlers/handler.h"
#include "protocol/messages/create_partitions.h"

namespace squall::broker {
namespace {

Disposition handle(RequestContext& context) {
  protocol::CreatePartitionsRequest request;
  if (!context.decode_body(request)) return Disposition::close;
  context.slot.release();
  auto created = context.broker.metadata->create_partitions(request);
  protocol::CreatePartitionsResponse response;
  if (created) {
    response = std::move(*created);
  } else {
    for (const auto& topic : request.topics) {
      auto& result = response.results.emplace_back();
      result.name = topic.name;
      result.error_code = wire(created.error());
    }
  }
  for (const auto& result : response.results) context.broker.metrics.error(result.error_code);
  return context.answer(response);
}

}  // namespace

const ApiHandler create_partitions_handler{.key = 37, .min = 0, .max = 3, .advertised_min = 0, .handle = &handle};

}  // namespace squall::broker
