// What each level of `metadata.version` allows, and the versions that records are written in under it.
//
// Levels are Kafka's, 7 (3.3-IV3) to 29 (4.2-IV1).
#pragma once

#include <cstdint>
#include <string_view>

#include "protocol/messages/metadata_records.h"
#include "raft/metadata/metadata_image.h"

namespace squall::raft {

inline constexpr std::string_view metadata_version_feature = "metadata.version";
inline constexpr std::string_view kraft_version_feature = "kraft.version";
inline constexpr std::string_view elr_version_feature = "eligible.leader.replicas.version";

inline constexpr std::int16_t metadata_version_min = 7;
inline constexpr std::int16_t metadata_version_max = 29;

struct MetadataVersion {
  std::int16_t level = metadata_version_min;

  [[nodiscard]] static MetadataVersion of(const MetadataImage& image);

  // Until 3.6 a leader needed a new epoch to notice that its ISR shrank (KAFKA-15021).
  [[nodiscard]] bool bumps_epoch_on_shrink() const { return level < 12; }
  [[nodiscard]] bool has_transactions() const { return level >= 13; }
  [[nodiscard]] bool has_controller_registration() const { return level >= 15; }
  [[nodiscard]] bool has_directories() const { return level >= 17; }
  [[nodiscard]] bool has_eligible_replicas() const { return level >= 23; }
};

// Whether going down from level `from` to `to` would lose what was written since: a level between them changed the records.
[[nodiscard]] bool downgrade_loses_metadata(std::int16_t from, std::int16_t to);

// The version that `record` is written in.
[[nodiscard]] std::int16_t record_version(const protocol::MetadataRecord& record, MetadataVersion version);

// Whether leaders may be found among eligible leader replicas (KIP-966).
[[nodiscard]] bool elr_enabled(const MetadataImage& image);

}  // namespace squall::raft
