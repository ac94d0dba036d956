// One record of a batch, as a view: varint length, attributes, varint deltas of timestamp and offset, key, value, headers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/types.h"

namespace squall::protocol {

// Null is not empty: a null value is a tombstone.
using NullableBytes = std::optional<ByteView>;

struct RecordHeader {
  std::string_view key;
  NullableBytes value;
};

// Walks the headers of one record; `RecordReader` has checked that they are well-formed.
class HeaderReader {
 public:
  HeaderReader() = default;
  HeaderReader(ByteView bytes, std::uint32_t count) : at_{bytes.data()}, end_{bytes.data() + bytes.size()}, left_{count} {}

  bool next(RecordHeader& header);
  [[nodiscard]] std::uint32_t left() const { return left_; }
  // True once all were read and nothing is left over.
  [[nodiscard]] bool ended_cleanly() const { return left_ == 0 && at_ == end_; }

 private:
  const std::uint8_t* at_ = nullptr;
  const std::uint8_t* end_ = nullptr;
  std::uint32_t left_ = 0;
};

struct RecordView {
  Offset offset;
  std::int64_t timestamp_ms = 0;  // the log-append time, where the batch has one
  std::int32_t offset_delta = 0;
  NullableBytes key;
  NullableBytes value;
  std::uint32_t header_count = 0;
  ByteView header_bytes;

  [[nodiscard]] HeaderReader headers() const { return {header_bytes, header_count}; }
};

// ---- control records (KIP-98, KIP-595): the key is int16 version, int16 type ----

enum class ControlType : std::int16_t {
  abort = 0,
  commit = 1,
  leader_change = 2,
  snapshot_header = 3,
  snapshot_footer = 4,
  kraft_version = 5,
  kraft_voters = 6,
};

inline constexpr std::size_t control_key_bytes = 4;
inline constexpr std::size_t end_transaction_marker_bytes = 6;

// Nothing if the key is too short or of a type that is not known, which readers skip.
[[nodiscard]] std::optional<ControlType> control_type_of(const RecordView& record);

// The value of an abort or commit marker.
struct EndTransactionMarker {
  std::int16_t version = 0;
  std::int32_t coordinator_epoch = 0;

  [[nodiscard]] static std::optional<EndTransactionMarker> parse(ByteView value);
};

}  // namespace squall::protocol
