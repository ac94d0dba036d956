// Reads what a Fetch asks for, as file ranges: nothing is copied. One pass over the partitions in order, within the limits of
// KIP-74: bytes per response and per partition, and a first batch that is larger than both is still given.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "broker/fetch_session.h"
#include "broker/partition_table.h"
#include "broker/topic_lookup.h"
#include "log/log.h"
#include "protocol/error_code.h"

namespace squall::broker {

struct BrokerState;

struct FetchLimits {
  TopicNaming naming = TopicNaming::by_name;
  std::int64_t max_bytes = 0;  // of the response
  bool read_committed = false;
  bool from_replica = false;  // this node has none: refused
};

struct PartitionRead {
  protocol::ErrorCode error = protocol::ErrorCode::none;
  PartitionRef partition;  // null with most errors
  log::FileRange range;
  Offset high_watermark = no_offset;
  Offset last_stable = no_offset;
  Offset log_start = no_offset;
  Offset seen_end = no_offset;  // what was readable: more than that is news
  std::optional<log::EpochEnd> diverging;
  std::vector<log::AbortedTransaction> aborted;
};

struct FetchPass {
  std::vector<PartitionRead> reads;  // one per partition asked for
  std::int64_t bytes = 0;
  std::int64_t readable_bytes = 0;  // with the batches that the limits cut: what counts for min_bytes
  bool answer_at_once = false;      // an error, or a divergence: not worth waiting
};

// May wait.
void read_partitions(const BrokerState& broker, std::span<const FetchPartition> wanted, const FetchLimits& limits,
                     FetchPass& pass);

// Whether a partition of the pass has something new by now. Does not wait.
[[nodiscard]] bool has_news(const FetchPass& pass, const FetchLimits& limits);

}  // namespace squall::broker
