// Reads Kafka's primitive types from bytes that nobody vouches for.
//
// A failure sticks: the first one is kept, and from then on every read gives zero or empty and moves nowhere, so that callers
// check once, at the end. Nothing is allocated for what the bytes cannot hold: an array's count is compared with the bytes left
// before its elements are made, and all the arrays of one Reader share a memory budget.
//
// Invariant: start <= cursor <= end.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/uuid.h"
#include "base/varint.h"
#include "protocol/message.h"

namespace squall::protocol {

class Reader {
 public:
  // `memory_max` bounds the bytes of array elements (not counting what they own: that is bounded by the bytes read).
  explicit Reader(ByteView bytes) : Reader{bytes, (std::size_t{1} << 20) + 16 * bytes.size()} {}
  Reader(ByteView bytes, std::size_t memory_max)
      : start_{bytes.data()}, cursor_{start_}, end_{start_ + bytes.size()}, memory_left_{memory_max} {}

  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] DecodeResult result() const {
    if (failed_) return std::unexpected{error_};
    return {};
  }
  [[nodiscard]] std::size_t position() const { return static_cast<std::size_t>(cursor_ - start_); }
  [[nodiscard]] std::size_t remaining() const { return static_cast<std::size_t>(end_ - cursor_); }
  [[nodiscard]] ByteView rest() const { return {cursor_, remaining()}; }

  // Keeps the first failure. `what` is a literal.
  void fail(std::string_view what);

  template <std::integral T>
  [[nodiscard]] T integer() {
    if (remaining() < sizeof(T)) [[unlikely]] {
      fail("ends inside a number");
      return 0;
    }
    const T value = load_be<T>(cursor_);
    cursor_ += sizeof(T);
    return value;
  }
  void value(bool& out) { out = integer<std::uint8_t>() != 0; }
  template <std::integral T>
  void value(T& out) {
    out = integer<T>();
  }
  void value(double& out) { out = std::bit_cast<double>(integer<std::uint64_t>()); }
  void value(Uuid& out) {
    out.most_significant = integer<std::uint64_t>();
    out.least_significant = integer<std::uint64_t>();
  }

  [[nodiscard]] std::uint32_t unsigned_varint() {
    std::uint32_t value = 0;
    const std::uint8_t* after = read_unsigned_varint(cursor_, end_, value);
    if (after == nullptr) [[unlikely]] {
      fail("not an unsigned varint of 32 bits");
      return 0;
    }
    cursor_ = after;
    return value;
  }

  // `compact` is the encoding of flexible versions: lengths as unsigned varints, plus one. A null where `nullable` is false is
  // a failure; into an optional, null is nullopt.
  void string(std::string& out, bool compact);
  void string(std::optional<std::string>& out, bool compact, bool nullable);
  void bytes(ByteBuffer& out, bool compact);
  void bytes(std::optional<ByteBuffer>& out, bool compact, bool nullable);
  void records(Records& out, bool compact, bool nullable);

  // An array's count, or nullopt for null. `element_bytes_min` (> 0) is the least that an element takes on the wire;
  // `element_memory` is what it takes here.
  [[nodiscard]] std::optional<std::size_t> count(bool compact, bool nullable, std::size_t element_bytes_min,
                                                 std::size_t element_memory) {
    SQUALL_ASSERT(element_bytes_min > 0, "an array element takes room");
    const std::int64_t length = length_32(compact, nullable);
    if (length < 0) return std::nullopt;
    const auto elements = static_cast<std::size_t>(length);
    if (elements == 0) return 0;
    if (elements > remaining() / element_bytes_min) {
      fail("an array of more elements than there are bytes for");
      return 0;
    }
    if (element_memory * elements > memory_left_) {
      fail("arrays of more memory than allowed");
      return 0;
    }
    memory_left_ -= element_memory * elements;
    return elements;
  }
  // The marker before a struct that may be null.
  [[nodiscard]] bool present();

  // The next `size` bytes as a view.
  [[nodiscard]] ByteView take(std::size_t size) {
    if (size > remaining()) [[unlikely]] {
      fail("a length points beyond the end");
      return {};
    }
    const ByteView view{cursor_, size};
    cursor_ += size;
    return view;
  }
  // Narrows the reader to its next `size` bytes; `leave` with what `enter` gave widens it again, and fails unless all were
  // read.
  [[nodiscard]] const std::uint8_t* enter(std::size_t size);
  void leave(const std::uint8_t* outer_end);
  // A whole section of tagged fields (KIP-482), of which none is known.
  void skip_tagged_fields() {
    for (std::uint32_t fields = unsigned_varint(); fields > 0 && !failed_; --fields) {
      (void)unsigned_varint();
      (void)take(unsigned_varint());
    }
  }

 private:
  // The length of something nullable: -1 is null, and no other negative comes through.
  [[nodiscard]] std::int64_t length_16(bool compact, bool nullable) {
    return checked(compact ? std::int64_t{unsigned_varint()} - 1 : std::int64_t{integer<std::int16_t>()}, nullable);
  }
  [[nodiscard]] std::int64_t length_32(bool compact, bool nullable) {
    return checked(compact ? std::int64_t{unsigned_varint()} - 1 : std::int64_t{integer<std::int32_t>()}, nullable);
  }
  [[nodiscard]] std::int64_t checked(std::int64_t length, bool nullable) {
    return length >= 0 ? length : negative(length, nullable);
  }
  [[nodiscard]] std::int64_t negative(std::int64_t length, bool nullable);
  [[nodiscard]] std::string_view text(std::int64_t length);

  const std::uint8_t* start_;
  const std::uint8_t* cursor_;
  const std::uint8_t* end_;
  std::size_t memory_left_;
  bool failed_ = false;
  DecodeError error_;
};

}  // namespace squall::protocol
