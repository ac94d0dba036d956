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

void MetadataDurable::known_gone(const std::string& topic) {
  topics_[topic] = {true, false, 0};
  std::erase_if(configs_, [&](const auto& one) { return one.first.first == topic; });
}

void MetadataDurable::replayed(std::string_view node, const NodeView& view, Instant at) {
  if (destroyed_) return;
  for (const auto& [topic, known] : topics_) {
    if (!known.certain) continue;
    count();
    const auto has = view.partitions(topic);
    if (known.exists != has.has_value()) {
      violated(at, fmt::format("topic {} was {} and acknowledged, but {} says that it is {}", topic,
                               known.exists ? "created" : "deleted", node, has ? "there" : "not there"));
    } else if (known.exists && *has != known.partitions) {
      violated(at, fmt::format("topic {} has {} partitions by the last acknowledged change, but {} has replayed {}", topic,
                               known.partitions, node, *has));
    }
  }
  for (const auto& [name, value] : configs_) {
    const auto topic = topics_.find(name.first);
    if (topic == topics_.end() || !topic->second.certain || !topic->second.exists) continue;
    count();
    const auto has = view.config(name.first, name.second);
    if (has && *has == value) continue;
    violated(at, fmt::format("{} of topic {} was set to {} and acknowledged, but {} has replayed {}", name.second, name.first,
                             value, node, has.value_or("nothing")));
  }
}

void MetadataDurable::forget_all() {
  destroyed_ = true;
  for (auto& [topic, known] : topics_) known.certain = false;
}

}  // namespace squall::scenarios
