// ApiVersions: what this broker serves, from the table of handlers.
#include "broker/broker_state.h"
#include "broker/control_plane.h"
#include "broker/handlers/handler.h"
#include "protocol/messages/api_versions.h"
#include "raft/controller/decision.h"
#include "raft/metadata/record_version.h"

namespace squall::broker {
namespace {

void list_apis(const RequestContext& context, protocol::ApiVersionsResponse& response) {
  for (const ApiHandler* handler : api_handlers(context.connection.listener->kind)) {
    auto& api = response.api_keys.emplace_back();
    api.api_key_ = handler->key;
    api.min_version = handler->advertised_min;
    api.max_version = handler->max;
  }
}

// KIP-511: a client says who it is in words that fit a metric's name.
bool is_software_word(std::string_view text) {
  if (text.empty()) return false;
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
  for (const char c : text) {
    if (!plain(c) && c != '.' && c != '-') return false;
  }
  return plain(text.front()) && plain(text.back());
}

void list_features(const BrokerState& broker, protocol::ApiVersionsResponse& response) {
  for (const auto& [name, levels] : raft::supported_features())
    response.supported_features.push_back({name, levels.min, levels.max});
  const auto& image = broker.image();
  for (const auto& [name, level] : image->features) {
    auto& feature = response.finalized_features.emplace_back();
    feature.name = name;
    feature.max_version_level = level;
    feature.min_version_level = level;
  }
  // A matter of the quorum, and not of the image; level 0 is that of a cluster which never heard of it.
  if (const std::int16_t level = broker.control_plane->quorum->core().kraft_version(); level > 0) {
    auto& feature = response.finalized_features.emplace_back();
    feature.name = raft::kraft_version_feature;
    feature.max_version_level = level;
    feature.min_version_level = level;
  }
  response.finalized_features_epoch = image->end_offset.value() - 1;
}

Disposition handle(RequestContext& context) {
  protocol::ApiVersionsRequest request;
  if (!context.decode_body(request)) return Disposition::close;
  protocol::ApiVersionsResponse response;
  constexpr std::int16_t first_with_software = 3;
  if (context.version >= first_with_software &&
      (!is_software_word(request.client_software_name) || !is_software_word(request.client_software_version))) {
    response.error_code = wire(protocol::ErrorCode::invalid_request);
    return context.answer(response);
  }
  list_apis(context, response);
  list_features(context.broker, response);
  return context.answer(response);
}

}  // namespace

Disposition answer_unsupported_api_versions(RequestContext& context) {
  protocol::ApiVersionsResponse response;
  response.error_code = wire(protocol::ErrorCode::unsupported_version);
  list_apis(context, response);
  const auto done = encode(context.response, 0, response);
  return done ? Disposition::respond : Disposition::close;
}

const ApiHandler api_versions_handler{.key = 18, .min = 0, .max = 4, .advertised_min = 0, .handle = &handle};

}  // namespace squall::broker
