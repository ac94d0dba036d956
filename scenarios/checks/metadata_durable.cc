#include "scenarios/checks/metadata_durable.h"

#include <fmt/format.h>

namespace squall::scenarios {

void MetadataDurable::listed(const std::string& topic, std::optional<std::int32_t> partitions, Instant at) {
  Known& known = topics_[topic];
  if (!destroyed_ && known.certain) {
    count();
    if (known.exists && !partitions) {
      violated(at, fmt::format("topic {} was created and acknowledged, but is not listed", topic));
    } else if (!known.exists && partitions) {
      violated(at, fmt::format("topic {} was deleted and acknowledged, but is listed", topic));
    } else if (known.exists && *partitions != known.partitions) {
      violated(at, fmt::format("topic {} has {} partitions by the last acknowledged change, but {} are listed", topic,
                               known.partitions, *partitions));
    }
  }
  known = {true, partitions.has_value(), partitions.value_or(0)};
}

void MetadataDurable::config_seen(const std::string& topic, std::string_view key, std::string_view acknowledged,
                                  std::string_view seen, Instant at) {
  if (destroyed_) return;
  count();
  if (seen != acknowledged) {
    violated(at, fmt::format("{} of topic {} was set to {} and acknowledged, but is {}", key, topic, acknowledged, seen));
  }
}

void MetadataDurable::forget_all() {
  destroyed_ = true;
  for (auto& [topic, known] : topics_) known.certain = false;
}

}  // namespace squall::scenarios
