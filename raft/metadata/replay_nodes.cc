// Replay of brokers, controllers, features, producer ids and credentials.
#include <algorithm>

#include "raft/metadata/image_builder.h"

namespace squall::raft {
namespace {

template <class Endpoints>
std::vector<BrokerEndpointImage> endpoints_of(const Endpoints& from) {
  std::vector<BrokerEndpointImage> endpoints;
  for (const auto& endpoint : from) {
    endpoints.push_back({endpoint.name, endpoint.host, endpoint.port, endpoint.security_protocol});
  }
  return endpoints;
}

template <class Features>
SupportedFeatures features_of(const Features& from) {
  SupportedFeatures features;
  for (const auto& feature : from) {
    features[feature.name] = {feature.min_supported_version, feature.max_supported_version};
  }
  return features;
}

// The names of types and entities come from records in any order.
std::string entity_key(std::vector<protocol::ClientQuotaRecord::EntityData> parts) {
  std::ranges::sort(parts, {}, &protocol::ClientQuotaRecord::EntityData::entity_type);
  std::string key;
  for (const auto& part : parts) {
    key += part.entity_type;
    key += '\0';
    if (part.entity_name) key += *part.entity_name + '\0';
  }
  return key;
}

// The broker that a record about its registration means, or null: of another epoch is another registration.
BrokerImage* registered(MetadataImage& image, std::int32_t id, std::int64_t epoch) {
  const BrokerImage* broker = image.brokers.get(NodeId{id});
  if (broker == nullptr || broker->epoch != epoch) return nullptr;
  return &image.brokers.change(NodeId{id});
}

}  // namespace

bool ImageBuilder::apply(const protocol::RegisterBrokerRecord& record, Offset offset) {
  BrokerImage broker{.id = NodeId{record.broker_id},
                     .epoch = record.broker_epoch >= 0 ? record.broker_epoch : offset.value(),
                     .incarnation = record.incarnation_id,
                     .rack = record.rack,
                     .endpoints = endpoints_of(record.end_points),
                     .log_dirs = record.log_dirs,
                     .fenced = record.fenced,
                     .in_controlled_shutdown = record.in_controlled_shutdown,
                     .features = features_of(record.features)};
  const NodeId id = broker.id;
  image_.brokers.set(id, std::move(broker));
  return true;
}

bool ImageBuilder::apply(const protocol::UnregisterBrokerRecord& record) {
  if (registered(image_, record.broker_id, record.broker_epoch) == nullptr) return false;
  image_.brokers.erase(NodeId{record.broker_id});
  return true;
}

bool ImageBuilder::apply(const protocol::FenceBrokerRecord& record) {
  BrokerImage* broker = registered(image_, record.id, record.epoch);
  if (broker == nullptr) return false;
  broker->fenced = true;
  return true;
}

bool ImageBuilder::apply(const protocol::UnfenceBrokerRecord& record) {
  BrokerImage* broker = registered(image_, record.id, record.epoch);
  if (broker == nullptr) return false;
  broker->fenced = false;
  return true;
}

bool ImageBuilder::apply(const protocol::BrokerRegistrationChangeRecord& record) {
  constexpr std::int8_t yes = 1;
  constexpr std::int8_t no = -1;
  BrokerImage* broker = registered(image_, record.broker_id, record.broker_epoch);
  if (broker == nullptr) return false;
  if (record.fenced == yes) broker->fenced = true;
  if (record.fenced == no) broker->fenced = false;
  if (record.in_controlled_shutdown == yes) broker->in_controlled_shutdown = true;
  if (!record.log_dirs.empty()) broker->log_dirs = record.log_dirs;
  return true;
}

bool ImageBuilder::apply(const protocol::RegisterControllerRecord& record) {
  ControllerImage controller{.id = NodeId{record.controller_id},
                             .incarnation = record.incarnation_id,
                             .endpoints = endpoints_of(record.end_points),
                             .features = features_of(record.features)};
  const NodeId id = controller.id;
  image_.controllers.set(id, std::move(controller));
  return true;
}

bool ImageBuilder::apply(const protocol::FeatureLevelRecord& record) {
  if (record.feature_level == 0) {
    image_.features.erase(record.name);
  } else {
    image_.features.set(record.name, record.feature_level);
  }
  return true;
}

bool ImageBuilder::apply(const protocol::ProducerIdsRecord& record) {
  if (record.next_producer_id < image_.next_producer_id) return false;
  image_.next_producer_id = record.next_producer_id;
  return true;
}

bool ImageBuilder::apply(const protocol::AccessControlEntryRecord& record) {
  if (image_.access_control.contains(record.id)) return false;
  image_.access_control.set(record.id, std::make_shared<const protocol::AccessControlEntryRecord>(record));
  return true;
}

bool ImageBuilder::apply(const protocol::RemoveAccessControlEntryRecord& record) {
  return image_.access_control.erase(record.id);
}

bool ImageBuilder::apply(const protocol::UserScramCredentialRecord& record) {
  image_.scram.set({record.name, record.mechanism}, std::make_shared<const protocol::UserScramCredentialRecord>(record));
  return true;
}

bool ImageBuilder::apply(const protocol::RemoveUserScramCredentialRecord& record) {
  return image_.scram.erase(std::pair{record.name, record.mechanism});
}

bool ImageBuilder::apply(const protocol::DelegationTokenRecord& record) {
  image_.delegation_tokens.set(record.token_id, std::make_shared<const protocol::DelegationTokenRecord>(record));
  return true;
}

bool ImageBuilder::apply(const protocol::RemoveDelegationTokenRecord& record) {
  image_.delegation_tokens.erase(record.token_id);
  return true;
}

bool ImageBuilder::apply(const protocol::ClientQuotaRecord& record) {
  const std::pair<std::string, std::string> name{entity_key(record.entity), record.key};
  if (record.remove) {
    image_.quotas.erase(name);
  } else {
    image_.quotas.set(name, std::make_shared<const protocol::ClientQuotaRecord>(record));
  }
  return true;
}

}  // namespace squall::raft
