// Reading: file ranges, offsets by timestamp, aborted transactions.
#include <algorithm>

#include "base/assert.h"
#include "log/log_state.h"
#include "log/validation.h"

namespace squall::log {
namespace {

struct Place {
  std::shared_ptr<Segment> segment;
  OffsetIndex::Place batch;
};

// The batch that holds `offset`, or the first one above it. Nothing if there is none.
std::expected<std::optional<Place>, LogError> place_of(LogState& log, Offset offset) {
  std::shared_ptr<Segment> segment = log.segment_of(offset);
  if (segment == nullptr && !log.segments.empty()) segment = log.segments.front();
  while (segment != nullptr) {
    const auto found = segment->locate(offset);
    if (!found) return log.failed(found.error(), "read");
    log.used(segment);
    if (*found) return Place{segment, **found};
    // Nothing there (an empty segment, or a gap): the next one. The list may have changed while we waited.
    const auto next = std::ranges::upper_bound(log.segments, segment->base_offset(), {},
                                               [](const auto& other) { return other->base_offset(); });
    segment = next == log.segments.end() ? nullptr : *next;
  }
  return std::nullopt;
}

// Where in `segment` the batches below `bound` end.
std::expected<std::uint64_t, LogError> end_position(LogState& log, const std::shared_ptr<Segment>& segment, Offset bound) {
  // Offset and size are taken together, without a wait between: an append moves both (KAFKA-9835).
  const std::uint64_t size = segment->size();
  const auto next = std::ranges::upper_bound(log.segments, segment->base_offset(), {},
                                             [](const auto& other) { return other->base_offset(); });
  const Offset end = next == log.segments.end() ? log.log_end : (*next)->base_offset();
  if (bound >= end) return size;
  const auto found = segment->locate(bound);
  if (!found) return log.failed(found.error(), "read");
  return *found ? (*found)->position : size;
}

// `bytes` from `first` on without the batch that they would cut in two, as far as its boundaries are known: nobody can use a
// piece of it, and it would be sent again.
std::uint64_t whole_batches(const Segment& segment, const OffsetIndex::Place& first, std::uint64_t bytes, std::uint64_t end) {
  if (bytes < first.bytes) return 0;
  if (first.position + bytes == end) return bytes;
  const auto cut = segment.cut_batch(first.position + bytes);
  return cut ? *cut - first.position : bytes;
}

// The first record of `batch` that satisfies `wanted`, its bytes read from `segment`.
template <class Wanted>
std::expected<std::optional<TimestampOffset>, LogError> find_record(LogState& log, Segment& segment, const BatchInfo& info,
                                                                    Wanted wanted) {
  ByteBuffer bytes(info.bytes);
  const auto read = runtime::pread_full(*segment.file(), bytes, info.position);
  if (!read) return log.failed(read.error(), "read");
  if (*read < bytes.size()) return std::unexpected(LogError::corrupt_message);
  const protocol::RecordBatchView batch{bytes};
  if (!batch.validate()) return std::unexpected(LogError::corrupt_message);
  protocol::Compressor compressor;
  ByteBuffer scratch;
  auto reader = protocol::RecordReader::open(batch, compressor, scratch, decompressed_bytes_max);
  if (!reader) {
    const bool too_large = reader.error() == protocol::BatchError::too_large;
    return std::unexpected(too_large ? LogError::message_too_large : LogError::corrupt_message);
  }
  for (protocol::RecordView record; reader->next(record);) {
    if (wanted(record)) return TimestampOffset{record.timestamp_ms, record.offset, batch.partition_leader_epoch()};
  }
  return std::nullopt;
}

}  // namespace

std::expected<ReadResult, LogError> Log::read(Offset from, const ReadLimits& limits) {
  LogState& log = *state_;
  while (true) {
    if (const auto usable = log.usable(); !usable) return std::unexpected(usable.error());
    if (from < log.log_start || from > log.log_end) return std::unexpected(LogError::offset_out_of_range);
    ReadResult result{.range = {},
                      .log_start_offset = log.log_start,
                      .high_watermark = log.high_watermark,
                      .last_stable_offset = log.last_stable()};
    const Offset bound = std::min(limits.upper_bound, log.log_end);
    if (from >= bound || (limits.max_bytes == 0 && !limits.min_one_message)) return result;
    const std::uint64_t truncations = log.truncations;
    const auto place = place_of(log, from);
    if (!place) return std::unexpected(place.error());
    if (!*place) {
      if (truncations != log.truncations) continue;
      return result;
    }
    const auto end = end_position(log, (*place)->segment, bound);
    if (!end) return std::unexpected(end.error());
    if (truncations != log.truncations) continue;  // what was found may be gone (KAFKA-18723)
    const OffsetIndex::Place& first = (*place)->batch;
    if (*end <= first.position) return result;  // the bound lies in or before this batch
    const std::uint64_t room = limits.min_one_message ? std::max(limits.max_bytes, first.bytes) : limits.max_bytes;
    result.readable_bytes = std::min(*end - first.position, room);
    const std::uint64_t bytes = whole_batches(*(*place)->segment, first, result.readable_bytes, *end);
    if (bytes > 0) result.range = {(*place)->segment->file(), first.position, bytes};
    return result;
  }
}

std::expected<std::optional<TimestampOffset>, LogError> Log::offset_for_timestamp(std::int64_t timestamp_ms,
                                                                                  Offset upper_bound) {
  LogState& log = *state_;
  if (const auto usable = log.usable(); !usable) return std::unexpected(usable.error());
  const std::vector<std::shared_ptr<Segment>> segments = log.segments;
  for (const auto& segment : segments) {
    const auto newest = segment->max_timestamp();
    if (!newest) return log.failed(newest.error(), "read");
    log.used(segment);
    if (*newest < timestamp_ms) continue;
    const auto first = segment->find_timestamp(timestamp_ms);
    if (!first) return log.failed(first.error(), "read");
    if (!*first) continue;
    BatchScanner scanner{*segment->file(), (*first)->position, segment->size()};
    BatchInfo batch;
    while (true) {
      const auto more = scanner.next(batch);
      if (!more) return log.failed(more.error(), "read");
      if (!*more) break;
      if (batch.base_offset >= upper_bound) return std::nullopt;
      if (batch.max_timestamp_ms < timestamp_ms || batch.last_offset < log.log_start) continue;
      auto found = find_record(log, *segment, batch, [&](const protocol::RecordView& record) {
        return record.timestamp_ms >= timestamp_ms && record.offset >= log.log_start;
      });
      if (!found) return found;
      if (!*found) continue;
      if ((*found)->offset >= upper_bound) return std::nullopt;
      return found;
    }
  }
  return std::nullopt;
}

std::expected<std::optional<TimestampOffset>, LogError> Log::offset_of_max_timestamp() {
  LogState& log = *state_;
  if (const auto usable = log.usable(); !usable) return std::unexpected(usable.error());
  std::shared_ptr<Segment> best;
  std::int64_t newest = -1;
  const std::vector<std::shared_ptr<Segment>> segments = log.segments;
  for (const auto& segment : segments) {
    const auto timestamp_ms = segment->max_timestamp();
    if (!timestamp_ms) return log.failed(timestamp_ms.error(), "read");
    log.used(segment);
    if (*timestamp_ms <= newest) continue;
    newest = *timestamp_ms;
    best = segment;
  }
  if (best == nullptr) return std::nullopt;
  const auto batch = best->find_timestamp(newest);
  if (!batch) return log.failed(batch.error(), "read");
  if (!*batch) return std::nullopt;
  return find_record(log, *best, **batch, [&](const protocol::RecordView& record) { return record.timestamp_ms >= newest; });
}

std::expected<std::vector<AbortedTransaction>, LogError> Log::aborted_transactions(Offset from, Offset upper_bound) {
  LogState& log = *state_;
  if (const auto usable = log.usable(); !usable) return std::unexpected(usable.error());
  std::vector<AbortedTransaction> aborted;
  const std::vector<std::shared_ptr<Segment>> segments = log.segments;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (i + 1 < segments.size() && segments[i + 1]->base_offset() <= from) continue;
    const auto index = segments[i]->transactions();
    if (!index) return log.failed(index.error(), "read");
    for (const TransactionIndex::Entry& entry : (*index)->entries()) {
      if (entry.last_offset >= from && entry.first_offset < upper_bound) {
        aborted.push_back({entry.producer_id, entry.first_offset});
      }
      // Every transaction that begins below is decided here: what lies further on cannot reach back (KIP-98).
      if (entry.last_stable_offset >= upper_bound) return aborted;
    }
    log.used(segments[i]);
  }
  return aborted;
}

}  // namespace squall::log
