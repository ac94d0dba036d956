// Views of bytes and big-endian loads and stores (Kafka's wire and log formats are big-endian throughout).
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace squall {

using ByteView = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;
using ByteBuffer = std::vector<std::uint8_t>;

[[nodiscard]] inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

[[nodiscard]] inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

namespace detail {
// std::byteswap is newer than the oldest supported standard library.
template <std::unsigned_integral U>
[[nodiscard]] constexpr U byte_swapped(U value) {
  if constexpr (sizeof(U) == 1) {
    return value;
  } else if constexpr (sizeof(U) == 2) {
    return __builtin_bswap16(value);
  } else if constexpr (sizeof(U) == 4) {
    return __builtin_bswap32(value);
  } else {
    return __builtin_bswap64(value);
  }
}
}  // namespace detail

// Reads sizeof(T) bytes at `from`; the caller has checked the bounds.
template <std::integral T>
[[nodiscard]] T load_be(const std::uint8_t* from) {
  using U = std::make_unsigned_t<T>;
  U raw;
  std::memcpy(&raw, from, sizeof raw);
  if constexpr (std::endian::native == std::endian::little) raw = detail::byte_swapped(raw);
  return static_cast<T>(raw);
}

// Writes sizeof(T) bytes at `to`; the caller has checked the bounds.
template <std::integral T>
void store_be(std::uint8_t* to, T value) {
  auto raw = static_cast<std::make_unsigned_t<T>>(value);
  if constexpr (std::endian::native == std::endian::little) raw = detail::byte_swapped(raw);
  std::memcpy(to, &raw, sizeof raw);
}

}  // namespace squall
