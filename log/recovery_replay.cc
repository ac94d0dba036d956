// Recovery's producers: the newest usable snapshot, and the batches behind it.
#include <algorithm>
#include <map>

#include "log/files.h"
#include "log/log_state.h"
#include "log/producer_snapshot.h"
#include "log/recovery.h"

namespace squall::log {
namespace {

runtime::Result<std::vector<Offset>> snapshots_of(LogState& log) {
  const auto entries = log.world.list(log.path);
  if (!entries) return std::unexpected(entries.error());
  std::vector<Offset> offsets;
  for (const auto& entry : *entries) {
    const auto name = parse_segment_file_name(entry.name);
    if (name && name->suffix == snapshot_suffix) offsets.push_back(name->base);
  }
  return offsets;
}

std::string snapshot_path(const LogState& log, Offset at) { return log.path + "/" + segment_file_name(at, snapshot_suffix); }

// The newest snapshot at or below `limit` that can be read; the producers are set to it. Where the replay begins.
runtime::Result<Offset> load_snapshot(LogState& log, std::vector<Offset> offsets, Offset limit, std::int64_t now_ms,
                                      RecoveryReport* report) {
  std::ranges::sort(offsets, std::greater{});
  for (const Offset at : offsets) {
    if (at > limit) continue;
    const auto bytes = read_file(log.world, snapshot_path(log, at));
    if (!bytes) return std::unexpected(bytes.error());
    if (!*bytes) continue;
    const auto entries = decode_producer_snapshot(**bytes);
    if (entries) {
      log.producers.reset(*entries, at, now_ms);
      return at;
    }
    if (report != nullptr) report->note(RecoveryCase::snapshot_corrupt);
    log.world.emit(runtime::EventName::checkpoint_ignored, {{"partition", log.name}, {"file", snapshot_suffix}});
    if (auto removed = remove_if_exists(log.world, snapshot_path(log, at)); !removed) return std::unexpected(removed.error());
  }
  const Offset first = log.segments.front()->base_offset();
  if (report != nullptr && log.log_end > first) report->note(RecoveryCase::snapshot_missing);
  log.producers.reset({}, first, now_ms);
  return first;
}

SegmentResult<std::optional<TransactionMarker>> read_marker(Segment& segment, const BatchInfo& batch) {
  ByteBuffer bytes(batch.bytes);
  const auto read = runtime::pread_full(*segment.file(), bytes, batch.position);
  if (!read) return segment_error(read.error());
  const protocol::RecordBatchView view{bytes};
  if (*read < bytes.size() || !view.validate()) return std::nullopt;
  return marker_of(view);
}

SegmentResult<void> replay_segment(LogState& log, Segment& segment, Offset from, std::int64_t now_ms, bool transactions) {
  TransactionIndex index;
  const auto begin = segment.find(from);
  if (!begin) return std::unexpected(begin.error());
  if (*begin) {
    BatchScanner scanner{*segment.file(), (*begin)->position, segment.size()};
    BatchInfo batch;
    while (true) {
      const auto more = scanner.next(batch);
      if (!more) return std::unexpected(more.error());
      if (!*more) break;
      if (batch.has_producer_data()) log.producers.update(batch.producer_batch(), now_ms);
      if (!batch.control || batch.producer_id <= no_producer) continue;
      const auto marker = read_marker(segment, batch);
      if (!marker) return std::unexpected(marker.error());
      if (!*marker) continue;
      const auto completed = log.producers.update(**marker, now_ms);
      if (completed && completed->aborted) {
        index.append({completed->producer_id, completed->first_offset, completed->last_offset,
                      log.producers.last_stable_offset_after(*completed)});
      }
    }
  }
  if (transactions) segment.adopt_transactions(std::move(index));
  return {};
}

// Snapshots belong to the segments that begin where they were taken; of the others only the newest is of use.
runtime::Result<void> remove_strays(LogState& log, const std::vector<Offset>& offsets) {
  if (offsets.empty()) return {};
  const Offset newest = *std::ranges::max_element(offsets);
  for (const Offset at : offsets) {
    const bool of_segment = std::ranges::any_of(log.segments, [&](const auto& other) { return other->base_offset() == at; });
    if (at == newest || of_segment) continue;
    if (auto removed = remove_if_exists(log.world, snapshot_path(log, at)); !removed) return removed;
  }
  return {};
}

}  // namespace

runtime::Result<void> remove_snapshots_above(LogState& log, Offset offset) {
  const auto offsets = snapshots_of(log);
  if (!offsets) return std::unexpected(offsets.error());
  for (const Offset at : *offsets) {
    if (at <= offset) continue;
    if (auto removed = remove_if_exists(log.world, snapshot_path(log, at)); !removed) return removed;
  }
  return {};
}

SegmentResult<void> replay_producers(LogState& log, std::int64_t now_ms, std::optional<Offset> transactions_from,
                                     RecoveryReport* report) {
  auto offsets = snapshots_of(log);
  if (!offsets) return segment_error(offsets.error());
  if (report != nullptr && std::ranges::any_of(*offsets, [&](Offset at) { return at > log.log_end; })) {
    report->note(RecoveryCase::snapshot_above_end);
  }
  if (auto removed = remove_snapshots_above(log, log.log_end); !removed) return segment_error(removed.error());
  std::erase_if(*offsets, [&](Offset at) { return at > log.log_end; });
  const auto from = load_snapshot(log, *offsets, transactions_from.value_or(log.log_end), now_ms, report);
  if (!from) return segment_error(from.error());
  const std::vector<std::shared_ptr<Segment>> segments = log.segments;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const Offset end = i + 1 < segments.size() ? segments[i + 1]->base_offset() : log.log_end;
    const bool transactions = transactions_from && segments[i]->base_offset() >= *transactions_from;
    if (end <= *from && !transactions) continue;
    if (auto done = replay_segment(log, *segments[i], *from, now_ms, transactions); !done) return done;
  }
  log.producers.set_end(log.log_end);
  log.producers.check_invariants();
  if (report != nullptr) {
    if (auto removed = remove_strays(log, *offsets); !removed) return segment_error(removed.error());
  }
  return {};
}

}  // namespace squall::log
