#include "raft/controller/decision.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "raft/metadata/record_version.h"

namespace squall::raft {

using protocol::ErrorCode;

SupportedFeatures supported_features() {
  return {{std::string{metadata_version_feature}, {metadata_version_min, metadata_version_max}},
          {std::string{kraft_version_feature}, {0, 1}},
          {std::string{elr_version_feature}, {0, 1}}};
}

Verdict check_broker_epoch(const MetadataImage& image, NodeId broker, std::int64_t epoch) {
  const BrokerImage* registration = image.brokers.get(broker);
  if (registration == nullptr) {
    return Refusal{ErrorCode::stale_broker_epoch, fmt::format("No broker registration found for broker id {}", broker)};
  }
  if (registration->epoch == epoch) return std::nullopt;
  return Refusal{ErrorCode::stale_broker_epoch,
                 fmt::format("Expected broker epoch {} for broker {}, but found {}", registration->epoch, broker, epoch)};
}

std::size_t min_in_sync_replicas(const ConfigSchema& schema, const MetadataImage& image, std::string_view topic) {
  const auto text =
      schema.effective(ConfigResource::topic, "min.insync.replicas", image.config_of(ConfigResource::topic, topic),
                       image.config_of(ConfigResource::broker, ""));
  std::size_t number = 1;
  if (text) std::from_chars(text->data(), text->data() + text->size(), number);
  return std::max<std::size_t>(number, 1);
}

bool unclean_election_enabled(const ConfigSchema& schema, const MetadataImage& image, std::string_view topic) {
  const auto text =
      schema.effective(ConfigResource::topic, "unclean.leader.election.enable", image.config_of(ConfigResource::topic, topic),
                       image.config_of(ConfigResource::broker, ""));
  return text == "true";
}

}  // namespace squall::raft
