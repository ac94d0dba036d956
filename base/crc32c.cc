#include "base/crc32c.h"

#include <isa-l/crc.h>

#include <algorithm>

namespace squall {

std::uint32_t crc32c(ByteView bytes, std::uint32_t previous) {
  std::uint32_t state = ~previous;
  constexpr std::size_t chunk_max = std::size_t{1} << 30;  // the library counts in int
  while (!bytes.empty()) {
    const std::size_t chunk = std::min(bytes.size(), chunk_max);
    // The library takes a non-const pointer but only reads.
    state = crc32_iscsi(const_cast<std::uint8_t*>(bytes.data()), static_cast<int>(chunk), state);
    bytes = bytes.subspan(chunk);
  }
  return ~state;
}

}  // namespace squall
