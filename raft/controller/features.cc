#include "raft/controller/features.h"

#include <fmt/format.h>

#include <map>
#include <set>

#include "raft/metadata/record_version.h"

namespace squall::raft {
namespace {

using protocol::ErrorCode;
using Update = protocol::UpdateFeaturesRequest::FeatureUpdateKey;

enum class UpgradeType : std::int8_t { upgrade = 1, safe_downgrade = 2, unsafe_downgrade = 3 };

Refusal invalid(std::string why) { return {ErrorCode::invalid_update_version, std::move(why)}; }

Verdict check_support(const SupportedFeatures& features, std::string_view node, std::string_view feature, std::int16_t level) {
  const auto supported = features.find(feature);
  if (level == 0 && supported == features.end()) return std::nullopt;
  if (supported == features.end()) {
    return invalid(fmt::format("Invalid update version {} for feature {}. {} does not support this feature.", level,
                               quote(feature), node));
  }
  // Level 0 turns a feature off, which anybody can do, but metadata.version.
  const bool off = level == 0 && feature != metadata_version_feature;
  if (off || supported->second.contains(level)) return std::nullopt;
  return invalid(fmt::format("Invalid update version {} for feature {}. {} only supports versions {}-{}", level, quote(feature),
                             node, supported->second.min, supported->second.max));
}

Verdict check_everybody(const DecisionContext& context, std::string_view feature, std::int16_t level) {
  const std::string self = fmt::format("Local controller {}", context.settings.node_id);
  if (auto wrong = check_support(context.settings.features, self, feature, level)) return wrong;
  // Voters tell the quorum what they can do.
  if (feature == kraft_version_feature) return std::nullopt;
  for (const auto& [id, broker] : context.image.brokers) {
    if (auto wrong = check_support(broker.features, fmt::format("Broker {}", id), feature, level)) return wrong;
  }
  for (const auto& [id, controller] : context.image.controllers) {
    if (id == context.settings.node_id) continue;
    if (auto wrong = check_support(controller.features, fmt::format("Controller {}", id), feature, level)) return wrong;
  }
  return std::nullopt;
}

Verdict check_direction(const Update& update, UpgradeType type, std::int16_t now) {
  if (type == UpgradeType::upgrade) {
    if (update.max_version_level >= now) return std::nullopt;
    return invalid(
        fmt::format("Invalid update version {} for feature {}. Can't downgrade the version of this feature without "
                    "setting the upgrade type to either safe or unsafe downgrade.",
                    update.max_version_level, quote(update.feature)));
  }
  if (update.max_version_level > now) {
    return invalid(fmt::format("Invalid update version {} for feature {}. Can't downgrade to a newer version.",
                               update.max_version_level, quote(update.feature)));
  }
  if (update.feature != metadata_version_feature) return std::nullopt;
  if (type == UpgradeType::unsafe_downgrade) {
    return invalid("Unsafe metadata downgrade is not supported in this version.");
  }
  if (!downgrade_loses_metadata(now, update.max_version_level)) return std::nullopt;
  return invalid(
      fmt::format("Invalid metadata.version {}. Refusing to perform the requested downgrade because it might delete "
                  "metadata information.",
                  update.max_version_level));
}

// `version` is what metadata.version comes to with all updates made.
Verdict check_update(const DecisionContext& context, const Update& update, MetadataVersion version,
                     std::set<std::string_view>& seen) {
  if (!seen.insert(update.feature).second) {
    return Refusal{ErrorCode::invalid_request, fmt::format("Feature {} is updated twice.", quote(update.feature))};
  }
  if (update.upgrade_type < 1 || update.upgrade_type > 3) {
    return invalid("The controller does not support the given upgrade type.");
  }
  if (update.max_version_level < 0) return invalid(fmt::format("The level of {} is negative.", quote(update.feature)));
  // Version 0 of the request has no type, but a flag.
  const UpgradeType type = update.allow_downgrade ? UpgradeType::safe_downgrade : static_cast<UpgradeType>(update.upgrade_type);
  if (auto wrong = check_everybody(context, update.feature, update.max_version_level)) return wrong;
  if (update.feature == kraft_version_feature) {
    if (type == UpgradeType::upgrade) return std::nullopt;
    return invalid("kraft.version cannot be downgraded.");
  }
  if (auto wrong = check_direction(update, type, context.image.feature(update.feature))) return wrong;
  const bool elr_too_early =
      update.feature == elr_version_feature && update.max_version_level > 0 && !version.has_eligible_replicas();
  if (elr_too_early) return invalid(fmt::format("{} needs a metadata.version of 23 at least.", elr_version_feature));
  return std::nullopt;
}

protocol::FeatureLevelRecord level_record(const std::string& name, std::int16_t level) {
  protocol::FeatureLevelRecord record;
  record.name = name;
  record.feature_level = level;
  return record;
}

}  // namespace

void pin_min_in_sync_replicas(const MetadataImage& image, const ConfigSchema& schema, Records& records) {
  constexpr std::string_view key = "min.insync.replicas";
  const ConfigValues& cluster = image.config_of(ConfigResource::broker, "");
  protocol::ConfigRecord record;
  record.resource_type = static_cast<std::int8_t>(ConfigResource::broker);
  record.name = key;
  if (!cluster.contains(key)) {
    record.value = schema.effective(ConfigResource::topic, key, {}, cluster);
    if (record.value) records.emplace_back(record);
  }
  for (const auto& [name, values] : image.configs) {
    if (name.first != ConfigResource::broker || name.second.empty() || !values->contains(key)) continue;
    record.resource_name = name.second;
    record.value = std::nullopt;
    records.emplace_back(record);
  }
}

FeaturesDecision decide_update_features(const DecisionContext& context, const protocol::UpdateFeaturesRequest& request) {
  FeaturesDecision features;
  auto& [decision, kraft_version] = features;
  decision.response.error_message = std::nullopt;
  MetadataVersion version = MetadataVersion::of(context.image);
  for (const Update& update : request.feature_updates) {
    if (update.feature == metadata_version_feature) version.level = update.max_version_level;
  }
  std::set<std::string_view> seen;
  for (const Update& update : request.feature_updates) {
    const Verdict wrong = check_update(context, update, version, seen);
    if (wrong) {
      decision.records.clear();
      decision.response.results.clear();
      kraft_version.reset();
      note(decision.response,
           Refusal{wrong->code, fmt::format("The update failed for all features since the following feature had an error: {}",
                                            wrong->message)});
      return features;
    }
    auto& result = decision.response.results.emplace_back();
    result.feature = update.feature;
    result.error_message = std::nullopt;
    if (update.feature == kraft_version_feature) {
      kraft_version = update.max_version_level;
      continue;
    }
    if (context.image.feature(update.feature) == update.max_version_level) continue;
    decision.records.emplace_back(level_record(update.feature, update.max_version_level));
    if (update.feature == elr_version_feature && update.max_version_level > 0) {
      pin_min_in_sync_replicas(context.image, context.schema, decision.records);
    }
  }
  if (request.validate_only) {
    decision.records.clear();
    kraft_version.reset();
  }
  return features;
}

Records bootstrap_records(const std::map<std::string, std::int16_t>& features, const ConfigSchema& schema) {
  Records records;
  // First of all: the versions of what follows depend on it.
  const auto version = features.find(std::string{metadata_version_feature});
  const std::int16_t level = version == features.end() ? metadata_version_max : version->second;
  records.emplace_back(level_record(std::string{metadata_version_feature}, level));
  for (const auto& [name, wanted] : features) {
    if (name == metadata_version_feature || name == kraft_version_feature || wanted == 0) continue;
    records.emplace_back(level_record(name, wanted));
    if (name == elr_version_feature) pin_min_in_sync_replicas(MetadataImage{}, schema, records);
  }
  return records;
}

Records activation_records(const DecisionContext& context, const Records& bootstrap) {
  Records records;
  if (context.image.before_transaction != nullptr) {
    protocol::AbortTransactionRecord abort;
    abort.reason = "Controller failover";
    records.emplace_back(std::move(abort));
  }
  // Without a level nothing was ever decided: the bootstrap of the first leader was lost, or was aborted just now.
  const MetadataImage& image = records.empty() ? context.image : *context.image.before_transaction;
  if (image.features.empty()) records.insert(records.end(), bootstrap.begin(), bootstrap.end());
  return records;
}

}  // namespace squall::raft
