// Requests that the controller decides on: decode, decide, and answer when the outcome is committed.
#include <algorithm>
#include <concepts>

#include "broker/broker_state.h"
#include "broker/control_plane.h"
#include "broker/controller_handlers/controller_handlers.h"
#include "protocol/messages/allocate_producer_ids.h"
#include "protocol/messages/alter_partition.h"
#include "protocol/messages/alter_partition_reassignments.h"
#include "protocol/messages/assign_replicas_to_dirs.h"
#include "protocol/messages/broker_heartbeat.h"
#include "protocol/messages/broker_registration.h"
#include "protocol/messages/controller_registration.h"
#include "protocol/messages/create_partitions.h"
#include "protocol/messages/create_topics.h"
#include "protocol/messages/delete_topics.h"
#include "protocol/messages/elect_leaders.h"
#include "protocol/messages/incremental_alter_configs.h"
#include "protocol/messages/list_partition_reassignments.h"
#include "protocol/messages/unregister_broker.h"
#include "protocol/messages/update_features.h"
#include "runtime/deadline.h"

namespace squall::broker {
namespace {

using protocol::ErrorCode;
using namespace protocol;

// How long a request without a time of its own may take.
constexpr Duration patience = std::chrono::seconds{30};

// ---- one error for all that was asked ----

template <class Request, class Response>
void refuse(const Request&, Response& response, ErrorCode code)
  requires requires { response.error_code; }
{
  response.error_code = wire(code);
}

void refuse(const CreateTopicsRequest& request, CreateTopicsResponse& response, ErrorCode code) {
  for (const auto& topic : request.topics) {
    auto& result = response.topics.emplace_back();
    result.name = topic.name;
    result.error_code = wire(code);
    result.error_message = std::nullopt;
  }
}

void refuse(const DeleteTopicsRequest& request, DeleteTopicsResponse& response, ErrorCode code) {
  const auto add = [&](const std::optional<std::string>& name, Uuid id) {
    auto& result = response.responses.emplace_back();
    result.name = name;
    result.topic_id = id;
    result.error_code = wire(code);
  };
  for (const auto& topic : request.topics) add(topic.name, topic.topic_id);
  for (const std::string& name : request.topic_names) add(name, {});
}

void refuse(const CreatePartitionsRequest& request, CreatePartitionsResponse& response, ErrorCode code) {
  for (const auto& topic : request.topics) {
    auto& result = response.results.emplace_back();
    result.name = topic.name;
    result.error_code = wire(code);
  }
}

void refuse(const IncrementalAlterConfigsRequest& request, IncrementalAlterConfigsResponse& response, ErrorCode code) {
  for (const auto& resource : request.resources) {
    auto& result = response.responses.emplace_back();
    result.error_code = wire(code);
    result.error_message = std::nullopt;
    result.resource_type = resource.resource_type;
    result.resource_name = resource.resource_name;
  }
}

// ---- before: what this node's configuration forbids ----

template <class Request>
ErrorCode forbidden(const RequestContext&, const Request&) {
  return ErrorCode::none;
}

ErrorCode forbidden(const RequestContext& context, const DeleteTopicsRequest&) {
  constexpr std::int16_t first_with_disabled_code = 3;
  if (context.broker.config.boolean("delete.topic.enable")) return ErrorCode::none;
  return context.version < first_with_disabled_code ? ErrorCode::invalid_request : ErrorCode::topic_deletion_disabled;
}

// ---- after ----

template <class Request, class Response>
void finish(RequestContext& context, const Request&, Response& response) {
  if constexpr (requires { response.error_code; }) context.broker.metrics.error(response.error_code);
}

void finish(RequestContext& context, const CreateTopicsRequest&, CreateTopicsResponse& response) {
  for (auto& topic : response.topics) {
    context.broker.metrics.error(topic.error_code);
    if (topic.error_code != 0) topic.configs = std::nullopt;
  }
}

void finish(RequestContext& context, const DeleteTopicsRequest&, DeleteTopicsResponse& response) {
  for (const auto& topic : response.responses) context.broker.metrics.error(topic.error_code);
}

void finish(RequestContext& context, const CreatePartitionsRequest&, CreatePartitionsResponse& response) {
  for (const auto& result : response.results) context.broker.metrics.error(result.error_code);
}

void finish(RequestContext& context, const IncrementalAlterConfigsRequest& request, IncrementalAlterConfigsResponse& response) {
  for (const auto& result : response.responses) {
    context.broker.metrics.error(result.error_code);
    if (result.error_code != 0 || request.validate_only) continue;
    context.broker.world.emit(runtime::EventName::config_changed,
                              {{"type", result.resource_type}, {"name", result.resource_name}});
  }
}

template <class Request>
Duration patience_of(const Request& request) {
  if constexpr (requires { request.timeout_ms; }) {
    return std::min<Duration>(std::chrono::milliseconds{std::max(request.timeout_ms, 0)}, std::chrono::minutes{10});
  } else {
    return patience;
  }
}

template <class Request>
Disposition decide(RequestContext& context) {
  BrokerState& broker = context.broker;
  Request request;
  if (!context.decode_body(request)) return Disposition::close;
  context.slot.release();
  typename client::Api<Request>::Response response;
  if (const ErrorCode code = forbidden(context, request); code != ErrorCode::none) {
    refuse(request, response, code);
    return context.answer(response);
  }
  const Instant deadline = runtime::deadline_in(broker.world, patience_of(request));
  Offset end = no_offset;
  auto decided = broker.control_plane->controller->submit(request, deadline, &end);
  if (decided) {
    response = std::move(*decided);
    // A client that asks this node next finds what it made. Brokers ask for no such thing: their heartbeats, of which one waits
    // for the other, are not to wait for this broker's own disks.
    if (broker.config.is_broker && is_forwarded(Request::api_key))
      (void)broker.control_plane->loader->wait_until_published(end, deadline);
  } else {
    context.not_controller = decided.error() == ErrorCode::not_controller;
    refuse(request, response, decided.error());
  }
  finish(context, request, response);
  return context.answer(response);
}

template <class Request>
Disposition refuse_all(RequestContext& context, ErrorCode code) {
  Request request;
  if (!context.decode_body(request)) return Disposition::close;
  typename client::Api<Request>::Response response;
  refuse(request, response, code);
  finish(context, request, response);
  return context.answer(response);
}

template <class Request>
constexpr ApiHandler decided_handler(std::int16_t min, std::int16_t max) {
  return {.key = Request::api_key,
          .min = min,
          .max = max,
          .advertised_min = min,
          .handle = &decide<Request>,
          .refuse = &refuse_all<Request>};
}

}  // namespace

const ApiHandler create_topics_handler = decided_handler<CreateTopicsRequest>(2, 7);
const ApiHandler delete_topics_handler = decided_handler<DeleteTopicsRequest>(1, 6);
const ApiHandler create_partitions_handler = decided_handler<CreatePartitionsRequest>(0, 3);
const ApiHandler elect_leaders_handler = decided_handler<ElectLeadersRequest>(0, 2);
const ApiHandler incremental_alter_configs_handler = decided_handler<IncrementalAlterConfigsRequest>(0, 1);
const ApiHandler alter_partition_reassignments_handler = decided_handler<AlterPartitionReassignmentsRequest>(0, 1);
const ApiHandler list_partition_reassignments_handler = decided_handler<ListPartitionReassignmentsRequest>(0, 0);
const ApiHandler alter_partition_handler = decided_handler<AlterPartitionRequest>(2, 3);
const ApiHandler assign_replicas_to_dirs_handler = decided_handler<AssignReplicasToDirsRequest>(0, 0);
const ApiHandler update_features_handler = decided_handler<UpdateFeaturesRequest>(0, 2);
const ApiHandler broker_registration_handler = decided_handler<BrokerRegistrationRequest>(0, 4);
const ApiHandler broker_heartbeat_handler = decided_handler<BrokerHeartbeatRequest>(0, 1);
const ApiHandler unregister_broker_handler = decided_handler<UnregisterBrokerRequest>(0, 0);
const ApiHandler allocate_producer_ids_handler = decided_handler<AllocateProducerIdsRequest>(0, 0);
const ApiHandler controller_registration_handler = decided_handler<ControllerRegistrationRequest>(0, 0);

}  // namespace squall::broker
