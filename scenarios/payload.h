// What the records of a workload carry: enough to tell of any record read who sent it, where to and as the how-manieth, and
// whether a single byte of it has changed.
//
//   crc32c (4) | workload (2) | client (2) | partition (4) | sequence (8) | timestamp ms (8) | filler
//
// All big-endian. The checksum covers everything after it. `partition` is the history's index of topic and partition, so that a
// record which turns up in another partition is noticed. The filler is a function of the sequence.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.h"

namespace squall::scenarios {

struct RecordTag {
  std::uint16_t workload = 0;
  std::uint16_t client = 0;     // index over all clients of the run
  std::uint32_t partition = 0;  // index in the history
  std::uint64_t sequence = 0;   // of this client in this partition, from 0
  std::int64_t timestamp_ms = 0;
  bool operator==(const RecordTag&) const = default;
};

inline constexpr std::size_t payload_bytes_min = 28;
// What the run itself writes to see that a partition works, and which says nothing of the workloads.
inline constexpr std::uint16_t probe_workload = UINT16_MAX;

// `into.size()` >= payload_bytes_min.
void write_payload(MutableBytes into, const RecordTag& tag);
// Nothing when these are not the bytes that some workload wrote.
[[nodiscard]] std::optional<RecordTag> read_payload(ByteView bytes);

}  // namespace squall::scenarios
