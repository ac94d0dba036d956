#include "raft/metadata/record_version.h"

#include <algorithm>
#include <array>

namespace squall::raft {
namespace {

// Levels that changed what records hold.
constexpr std::array<std::int16_t, 9> changing{7, 8, 11, 13, 14, 15, 17, 23, 30};

}  // namespace

MetadataVersion MetadataVersion::of(const MetadataImage& image) {
  return {std::max(image.feature(metadata_version_feature), metadata_version_min)};
}

bool downgrade_loses_metadata(std::int16_t from, std::int16_t to) {
  return std::ranges::any_of(changing, [&](std::int16_t level) { return to < level && level <= from; });
}

std::int16_t record_version(const protocol::MetadataRecord& record, MetadataVersion version) {
  constexpr std::int16_t migration_level = 8;
  switch (protocol::type_of(record)) {
    case protocol::RegisterBrokerRecord::record_type:
      if (version.has_directories()) return 3;
      return version.level >= migration_level ? std::int16_t{2} : std::int16_t{1};
    case protocol::PartitionRecord::record_type:
    case protocol::PartitionChangeRecord::record_type:
      if (version.has_eligible_replicas()) return 2;
      return version.has_directories() ? std::int16_t{1} : std::int16_t{0};
    case protocol::BrokerRegistrationChangeRecord::record_type:
      return version.has_directories() ? std::int16_t{2} : std::int16_t{1};
    default: return 0;
  }
}

bool elr_enabled(const MetadataImage& image) {
  return MetadataVersion::of(image).has_eligible_replicas() && image.feature(elr_version_feature) >= 1;
}

}  // namespace squall::raft
