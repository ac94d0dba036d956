#include "broker/fetch_reader.h"

#include <algorithm>

#include "broker/broker_state.h"
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

// KIP-595 and KIP-320: the reader's last epoch ended elsewhere here, so its log and this one part ways.
std::optional<log::EpochEnd> divergence(const log::Log& log, const FetchPartition& wanted) {
  if (wanted.last_fetched_epoch <= no_epoch) return std::nullopt;
  const log::EpochEnd end = log.end_offset_for_epoch(wanted.last_fetched_epoch);
  if (end.epoch == wanted.last_fetched_epoch && end.end_offset >= wanted.fetch_offset) return std::nullopt;
  return end;
}

void read_one(const FetchPartition& wanted, const FetchLimits& limits, std::int64_t left, FetchPass& pass,
              PartitionRead& read) {
  read.error = check_leader_epoch(*read.partition, wanted.current_leader_epoch.value());
  if (read.error != ErrorCode::none) return;
  note_offsets(read);
  log::Log& log = read.partition->log();
  read.seen_end = readable_end(*read.partition, limits);
  read.diverging = divergence(log, wanted);
  if (read.diverging) return;
  if (wanted.fetch_offset < read.log_start || wanted.fetch_offset > log.log_end_offset()) {
    read.error = ErrorCode::offset_out_of_range;
    return;
  }
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

}  // namespace

void read_partitions(const BrokerState& broker, std::span<const FetchPartition> wanted, const FetchLimits& limits,
                     FetchPass& pass) {
  pass.reads.clear();
  pass.reads.resize(wanted.size());
  pass.bytes = 0;
  pass.readable_bytes = 0;
  pass.answer_at_once = false;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    PartitionRead& read = pass.reads[i];
    FoundPartition found =
        find_partition(broker, limits.naming, wanted[i].key.topic, wanted[i].key.topic_id, wanted[i].key.partition.value());
    read.error = limits.from_replica && found.error == ErrorCode::none ? ErrorCode::not_leader_or_follower : found.error;
    read.partition = std::move(found.partition);
    if (read.error == ErrorCode::none) read_one(wanted[i], limits, limits.max_bytes - pass.bytes, pass, read);
    if (read.error != ErrorCode::none) read.range = {};
    pass.answer_at_once = pass.answer_at_once || read.error != ErrorCode::none || read.diverging.has_value();
  }
}

bool has_news(const FetchPass& pass, const FetchLimits& limits) {
  return std::ranges::any_of(pass.reads, [&](const PartitionRead& read) {
    if (read.partition == nullptr) return false;
    return !read.partition->online() || readable_end(*read.partition, limits) != read.seen_end;
  });
}

}  // namespace squall::broker
