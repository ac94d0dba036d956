// IncrementalAlterConfigs: sets, deletes, appends to and subtracts from the configuration of topics.
#include "broker/broker_state.h"
#include "broker/handlers/handler.h"
#include "protocol/messages/incremental_alter_configs.h"

namespace squall::broker {
namespace {

Disposition handle(RequestContext& context) {
  protocol::IncrementalAlterConfigsRequest request;
  if (!context.decode_body(request)) return Disposition::close;
  context.slot.release();
  auto altered = context.broker.metadata->alter_configs(request);
  protocol::IncrementalAlterConfigsResponse response;
  if (altered) {
    response = std::move(*altered);
  } else {
    for (const auto& resource : request.resources) {
      auto& result = response.responses.emplace_back();
      result.error_code = wire(altered.error());
      result.error_message = std::nullopt;
      result.resource_type = resource.resource_type;
      result.resource_name = resource.resource_name;
    }
  }
  for (const auto& result : response.responses) {
    context.broker.metrics.error(result.error_code);
    if (result.error_code == 0 && !request.validate_only) {
      context.broker.world.emit(runtime::EventName::config_changed,
                                {{"type", result.resource_type}, {"name", result.resource_name}});
    }
  }
  return context.answer(response);
}

}  // namespace

const ApiHandler incremental_alter_configs_handler{.key = 44, .min = 0, .max = 1, .advertised_min = 0, .handle = &handle};

}  // namespace squall::broker
