// What every generated message shares: results, and the view of record bytes.
//
// `decode(Reader&, version, Message& out)` fills `out` and leaves the reader after the message; on failure `out` is valid but
// unspecified. What `out` held before is forgotten, but its memory is used again: decode the messages of a connection into one.
// `encode(Writer&, version, message)` appends the message; on failure nothing is appended. Both are generated
// from protocol/schemas (see docs/formats/schema.md) and included as "protocol/messages/<api>.h".
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string_view>

#include "base/bytes.h"

namespace squall::protocol {

class Reader;
class Writer;

// Kafka's limit for names, whatever the width of their length on the wire.
inline constexpr std::size_t string_bytes_max = 0x7FFF;

struct DecodeError {
  std::string_view what;     // a literal
  std::size_t position = 0;  // in the bytes that the Reader was given
};

// A value that this version of the message cannot carry.
struct EncodeError {
  std::string_view field;  // "ProduceRequest.topic_data.name"; a literal
  std::string_view what;   // a literal
};

using DecodeResult = std::expected<void, DecodeError>;
using EncodeResult = std::expected<void, EncodeError>;

// The record batches of a Produce or a Fetch, not looked into.
//
// Decoding points into the bytes that the Reader was given: the view dies with them. When encoding, either `bytes` are copied,
// or `external_bytes` > 0 says that so many bytes will be sent from elsewhere (a file): the Writer then notes a splice.
struct Records {
  bool is_null = false;
  ByteView bytes;
  std::uint64_t external_bytes = 0;

  [[nodiscard]] static Records null() { return {.is_null = true, .bytes = {}, .external_bytes = 0}; }
  [[nodiscard]] static Records of(ByteView bytes) { return {.is_null = false, .bytes = bytes, .external_bytes = 0}; }
  [[nodiscard]] static Records external(std::uint64_t bytes) {
    return {.is_null = false, .bytes = {}, .external_bytes = bytes};
  }

  // By content.
  [[nodiscard]] bool operator==(const Records& other) const {
    return is_null == other.is_null && external_bytes == other.external_bytes && as_text(bytes) == as_text(other.bytes);
  }
};

}  // namespace squall::protocol
