// Reads what a Fetch asks for, as file ranges: nothing is copied. One pass over the partitions in order, within the limits of
// KIP-74: bytes per response and per partition, and a first batch that is larger than both is still given.
//
// Consumers read below the high watermark, from the leader, or from a follower if they know of that (KIP-392). Followers read
// to the log end, from the leader alone; where they fetch from is how far they have come.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
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
  bool followers_serve = false;  // the consumer may be served by a follower, or sent to one
  std::string_view rack;         // of the consumer; empty: none
  // The follower that fetches; no_node: a consumer does.
  NodeId replica = no_node;
  BrokerEpoch replica_epoch = no_broker_epoch;
  // The first pass of a request tells the partition how far the follower has come.
  bool counts = true;

  [[nodiscard]] bool from_replica() const { return replica != no_node; }
};

struct PartitionRead {
  protocol::ErrorCode error = protocol::ErrorCode::none;
  PartitionRef partition;  // null with most errors
  log::FileRange range;
  Offset high_watermark = no_offset;
  Offset last_stable = no_offset;
  Offset log_start = no_offset;
  Offset seen_end = no_offset;  // what was readable: more than that is news
  LeaderEpoch epoch = no_epoch;
  Offset owes_above = no_offset;  // a higher high watermark than this is news to the follower; no_offset: none is
  bool listed = false;            // counts for the leader's throttle (KIP-73)
  NodeId preferred = no_node;     // where the consumer should read instead
  std::optional<EpochEndOffset> diverging;
  std::vector<log::AbortedTransaction> aborted;
};

// A partition that a fetch reads.
struct FetchItem {
  FetchPartition wanted;
  FetchPartitionState* state = nullptr;  // in the session of the fetch; null: it has none
  bool due = true;                       // to be read in the next pass
  PartitionRead read;
};

struct FetchPass {
  std::vector<FetchItem> items;  // in the order of service
  std::int64_t bytes = 0;
  std::int64_t readable_bytes = 0;        // with the batches that the limits cut: what counts for min_bytes
  bool answer_at_once = false;            // an error, or a divergence: not worth waiting
  FetchSessionCache::SessionRef session;  // null: none
  std::int32_t session_epoch = 0;

  // While the fetch waits, the session may be evicted, or a later request may take it over: then nothing of it is ours.
  [[nodiscard]] bool owns_session() const {
    return session != nullptr && !session->gone() && session->next_epoch() == session_epoch;
  }
};

// Reads what is due. What is not was read to its end, and had nothing. May wait.
void read_partitions(BrokerState& broker, const FetchLimits& limits, FetchPass& pass);

// There was nothing that the client has not, and nothing about the partition that it should hear of: it need not be read again
// until something happens to it.
[[nodiscard]] bool is_settled(const FetchItem& item, const FetchLimits& limits);

// Whether the partition has something new by now. Does not wait.
[[nodiscard]] bool has_news(const PartitionRead& read, const FetchLimits& limits);

}  // namespace squall::broker
