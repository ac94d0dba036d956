#include "base/random.h"

#include <array>
#include <bit>

#include "base/assert.h"
#include "base/uint128.h"

namespace squall {
namespace {

constexpr std::uint64_t split_mix(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15U;
  std::uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31);
}

// log2 of 1.0 … 2.0, given in units of 2^-31 in [2^31, 2^32), in units of 2^-32: bit by bit, by squaring.
constexpr std::uint64_t log2_q32(std::uint64_t mantissa) {
  std::uint64_t fraction = 0;
  for (int bit = 31; bit >= 0; --bit) {
    mantissa = (mantissa * mantissa) >> 31;
    if (mantissa >= (std::uint64_t{1} << 32)) {
      mantissa >>= 1;
      fraction |= std::uint64_t{1} << bit;
    }
  }
  return fraction;
}

constexpr std::size_t log2_steps = 256;
constexpr auto log2_table = [] {
  std::array<std::uint64_t, log2_steps + 1> table{};
  for (std::size_t i = 0; i < log2_steps; ++i) table[i] = log2_q32((std::uint64_t{1} << 31) + (std::uint64_t{i} << 23));
  table[log2_steps] = std::uint64_t{1} << 32;
  return table;
}();

// -log2(x / 2^64) in units of 2^-32, for x >= 1: the whole part from the leading zeros, the fraction between two steps of the
// table, which is exact to a few millionths. In integers: the same on every machine.
constexpr std::uint64_t minus_log2_q32(std::uint64_t x) {
  const int zeros = std::countl_zero(x);
  const std::uint64_t mantissa = (x << zeros) << 1;  // without the leading one
  const auto step = static_cast<std::size_t>(mantissa >> 56);
  const std::uint64_t within = (mantissa >> 24) & 0xffff'ffffU;
  const std::uint64_t fraction = log2_table[step] + (((log2_table[step + 1] - log2_table[step]) * within) >> 32);
  return ((static_cast<std::uint64_t>(zeros) + 1) << 32) - fraction;
}

}  // namespace

Random::Random(std::uint64_t seed) : seed_{seed} {
  std::uint64_t mixer = seed;
  for (auto& word : state_) word = split_mix(mixer);
}

Random Random::fork(std::string_view name) const {
  std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a, then mixed with the parent's seed
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  std::uint64_t mixer = seed_ ^ std::rotl(hash, 17);
  const std::uint64_t first = split_mix(mixer);
  return Random{first ^ hash};
}

std::uint64_t Random::next() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

std::uint64_t Random::below(std::uint64_t bound) {
  SQUALL_ASSERT(bound > 0, "a draw needs at least one outcome");
  // Multiply-and-reject (Lemire, 2019): unbiased.
  auto product = static_cast<uint128>(next()) * bound;
  if (static_cast<std::uint64_t>(product) < bound) {
    const std::uint64_t threshold = (0 - bound) % bound;
    while (static_cast<std::uint64_t>(product) < threshold) product = static_cast<uint128>(next()) * bound;
  }
  return static_cast<std::uint64_t>(product >> 64);
}

std::int64_t Random::between(std::int64_t low, std::int64_t high) {
  SQUALL_ASSERT(low <= high, "a range must not be empty");
  const std::uint64_t width = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low) + 1;
  const std::uint64_t step = width == 0 ? next() : below(width);
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + step);
}

Duration Random::exponential(Duration mean) {
  SQUALL_ASSERT(mean.count() >= 0, "a mean must not be negative");
  const std::uint64_t x = next() | 1;
  // -ln(u) = -log2(u) * ln 2; ln 2 = 2977044472 / 2^32.
  const auto minus_ln_q32 = static_cast<std::uint64_t>((static_cast<uint128>(minus_log2_q32(x)) * 2977044472U) >> 32);
  return Duration{
      static_cast<std::int64_t>((static_cast<uint128>(minus_ln_q32) * static_cast<std::uint64_t>(mean.count())) >> 32)};
}

void Random::fill(std::span<std::uint8_t> bytes) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    std::uint64_t word = next();
    for (int i = 0; i < 8 && at < bytes.size(); ++i, ++at, word >>= 8) bytes[at] = static_cast<std::uint8_t>(word);
  }
}

}  // namespace squall
