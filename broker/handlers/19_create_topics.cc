// CreateTopics: the controller decides; the topic is there, with its logs, when the answer goes out.
#include "broker/broker_state.h"
#include "broker/handlers/handler.h"
#include "protocol/messages/create_topics.h"

namespace squall::broker {
namespace {

Disposition handle(RequestContext& context) {
  protocol::CreateTopicsRequest request;
  if (!context.decode_body(request)) return Disposition::close;
  context.slot.release();
  auto created = context.broker.metadata->create_topics(request);
  protocol::CreateTopicsResponse response;
  if (created) {
    response = std::move(*created);
  } else {
    for (const auto& topic : request.topics) {
      auto& result = response.topics.emplace_back();
      result.name = topic.name;
      result.error_code = wire(created.error());
      result.error_message = std::nullopt;
    }
  }
  for (auto& topic : response.topics) {
    context.broker.metrics.error(topic.error_code);
    if (topic.error_code != 0) topic.configs = std::nullopt;
  }
  return context.answer(response);
}

}  // namespace

const ApiHandler create_topics_handler{.key = 19, .min = 2, .max = 7, .advertised_min = 2, .handle = &handle};

}  // namespace squall::broker
