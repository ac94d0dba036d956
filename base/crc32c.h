// CRC32C (Castagnoli), the checksum of record batches. Uses the processor's CRC instructions where there are any.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace squall {

// The checksum of `bytes`, continuing from `previous` (the checksum of what came before; 0 at the start).
[[nodiscard]] std::uint32_t crc32c(ByteView bytes, std::uint32_t previous = 0);

}  // namespace squall
