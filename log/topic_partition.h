// The name of a partition, as directories and checkpoints spell it.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "base/types.h"

namespace squall::log {

struct TopicPartition {
  std::string topic;
  PartitionIndex partition;

  auto operator<=>(const TopicPartition&) const = default;
};

// `<topic>-<partition>`.
[[nodiscard]] std::string directory_name(const TopicPartition& partition);
// The inverse; nothing for other names.
[[nodiscard]] std::optional<TopicPartition> parse_directory_name(std::string_view name);

}  // namespace squall::log
