// Variable-length integers: LEB128 groups of seven bits, lowest first, as the flexible versions of Kafka's wire (unsigned) and
// the records of a batch (zigzag) use them.
//
// Readers take the range left to read and return where they stopped, or nullptr when the range ends inside the number or the
// number does not fit its type. A number padded with zero groups is read, as Kafka does, up to the most bytes its type can
// need.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace squall {

inline constexpr std::size_t varint_bytes_max = 5;
inline constexpr std::size_t varlong_bytes_max = 10;

[[nodiscard]] constexpr std::uint32_t zigzag(std::int32_t value) {
  return (static_cast<std::uint32_t>(value) << 1) ^ static_cast<std::uint32_t>(value >> 31);
}
[[nodiscard]] constexpr std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
[[nodiscard]] constexpr std::int32_t unzigzag(std::uint32_t raw) {
  return static_cast<std::int32_t>((raw >> 1) ^ (~(raw & 1) + 1));
}
[[nodiscard]] constexpr std::int64_t unzigzag(std::uint64_t raw) {
  return static_cast<std::int64_t>((raw >> 1) ^ (~(raw & 1) + 1));
}

// Bytes that `value` takes.
[[nodiscard]] constexpr std::size_t unsigned_varint_size(std::uint32_t value) {
  return (static_cast<std::size_t>(std::bit_width(value | 1U)) + 6) / 7;
}
[[nodiscard]] constexpr std::size_t unsigned_varlong_size(std::uint64_t value) {
  return (static_cast<std::size_t>(std::bit_width(value | 1U)) + 6) / 7;
}
[[nodiscard]] constexpr std::size_t varint_size(std::int32_t value) { return unsigned_varint_size(zigzag(value)); }
[[nodiscard]] constexpr std::size_t varlong_size(std::int64_t value) { return unsigned_varlong_size(zigzag(value)); }

// Writers return where they stopped; the caller has made room for the most bytes of the type.
inline std::uint8_t* write_unsigned_varlong(std::uint8_t* to, std::uint64_t value) {
  while (value >= 0x80) {
    *to++ = static_cast<std::uint8_t>(value | 0x80);
    value >>= 7;
  }
  *to++ = static_cast<std::uint8_t>(value);
  return to;
}
inline std::uint8_t* write_unsigned_varint(std::uint8_t* to, std::uint32_t value) { return write_unsigned_varlong(to, value); }
inline std::uint8_t* write_varint(std::uint8_t* to, std::int32_t value) { return write_unsigned_varint(to, zigzag(value)); }
inline std::uint8_t* write_varlong(std::uint8_t* to, std::int64_t value) { return write_unsigned_varlong(to, zigzag(value)); }

namespace detail {
[[nodiscard]] inline const std::uint8_t* read_unsigned_varint_slow(const std::uint8_t* from, const std::uint8_t* end,
                                                                   std::uint32_t& value) {
  std::uint32_t result = 0;
  for (unsigned shift = 0; shift < 35; shift += 7) {
    if (from == end) return nullptr;
    const std::uint32_t byte = *from++;
    if (shift == 28 && byte > 0x0F) return nullptr;
    result |= (byte & 0x7F) << shift;
    if (byte < 0x80) {
      value = result;
      return from;
    }
  }
  return nullptr;
}

[[nodiscard]] inline const std::uint8_t* read_unsigned_varlong_slow(const std::uint8_t* from, const std::uint8_t* end,
                                                                    std::uint64_t& value) {
  std::uint64_t result = 0;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    if (from == end) return nullptr;
    const std::uint64_t byte = *from++;
    if (shift == 63 && byte > 1) return nullptr;
    result |= (byte & 0x7F) << shift;
    if (byte < 0x80) {
      value = result;
      return from;
    }
  }
  return nullptr;
}
}  // namespace detail

[[nodiscard]] inline const std::uint8_t* read_unsigned_varint(const std::uint8_t* from, const std::uint8_t* end,
                                                              std::uint32_t& value) {
  if (from != end && *from < 0x80) [[likely]] {
    value = *from;
    return from + 1;
  }
  return detail::read_unsigned_varint_slow(from, end, value);
}

[[nodiscard]] inline const std::uint8_t* read_unsigned_varlong(const std::uint8_t* from, const std::uint8_t* end,
                                                               std::uint64_t& value) {
  if (from != end && *from < 0x80) [[likely]] {
    value = *from;
    return from + 1;
  }
  return detail::read_unsigned_varlong_slow(from, end, value);
}

[[nodiscard]] inline const std::uint8_t* read_varint(const std::uint8_t* from, const std::uint8_t* end, std::int32_t& value) {
  std::uint32_t raw = 0;
  from = read_unsigned_varint(from, end, raw);
  value = unzigzag(raw);
  return from;
}

[[nodiscard]] inline const std::uint8_t* read_varlong(const std::uint8_t* from, const std::uint8_t* end, std::int64_t& value) {
  std::uint64_t raw = 0;
  from = read_unsigned_varlong(from, end, raw);
  value = unzigzag(raw);
  return from;
}

}  // namespace squall
