// DeleteTopics: by name, or by id from version 6.
#include "broker/broker_state.h"
#include "broker/handlers/handler.h"
#include "protocol/messages/delete_topics.h"

namespace squall::broker {
namespace {

using protocol::ErrorCode;

// One answer per topic, with the same error for all.
protocol::DeleteTopicsResponse refusal(const protocol::DeleteTopicsRequest& request, ErrorCode code) {
  protocol::DeleteTopicsResponse response;
  const auto refuse = [&](const std::optional<std::string>& name, Uuid id) {
    auto& result = response.responses.emplace_back();
    result.name = name;
    result.topic_id = id;
    result.error_code = wire(code);
  };
  for (const auto& topic : request.topics) refuse(topic.name, topic.topic_id);
  for (const std::string& name : request.topic_names) refuse(name, {});
  return response;
}

Disposition handle(RequestContext& context) {
  protocol::DeleteTopicsRequest request;
  if (!context.decode_body(request)) return Disposition::close;
  constexpr std::int16_t first_with_disabled_code = 3;
  if (!context.broker.config.boolean("delete.topic.enable")) {
    return context.answer(refusal(
        request, context.version < first_with_disabled_code ? ErrorCode::invalid_request : ErrorCode::topic_deletion_disabled));
  }
  context.slot.release();
  auto deleted = context.broker.metadata->delete_topics(request);
  if (!deleted) return context.answer(refusal(request, deleted.error()));
  for (const auto& topic : deleted->responses) context.broker.metrics.error(topic.error_code);
  return context.answer(*deleted);
}

}  // namespace

const ApiHandler delete_topics_handler{.key = 20, .min = 1, .max = 6, .advertised_min = 1, .handle = &handle};

}  // namespace squall::broker
