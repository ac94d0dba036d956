#include "log/topic_partition.h"

#include <charconv>

namespace squall::log {

std::string directory_name(const TopicPartition& partition) {
  return partition.topic + "-" + std::to_string(partition.partition.value());
}

std::optional<TopicPartition> parse_directory_name(std::string_view name) {
  const std::size_t dash = name.rfind('-');
  if (dash == std::string_view::npos || dash == 0 || dash + 1 == name.size()) return std::nullopt;
  const std::string_view digits = name.substr(dash + 1);
  std::int32_t index = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
  if (error != std::errc{} || end != digits.data() + digits.size() || index < 0) return std::nullopt;
  if (digits.size() > 1 && digits.front() == '0') return std::nullopt;
  return TopicPartition{std::string{name.substr(0, dash)}, PartitionIndex{index}};
}

}  // namespace squall::log
