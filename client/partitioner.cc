#include "client/partitioner.h"

#include "base/assert.h"

namespace squall::client {

// MurmurHash2 (Austin Appleby), 32 bits, with the seed and the byte order of Java's clients.
std::uint32_t murmur2(ByteView bytes) {
  constexpr std::uint32_t seed = 0x9747b28c;
  constexpr std::uint32_t multiplier = 0x5bd1e995;
  constexpr unsigned shift = 24;
  std::uint32_t hash = seed ^ static_cast<std::uint32_t>(bytes.size());
  std::size_t at = 0;
  for (; at + 4 <= bytes.size(); at += 4) {
    std::uint32_t word = std::uint32_t{bytes[at]} | std::uint32_t{bytes[at + 1]} << 8 | std::uint32_t{bytes[at + 2]} << 16 |
                         std::uint32_t{bytes[at + 3]} << 24;
    word *= multiplier;
    word ^= word >> shift;
    word *= multiplier;
    hash = hash * multiplier ^ word;
  }
  const std::size_t rest = bytes.size() - at;
  for (std::size_t index = rest; index > 0; --index) hash ^= std::uint32_t{bytes[at + index - 1]} << (8 * (index - 1));
  if (rest > 0) hash *= multiplier;
  hash ^= hash >> 13;
  hash *= multiplier;
  return hash ^ hash >> 15;
}

PartitionIndex partition_for_key(ByteView key, std::size_t partitions) {
  SQUALL_ASSERT(partitions > 0, "a topic has a partition");
  return PartitionIndex{static_cast<std::int32_t>((murmur2(key) & 0x7FFFFFFF) % partitions)};
}

}  // namespace squall::client
