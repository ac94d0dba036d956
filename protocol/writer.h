// Appends Kafka's primitive types to a buffer.
//
// The buffer may be longer than what was written until `finish` (which every generated `encode` calls, and the destructor):
// read it only after. A failure sticks, as in Reader; `rewind` takes back what a failed message had written.
#pragma once

#include <concepts>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/uuid.h"
#include "base/varint.h"
#include "protocol/message.h"

namespace squall::protocol {

class Writer {
 public:
  // So many bytes from elsewhere belong before the byte at `position` of the buffer.
  struct Splice {
    std::size_t position = 0;
    std::uint64_t bytes = 0;
    bool operator==(const Splice&) const = default;
  };
  // A place to come back to.
  struct Mark {
    std::size_t position = 0;
    std::size_t splices = 0;
  };

  // Appends to `buffer`, which must outlive the writer and be touched by nobody else until `finish`.
  explicit Writer(ByteBuffer& buffer) : buffer_{buffer}, cursor_{buffer.size()} {}
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() { finish(); }

  void finish() { buffer_.resize(cursor_); }
  // Bytes in the buffer, what was there before included.
  [[nodiscard]] std::size_t position() const { return cursor_; }
  // In order of position.
  [[nodiscard]] const std::vector<Splice>& splices() const { return splices_; }
  // What all splices add.
  [[nodiscard]] std::uint64_t external_bytes() const { return external_bytes_; }

  [[nodiscard]] bool failed() const { return failed_; }
  // Keeps the first failure. Both are literals.
  void fail(std::string_view field, std::string_view what);
  [[nodiscard]] Mark mark() const { return {.position = cursor_, .splices = splices_.size()}; }
  // Takes back everything since `begin`, and forgets a failure. Calls `finish`.
  void rewind(Mark begin);
  // Ends a message begun at `begin`: on failure takes it back and forgets the failure. Calls `finish`.
  [[nodiscard]] EncodeResult end_message(Mark begin);

  template <std::integral T>
  void integer(T value) {
    store_be<T>(room(sizeof(T)), value);
    cursor_ += sizeof(T);
  }
  void value(bool value) { integer<std::uint8_t>(value ? 1 : 0); }
  template <std::integral T>
  void value(T value) {
    integer<T>(value);
  }
  void value(double value) { integer(std::bit_cast<std::uint64_t>(value)); }
  void value(const Uuid& value) {
    integer(value.most_significant);
    integer(value.least_significant);
  }
  void unsigned_varint(std::uint32_t value) {
    std::uint8_t* to = room(varint_bytes_max);
    cursor_ += static_cast<std::size_t>(write_unsigned_varint(to, value) - to);
  }
  void raw(ByteView bytes) {
    if (bytes.empty()) return;
    std::memcpy(room(bytes.size()), bytes.data(), bytes.size());
    cursor_ += bytes.size();
  }
  // Overwrites an integer written before.
  template <std::integral T>
  void patch(std::size_t position, T value) {
    store_be<T>(buffer_.data() + position, value);
  }

  // `field` names the field in failures: null where `nullable` is false, or too long.
  void string(std::string_view value, bool compact, std::string_view field) {
    length_16(value.size(), compact, field);
    if (!failed_) raw(as_bytes(value));
  }
  void string(const std::optional<std::string>& value, bool compact, bool nullable, std::string_view field);
  void bytes(ByteView value, bool compact, std::string_view field);
  void bytes(const std::optional<ByteBuffer>& value, bool compact, bool nullable, std::string_view field);
  void records(const Records& value, bool compact, bool nullable, std::string_view field);
  void count(std::size_t elements, bool compact, std::string_view field) { length_32(elements, compact, field); }
  void null_array(bool compact, bool nullable, std::string_view field);
  // The marker before a struct that may be null.
  void present(bool is_present) { integer<std::int8_t>(is_present ? 1 : -1); }

  // A tagged field: its tag and, at `end_tagged`, the length of what was written since.
  [[nodiscard]] Mark begin_tagged(std::uint32_t tag) {
    unsigned_varint(tag);
    const Mark begin = mark();
    integer<std::uint8_t>(0);
    return begin;
  }
  void end_tagged(Mark begin);

 private:
  static constexpr std::uint64_t length_max = 0x7FFF'FFFF;
  void length_16(std::size_t length, bool compact, std::string_view field) {
    if (length > string_bytes_max) [[unlikely]]
      return fail(field, "is longer than 32,767 bytes");
    if (compact) {
      unsigned_varint(static_cast<std::uint32_t>(length) + 1);
    } else {
      integer(static_cast<std::int16_t>(length));
    }
  }
  void length_32(std::uint64_t length, bool compact, std::string_view field) {
    if (length > length_max) [[unlikely]]
      return fail(field, "is longer than a 32-bit length can say");
    if (compact) {
      unsigned_varint(static_cast<std::uint32_t>(length) + 1);
    } else {
      integer(static_cast<std::int32_t>(length));
    }
  }
  void null_length(bool compact, bool wide, bool nullable, std::string_view field);
  [[nodiscard]] std::uint8_t* room(std::size_t size) {
    if (buffer_.size() - cursor_ < size) [[unlikely]]
      grow(size);
    return buffer_.data() + cursor_;
  }
  void grow(std::size_t size);

  ByteBuffer& buffer_;
  std::size_t cursor_;
  std::vector<Splice> splices_;
  std::uint64_t external_bytes_ = 0;
  bool failed_ = false;
  EncodeError error_;
};

}  // namespace squall::protocol
