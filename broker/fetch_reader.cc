#include "broker/fetch_reader.h"

#include <algorithm>

#include "broker/broker_state.h"
#include "broker/replication/epoch_check.h"
#include "broker/replication/read_replica.h"
#include "broker/topic_lookup.h"

namespace squall::broker {
namespace {

using protocol::ErrorCode;

Offset readable_end(const Partition& partition, const FetchLimits& limits) {
  return limits.read_committed ? partition.log().last_stable_offset() : partition.log().high_watermark();
}

void note_offsets(PartitionRead& read) {
  const log::Log& log = read.partition->log();
  read.high_watermark = log.high_watermark();
  read.last_stable = log.last_stable_offset();
  read.log_start = log.log_start_offset();
}

EpochEndOffset epoch_end(const log::Log& log, LeaderEpoch epoch) {
  if (epoch <= no_epoch) return {};
  const log::EpochEnd end = log.end_offset_for_epoch(epoch);
  return {end.epoch, end.end_offset};
}

// Who may read the partition at all.
ErrorCode admit(const Partition& partition, const FetchPartition& wanted, const FetchLimits& limits) {
  const std::int32_t epoch = wanted.current_leader_epoch.value();
  if (!limits.from_replica()) {
    const bool follows = limits.followers_serve && partition.core().follower() != nullptr;
    return follows ? check_leader_epoch(partition, epoch) : check_leads(partition, epoch);
  }
  if (const ErrorCode error = check_leads(partition, epoch); error != ErrorCode::none) return error;
  return partition.admit_fetch(limits.replica, wanted.current_leader_epoch, limits.replica_epoch);
}

void read_records(const FetchPartition& wanted, const FetchLimits& limits, std::int64_t left, FetchPass& pass,
                  PartitionRead& read) {
  log::Log& log = read.partition->log();
  const bool first = pass.bytes == 0;
  const std::int64_t room = std::min<std::int64_t>(left, std::max(wanted.max_bytes, 0));
  if (wanted.fetch_offset >= read.seen_end || (room <= 0 && !first)) return;
  auto result = log.read(wanted.fetch_offset, {.max_bytes = static_cast<std::uint64_t>(std::max<std::int64_t>(room, 0)),
                                               .upper_bound = read.seen_end,
                                               .min_one_message = first});
  if (!result) {
    read.error = error_code_of(result.error());
    return;
  }
  read.range = std::move(result->range);
  pass.bytes += static_cast<std::int64_t>(read.range.bytes);
  pass.readable_bytes += static_cast<std::int64_t>(result->readable_bytes);
  if (!limits.read_committed || read.range.bytes == 0) return;
  auto aborted = log.aborted_transactions(wanted.fetch_offset, read.seen_end);
  if (aborted) {
    read.aborted = std::move(*aborted);
  } else {
    read.error = error_code_of(aborted.error());
  }
}

bool is_held_back(BrokerState& broker, const FetchLimits& limits, PartitionRead& read) {
  read.listed = read.partition->throttled_as_leader();
  if (!read.listed) return false;
  const bool in_sync = contains(read.partition->core().leader()->in_sync(), limits.replica);
  return is_throttled(read.listed, in_sync, broker.leader_throttle, broker.world.now());
}

void read_for_replica(BrokerState& broker, const FetchPartition& wanted, const FetchLimits& limits, std::int64_t left,
                      FetchPass& pass, PartitionRead& read) {
  Partition& partition = *read.partition;
  const Offset leader_end = read.seen_end;
  if (!is_held_back(broker, limits, read)) read_records(wanted, limits, left, pass, read);
  if (read.error != ErrorCode::none) return;
  if (limits.counts) {
    // Reading may have waited: the core judges whether the leadership is still the one that admitted the fetch.
    read.error = partition.replica_fetched(read.epoch, limits.replica,
                                           {.fetch_offset = wanted.fetch_offset,
                                            .log_start = wanted.follower_log_start,
                                            .broker_epoch = limits.replica_epoch,
                                            .stated_high_watermark = wanted.follower_high_watermark,
                                            .leader_end = leader_end});
  } else if (!partition.leads() || partition.leader_epoch() != read.epoch) {
    read.error = ErrorCode::not_leader_or_follower;
  }
  if (read.error != ErrorCode::none || !partition.online()) return;
  note_offsets(read);
  // What it has not fetched yet cannot be committed to it.
  const Offset stated = wanted.follower_high_watermark;
  if (stated != no_offset && stated < wanted.fetch_offset) read.owes_above = stated;
}

// KIP-392: the leader names a replica that is nearer, and the consumer comes back if that does not serve it.
std::optional<NodeId> nearer_replica(const BrokerState& broker, const FetchPartition& wanted, const FetchLimits& limits,
                                     const PartitionRead& read) {
  if (limits.rack.empty() || !broker.selects_by_rack || !read.partition->leads()) return std::nullopt;
  const auto image = broker.image();
  std::vector<ReadCandidate> candidates;
  for (const auto& [id, known] : image->brokers) {
    if (known.rack) candidates.push_back({.id = id, .rack = *known.rack, .live = known.is_active()});
  }
  return preferred_read_replica(*read.partition->core().leader(), broker.config.node_id, limits.rack, wanted.fetch_offset,
                                candidates);
}

void read_one(BrokerState& broker, const FetchPartition& wanted, const FetchLimits& limits, std::int64_t left, FetchPass& pass,
              PartitionRead& read) {
  read.error = admit(*read.partition, wanted, limits);
  if (read.error != ErrorCode::none) return;
  note_offsets(read);
  const log::Log& log = read.partition->log();
  read.epoch = read.partition->leader_epoch();
  read.seen_end = limits.from_replica() ? log.log_end_offset() : readable_end(*read.partition, limits);
  const EpochEndOffset end = epoch_end(log, wanted.last_fetched_epoch);
  const LeaderEpoch last_epoch = std::max(wanted.last_fetched_epoch, no_epoch);
  switch (fit_of_fetch(wanted.fetch_offset, last_epoch, end, read.log_start, log.log_end_offset())) {
    case FetchFit::diverges: read.diverging = end; return;
    case FetchFit::out_of_range: read.error = ErrorCode::offset_out_of_range; return;
    case FetchFit::fits: break;
  }
  if (limits.from_replica()) return read_for_replica(broker, wanted, limits, left, pass, read);
  if (limits.followers_serve) {
    if (const auto nearer = nearer_replica(broker, wanted, limits, read)) {
      read.preferred = *nearer;
      return;
    }
  }
  read_records(wanted, limits, left, pass, read);
}

bool owes(const PartitionRead& read) { return read.owes_above != no_offset && read.high_watermark > read.owes_above; }

bool is_final(const PartitionRead& read) {
  return read.error != ErrorCode::none || read.diverging.has_value() || read.preferred != no_node;
}

// What the session watches from before the partition is read, so that it misses nothing.
void watch(const FetchPass& pass, const FetchLimits& limits, const FetchItem& item) {
  if (!pass.owns_session() || item.read.partition == nullptr) return;
  WatchList& list = limits.from_replica() ? item.read.partition->replica_watchers() : item.read.partition->watchers();
  if (!item.state->is_in(list)) item.state->join(list);
}

void read_item(BrokerState& broker, const FetchLimits& limits, FetchPass& pass, FetchItem& item) {
  const FetchKey& key = item.wanted.key;
  PartitionRead& read = item.read = {};
  FoundPartition found = find_partition(broker, limits.naming, key.topic, key.topic_id, key.partition.value());
  read.error = found.error;
  read.partition = std::move(found.partition);
  watch(pass, limits, item);
  const std::int64_t left = limits.max_bytes - pass.bytes;
  if (read.error == ErrorCode::none) read_one(broker, item.wanted, limits, left, pass, read);
}

}  // namespace

void read_partitions(BrokerState& broker, const FetchLimits& limits, FetchPass& pass) {
  pass.bytes = 0;
  pass.readable_bytes = 0;
  pass.answer_at_once = false;
  for (FetchItem& item : pass.items) {
    if (!item.due) continue;
    item.due = false;
    read_item(broker, limits, pass, item);
    if (item.read.error != ErrorCode::none) item.read.range = {};
    pass.answer_at_once = pass.answer_at_once || is_final(item.read) || owes(item.read);
  }
}

bool is_settled(const FetchItem& item, const FetchLimits& limits) {
  const PartitionRead& read = item.read;
  if (is_final(read) || read.range.bytes > 0 || item.wanted.fetch_offset < read.seen_end) return false;
  if (!limits.from_replica()) return true;
  // A leader that may take the follower into the ISR looks at each of its fetches.
  const LeaderState* leader = read.partition->core().leader();
  return leader != nullptr && leader->in_maximal(limits.replica);
}

bool has_news(const PartitionRead& read, const FetchLimits& limits) {
  if (read.partition == nullptr) return false;
  const Partition& partition = *read.partition;
  if (!partition.online() || partition.leader_epoch() != read.epoch) return true;
  if (!limits.from_replica()) return readable_end(partition, limits) != read.seen_end;
  const bool owed = read.owes_above != no_offset && partition.high_watermark() > read.owes_above;
  return owed || !partition.leads() || partition.log().log_end_offset() != read.seen_end;
}

}  // namespace squall::broker
