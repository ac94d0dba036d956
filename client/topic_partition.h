// A partition by name.
#pragma once

#include <fmt/format.h>

#include <compare>
#include <string>

#include "base/types.h"

namespace squall::client {

struct TopicPartition {
  std::string topic;
  PartitionIndex partition;

  auto operator<=>(const TopicPartition&) const = default;
  [[nodiscard]] std::string to_string() const { return fmt::format("{}-{}", topic, partition); }
};

}  // namespace squall::client
