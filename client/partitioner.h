// To which partition a record goes that names none: by the hash of its key, as Java's clients do; without a key, to a partition
// that is kept until a batch's worth of bytes has gone there (KIP-480, KIP-794).
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/random.h"
#include "base/types.h"

namespace squall::client {

[[nodiscard]] std::uint32_t murmur2(ByteView bytes);
// `partitions` > 0.
[[nodiscard]] PartitionIndex partition_for_key(ByteView key, std::size_t partitions);

class StickyPartition {
 public:
  // `partitions` > 0.
  [[nodiscard]] PartitionIndex choose(std::size_t partitions, std::size_t record_bytes, std::size_t stick_bytes,
                                      Random& random) {
    if (current_ >= partitions || sent_bytes_ >= stick_bytes) {
      current_ = static_cast<std::size_t>(random.below(partitions));
      sent_bytes_ = 0;
    }
    sent_bytes_ += record_bytes;
    return PartitionIndex{static_cast<std::int32_t>(current_)};
  }

 private:
  std::size_t current_ = SIZE_MAX;
  std::size_t sent_bytes_ = 0;
};

}  // namespace squall::client
