#include "base/uuid.h"

#include "base/uint128.h"

namespace squall {
namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

uint128 joined(const Uuid& id) { return (static_cast<uint128>(id.most_significant) << 64) | id.least_significant; }

}  // namespace

Uuid Uuid::random(Random& random) {
  while (true) {
    Uuid id{random.next(), random.next()};
    id.most_significant = (id.most_significant & ~0xf000ULL) | 0x4000ULL;
    id.least_significant = (id.least_significant & ~(3ULL << 62)) | (1ULL << 63);
    if (id.to_string().front() != '-') return id;
  }
}

std::optional<Uuid> Uuid::parse(std::string_view text) {
  if (text.size() != 22) return std::nullopt;
  uint128 value = 0;
  for (std::size_t i = 0; i < 21; ++i) {
    const auto digit = alphabet.find(text[i]);
    if (digit == std::string_view::npos) return std::nullopt;
    value = (value << 6) | digit;
  }
  const auto last = alphabet.find(text[21]);  // 21 digits carry 126 bits, the last one 2 bits and 4 zeros
  if (last == std::string_view::npos || (last & 15U) != 0) return std::nullopt;
  value = (value << 2) | (last >> 4);
  return Uuid{static_cast<std::uint64_t>(value >> 64), static_cast<std::uint64_t>(value)};
}

std::string Uuid::to_string() const {
  std::string text(22, '\0');
  auto value = joined(*this);
  text[21] = alphabet[static_cast<std::size_t>(value & 3U) << 4];
  value >>= 2;
  for (std::size_t i = 21; i-- > 0; value >>= 6) text[i] = alphabet[static_cast<std::size_t>(value & 63U)];
  return text;
}

}  // namespace squall
