#include "log/checkpoint_text.h"

#include <fmt/format.h>

#include <iterator>

namespace squall::log {

std::optional<std::string_view> CheckpointReader::next() {
  const std::size_t end = rest_.find('\n');
  if (end == std::string_view::npos) return std::nullopt;  // a line that was cut short
  std::string_view line = rest_.substr(0, end);
  rest_.remove_prefix(end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::optional<std::size_t> CheckpointReader::header() {
  const auto version = next();
  if (!version || *version != "0") return std::nullopt;
  const auto line = next();
  if (!line) return std::nullopt;
  const auto count = parse_number<std::uint32_t>(*line);
  if (!count || *count > rest_.size()) return std::nullopt;  // each entry takes at least a byte
  return *count;
}

std::optional<std::vector<std::string_view>> CheckpointReader::line(std::size_t fields) {
  auto rest = next();
  if (!rest) return std::nullopt;
  std::vector<std::string_view> found;
  while (found.size() + 1 < fields) {
    const std::size_t space = rest->find(' ');
    if (space == std::string_view::npos || space == 0) return std::nullopt;
    found.push_back(rest->substr(0, space));
    rest->remove_prefix(space + 1);
  }
  if (rest->empty() || rest->find(' ') != std::string_view::npos) return std::nullopt;
  found.push_back(*rest);
  return found;
}

std::string offset_checkpoint_header(std::size_t count) { return fmt::format("0\n{}\n", count); }

void append_offset(std::string& text, const TopicPartition& partition, Offset offset) {
  const fmt::format_int index{partition.partition.value()};
  const fmt::format_int value{offset.value()};
  text.append(partition.topic).append(1, ' ').append(index.data(), index.size());
  text.append(1, ' ').append(value.data(), value.size()).append(1, '\n');
}

std::string to_text(const OffsetCheckpoint& offsets) {
  std::string text = offset_checkpoint_header(offsets.size());
  for (const auto& [partition, offset] : offsets) append_offset(text, partition, offset);
  return text;
}

std::optional<OffsetCheckpoint> parse_offset_checkpoint(std::string_view text) {
  CheckpointReader reader{text};
  const auto count = reader.header();
  if (!count) return std::nullopt;
  OffsetCheckpoint offsets;
  for (std::size_t i = 0; i < *count; ++i) {
    const auto fields = reader.line(3);
    if (!fields) return std::nullopt;
    const auto partition = parse_number<std::int32_t>((*fields)[1]);
    const auto offset = parse_number<std::int64_t>((*fields)[2]);
    if (!partition || !offset || *partition < 0 || *offset < 0) return std::nullopt;
    offsets[{std::string{(*fields)[0]}, PartitionIndex{*partition}}] = Offset{*offset};
  }
  if (!reader.at_end()) return std::nullopt;
  return offsets;
}

std::string partition_metadata_text(std::string_view topic_id) { return fmt::format("version: 0\ntopic_id: {}", topic_id); }

std::optional<std::string_view> parse_partition_metadata(std::string_view text) {
  constexpr std::string_view start = "version: 0\ntopic_id: ";
  if (!text.starts_with(start)) return std::nullopt;
  text.remove_prefix(start.size());
  while (text.ends_with('\n')) text.remove_suffix(1);
  return text;
}

std::string clean_shutdown_text(std::int64_t broker_epoch) {
  return fmt::format("{{\"version\":0,\"brokerEpoch\":{}}}", broker_epoch);
}

std::optional<std::int64_t> parse_clean_shutdown(std::string_view text) {
  constexpr std::string_view key = "\"brokerEpoch\":";
  const std::size_t at = text.find(key);
  if (at == std::string_view::npos) return std::nullopt;
  text.remove_prefix(at + key.size());
  return parse_number<std::int64_t>(text.substr(0, text.find_first_of(",} \n")));
}

}  // namespace squall::log
