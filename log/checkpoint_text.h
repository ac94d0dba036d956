// Kafka's text checkpoints: a line "0" (the version), a line with the number of entries, one entry a line, fields separated by
// one space. See docs/formats/checkpoints.md. Pure.
#pragma once

#include <charconv>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"
#include "log/topic_partition.h"

namespace squall::log {

template <class T>
[[nodiscard]] std::optional<T> parse_number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

class CheckpointReader {
 public:
  explicit CheckpointReader(std::string_view text) : rest_{text} {}
  // Reads the version and the number of entries. Nothing if they are not there or make no sense.
  [[nodiscard]] std::optional<std::size_t> header();
  // The fields of the next line; nothing if there is none or it has another number of fields.
  [[nodiscard]] std::optional<std::vector<std::string_view>> line(std::size_t fields);
  [[nodiscard]] bool at_end() const { return rest_.empty(); }

 private:
  std::optional<std::string_view> next();
  std::string_view rest_;
};

using OffsetCheckpoint = std::map<TopicPartition, Offset>;

[[nodiscard]] std::string to_text(const OffsetCheckpoint& offsets);
// The same piece by piece: the header, then `count` entries in order.
[[nodiscard]] std::string offset_checkpoint_header(std::size_t count);
void append_offset(std::string& text, const TopicPartition& partition, Offset offset);
[[nodiscard]] std::optional<OffsetCheckpoint> parse_offset_checkpoint(std::string_view text);

// `partition.metadata`: "version: 0" and "topic_id: <id>", a line each.
[[nodiscard]] std::string partition_metadata_text(std::string_view topic_id);
[[nodiscard]] std::optional<std::string_view> parse_partition_metadata(std::string_view text);

// `.kafka_cleanshutdown`: {"version":0,"brokerEpoch":N}.
[[nodiscard]] std::string clean_shutdown_text(std::int64_t broker_epoch);
[[nodiscard]] std::optional<std::int64_t> parse_clean_shutdown(std::string_view text);

}  // namespace squall::log
