// Registration and unregistration of brokers and controllers.
#include <fmt/format.h>

#include <set>

#include "raft/controller/brokers.h"
#include "raft/controller/leadership.h"
#include "raft/metadata/record_version.h"

namespace squall::raft {
namespace {

using protocol::ErrorCode;

// A node must be able to work with what is finalized.
template <class Features>
Verdict check_features(const MetadataImage& image, NodeId node, const Features& offered) {
  for (const auto& [name, level] : image.features) {
    // The quorum sees to it itself.
    if (name == kraft_version_feature) continue;
    bool fits = false;
    for (const auto& feature : offered) {
      fits = fits || (feature.name == name && feature.min_supported_version <= level && level <= feature.max_supported_version);
    }
    if (fits) continue;
    return Refusal{ErrorCode::unsupported_version,
                   fmt::format("Unable to register because node {} does not support version {} of the feature {}", node, level,
                               quote(name))};
  }
  return std::nullopt;
}

Verdict check_directories(const MetadataImage& image, const protocol::BrokerRegistrationRequest& request) {
  if (!MetadataVersion::of(image).has_directories()) return std::nullopt;
  const auto refuse = [](std::string why) { return Refusal{ErrorCode::invalid_registration, std::move(why)}; };
  if (request.log_dirs.empty()) return refuse("No directories specified in request");
  const std::set<Uuid> mine{request.log_dirs.begin(), request.log_dirs.end()};
  if (mine.size() != request.log_dirs.size()) return refuse("Directory specified more than once");
  for (const Uuid& directory : mine) {
    constexpr std::uint64_t reserved_max = 100;
    const bool reserved = directory.most_significant == 0 && directory.least_significant <= reserved_max;
    if (reserved) return refuse(fmt::format("Reserved directory ID {}", directory.to_string()));
  }
  for (const auto& [id, broker] : image.brokers) {
    if (id == NodeId{request.broker_id}) continue;
    for (const Uuid& directory : broker.log_dirs) {
      if (mine.contains(directory)) {
        return refuse(fmt::format("Broker {} is already registered with directory {}", id, directory.to_string()));
      }
    }
  }
  return std::nullopt;
}

// What brokers and controllers register alike: listeners and features.
template <class Record, class Request>
void fill(Record& record, const Request& request) {
  for (const auto& listener : request.listeners) {
    auto& endpoint = record.end_points.emplace_back();
    endpoint.name = listener.name;
    endpoint.host = listener.host;
    endpoint.port = listener.port;
    endpoint.security_protocol = listener.security_protocol;
  }
  for (const auto& offered : request.features) {
    auto& feature = record.features.emplace_back();
    feature.name = offered.name;
    feature.min_supported_version = offered.min_supported_version;
    feature.max_supported_version = offered.max_supported_version;
  }
}

protocol::RegisterBrokerRecord record_of(const MetadataImage& image, const protocol::BrokerRegistrationRequest& request) {
  protocol::RegisterBrokerRecord record;
  record.broker_id = request.broker_id;
  record.incarnation_id = request.incarnation_id;
  record.rack = request.rack;
  if (MetadataVersion::of(image).has_directories()) record.log_dirs = request.log_dirs;
  fill(record, request);
  return record;
}

Verdict check_registration(const DecisionContext& context, const Sessions& sessions, Instant now,
                           const protocol::BrokerRegistrationRequest& request) {
  const MetadataImage& image = context.image;
  const NodeId id{request.broker_id};
  if (request.cluster_id != context.settings.cluster_id) {
    return Refusal{ErrorCode::inconsistent_cluster_id, fmt::format("Expected cluster ID {}, but got cluster ID {}",
                                                                   context.settings.cluster_id, quote(request.cluster_id))};
  }
  if (request.broker_id < 0) return Refusal{ErrorCode::invalid_registration, "A broker id is not negative."};
  if (request.listeners.empty()) {
    return Refusal{ErrorCode::invalid_registration, "No listeners specified in request"};
  }
  if (request.is_migrating_zk_broker) {
    return Refusal{ErrorCode::unsupported_version, "Brokers that migrate from ZooKeeper are not supported"};
  }
  const BrokerImage* known = image.brokers.get(id);
  if (known != nullptr && known->incarnation != request.incarnation_id && !known->in_controlled_shutdown &&
      sessions.is_valid(id, known->epoch, now)) {
    return Refusal{ErrorCode::duplicate_broker_registration,
                   "Another broker is registered with that broker id. If the broker was recently restarted this should "
                   "self-resolve once the heartbeat manager expires the broker's session."};
  }
  if (auto wrong = check_features(image, id, request.features)) return wrong;
  return check_directories(image, request);
}

}  // namespace

Decision<protocol::BrokerRegistrationResponse> decide_registration(const DecisionContext& context, const Sessions& sessions,
                                                                   Instant now,
                                                                   const protocol::BrokerRegistrationRequest& request) {
  Decision<protocol::BrokerRegistrationResponse> decision;
  if (auto wrong = check_registration(context, sessions, now, request)) {
    decision.response.error_code = protocol::to_wire(wrong->code);
    return decision;
  }
  const NodeId id{request.broker_id};
  const BrokerImage* known = context.image.brokers.get(id);
  protocol::RegisterBrokerRecord record = record_of(context.image, request);
  const bool again = known != nullptr && known->incarnation == request.incarnation_id;
  record.broker_epoch = again ? known->epoch : context.image.end_offset.value();
  record.fenced = again ? known->fenced : true;
  record.in_controlled_shutdown = again && known->in_controlled_shutdown;
  decision.response.broker_epoch = record.broker_epoch;
  decision.records.emplace_back(std::move(record));
  if (known == nullptr || again) return decision;
  const bool clean = request.previous_broker_epoch == known->epoch;
  if (clean || !elr_enabled(context.image)) {
    remove_from_in_sync(context, id, decision.records);
  } else {
    remove_after_unclean_shutdown(context, id, decision.records);
  }
  return decision;
}

Decision<protocol::UnregisterBrokerResponse> decide_unregistration(const DecisionContext& context,
                                                                   const protocol::UnregisterBrokerRequest& request) {
  Decision<protocol::UnregisterBrokerResponse> decision;
  decision.response.error_message = std::nullopt;
  const NodeId id{request.broker_id};
  const BrokerImage* known = context.image.brokers.get(id);
  if (known == nullptr) {
    decision.response.error_code = protocol::to_wire(ErrorCode::broker_id_not_registered);
    decision.response.error_message = fmt::format("Broker ID {} is not currently registered", id);
    return decision;
  }
  remove_after_unclean_shutdown(context, id, decision.records);
  protocol::UnregisterBrokerRecord record;
  record.broker_id = request.broker_id;
  record.broker_epoch = known->epoch;
  decision.records.emplace_back(std::move(record));
  decision.atomic = false;
  return decision;
}

Decision<protocol::ControllerRegistrationResponse> decide_controller_registration(
    const DecisionContext& context, const protocol::ControllerRegistrationRequest& request) {
  Decision<protocol::ControllerRegistrationResponse> decision;
  decision.response.error_message = std::nullopt;
  Verdict wrong;
  if (!MetadataVersion::of(context.image).has_controller_registration()) {
    wrong =
        Refusal{ErrorCode::unsupported_version, "The current MetadataVersion is too old to support controller registrations."};
  } else if (request.listeners.empty()) {
    wrong = Refusal{ErrorCode::invalid_request, "No listeners specified in request"};
  } else if (request.zk_migration_ready) {
    wrong = Refusal{ErrorCode::invalid_request, "Controllers that migrate from ZooKeeper are not supported"};
  } else {
    wrong = check_features(context.image, NodeId{request.controller_id}, request.features);
  }
  note(decision.response, wrong);
  if (wrong) return decision;
  protocol::RegisterControllerRecord record;
  record.controller_id = request.controller_id;
  record.incarnation_id = request.incarnation_id;
  fill(record, request);
  decision.records.emplace_back(std::move(record));
  return decision;
}

}  // namespace squall::raft
