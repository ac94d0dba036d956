// Looking up offsets: ListOffsets at the partitions' leaders.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/types.h"
#include "client/cluster.h"
#include "client/error.h"
#include "client/topic_partition.h"

namespace squall::client {

enum class IsolationLevel : std::int8_t { read_uncommitted = 0, read_committed = 1 };

// A timestamp in milliseconds, or one of ListOffsets' special values.
struct OffsetSpec {
  std::int64_t timestamp_ms = 0;

  [[nodiscard]] static constexpr OffsetSpec latest() { return {-1}; }
  [[nodiscard]] static constexpr OffsetSpec earliest() { return {-2}; }
  [[nodiscard]] static constexpr OffsetSpec max_timestamp() { return {-3}; }
  // The first record whose timestamp is at or after `ms` (>= 0).
  [[nodiscard]] static constexpr OffsetSpec at_timestamp(std::int64_t ms) { return {ms}; }
};

struct FoundOffset {
  Offset offset = no_offset;       // no_offset: no record is that young
  std::int64_t timestamp_ms = -1;  // of the record, where one was looked for
  LeaderEpoch leader_epoch = no_epoch;
};

// May wait. Asks the leader, again while the failure may pass, until the deadline.
[[nodiscard]] Result<FoundOffset> find_offset(Cluster& cluster, const TopicPartition& partition, OffsetSpec spec,
                                              IsolationLevel isolation, Instant deadline);

}  // namespace squall::client
