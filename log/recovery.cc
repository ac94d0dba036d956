#include "log/recovery.h"

#include <algorithm>
#include <limits>

#include "base/assert.h"
#include "log/files.h"
#include "log/log_state.h"

namespace squall::log {

using runtime::EventName;

void RecoveryReport::note(RecoveryCase found) {
  if (!has(found)) cases.push_back(found);
}

bool RecoveryReport::has(RecoveryCase found) const { return std::ranges::find(cases, found) != cases.end(); }

namespace {

void ignored(LogState& log, RecoveryReport& report, RecoveryCase found, std::string_view file) {
  report.note(found);
  log.world.emit(EventName::checkpoint_ignored, {{"partition", log.name}, {"file", file}});
}

// Row 17: every batch says its epoch.
SegmentResult<void> rebuild_epochs(LogState& log) {
  log.epochs.clear();
  for (const auto& segment : log.segments) {
    BatchScanner scanner{*segment->file(), 0, segment->size()};
    BatchInfo batch;
    while (true) {
      const auto more = scanner.next(batch);
      if (!more && more.error().code == LogError::storage_error) return std::unexpected(more.error());
      if (!more || !*more) break;
      if (batch.leader_epoch > log.epochs.latest()) (void)log.epochs.assign(batch.leader_epoch, batch.base_offset);
    }
  }
  return {};
}

std::expected<bool, LogError> read_epochs(LogState& log) {
  const auto bytes = read_file(log.world, log.path + "/" + std::string{epoch_checkpoint_name});
  if (!bytes) return log.failed(bytes.error(), epoch_checkpoint_name);
  if (!*bytes) return false;
  auto epochs = LeaderEpochs::parse(as_text(**bytes));
  if (!epochs) return false;
  log.epochs = std::move(*epochs);
  return true;
}

// Rows 6 and 12 for the active segment after a clean stop.
std::expected<bool, LogError> trust_active(LogState& log, RecoveryReport& report) {
  Segment& active = log.active();
  const auto rebuilt = active.load_indexes();
  if (!rebuilt) {
    if (rebuilt.error().code == LogError::corrupt_message) return false;
    return log.failed(rebuilt.error(), "load");
  }
  if (*rebuilt && active.size() > 0) ignored(log, report, RecoveryCase::index_rebuilt, index_suffix);
  const auto end = active.rescan_tail();
  if (!end) {
    if (end.error().code == LogError::corrupt_message) return false;
    return log.failed(end.error(), "load");
  }
  log.log_end = std::max(*end, active.base_offset());
  report.note(RecoveryCase::clean);
  return true;
}

// Rows 20 to 24.
std::expected<void, LogError> place_offsets(LogState& log, const LoadInput& input, RecoveryReport& report) {
  const Offset first = log.segments.front()->base_offset();
  if (!input.log_start || *input.log_start < first) report.note(RecoveryCase::log_start_missing);
  log.log_start = std::max(input.log_start.value_or(first), first);
  if (log.log_start > log.log_end) {
    report.note(RecoveryCase::log_start_above_end);
    const std::size_t old = log.segments.size();
    if (auto started = log.start_segment(log.log_start); !started) return started;
    if (auto deleted = log.delete_segments(0, old); !deleted) return deleted;
    log.log_end = log.log_start;
    log.epochs.clear();
  }
  log.recovery_point = input.clean ? log.log_end : input.recovery_point.value_or(Offset{0});
  if (input.recovery_point && *input.recovery_point > log.log_end) report.note(RecoveryCase::recovery_point_above_end);
  log.recovery_point = std::min(log.recovery_point, log.log_end);
  if (!input.high_watermark || *input.high_watermark < log.log_start) report.note(RecoveryCase::high_watermark_missing);
  log.high_watermark = std::max(input.high_watermark.value_or(log.log_start), log.log_start);
  if (log.high_watermark > log.log_end) {
    report.note(RecoveryCase::high_watermark_above_end);
    log.high_watermark = log.log_end;
  }
  return {};
}

// Rows 17 and 18.
std::expected<void, LogError> settle_epochs(LogState& log, bool read, RecoveryReport& report) {
  bool changed = log.epochs_dirty;
  const bool holds_records = log.log_end > log.segments.front()->base_offset();
  if (!read) {
    if (auto rebuilt = rebuild_epochs(log); !rebuilt) return log.failed(rebuilt.error(), "load");
    if (holds_records) ignored(log, report, RecoveryCase::epochs_rebuilt, epoch_checkpoint_name);
    changed = changed || !log.epochs.entries().empty();
  }
  const Offset end = log.log_end;
  if (!log.epochs.entries().empty() && log.epochs.entries().back().start > end) {
    report.note(RecoveryCase::epochs_above_end);
    changed = log.epochs.truncate_from_end(end + 1) || changed;
  }
  changed = log.epochs.truncate_from_start(log.log_start) || changed;
  return changed ? log.write_epochs() : std::expected<void, LogError>{};
}

// Row 13, for segments that were not checked. The base of the first whose index has to be made again.
std::expected<std::optional<Offset>, LogError> bad_transaction_index(LogState& log, std::size_t checked_from,
                                                                     RecoveryReport& report) {
  for (std::size_t i = 0; i < checked_from && i < log.segments.size(); ++i) {
    const Segment& segment = *log.segments[i];
    const auto bytes = read_file(log.world, segment.path(transaction_index_suffix));
    if (!bytes) return log.failed(bytes.error(), "load");
    if (!*bytes || TransactionIndex::decode(**bytes, segment.base_offset())) continue;
    ignored(log, report, RecoveryCase::transaction_index_rebuilt, transaction_index_suffix);
    return segment.base_offset();
  }
  return std::nullopt;
}

std::expected<void, LogError> open_segments(LogState& log, const LoadInput& input, RecoveryReport& report) {
  const auto bases = tidy_directory(log, report);
  if (!bases) return std::unexpected(bases.error());
  for (const Offset base : *bases) {
    auto segment = Segment::open(log.world, log.path, base);
    if (!segment) return log.failed(segment.error(), "open segment");
    log.segments.push_back(std::move(*segment));
  }
  if (!log.segments.empty()) {
    std::size_t below = 0;
    while (input.log_start && below + 1 < log.segments.size() && log.segments[below + 1]->base_offset() <= *input.log_start) {
      ++below;
    }
    if (below == 0) return {};
    report.note(RecoveryCase::below_log_start);
    return log.delete_segments(0, below);
  }
  report.note(RecoveryCase::no_segment);
  return log.start_segment(input.log_start.value_or(Offset{0}));
}

// Which segment the check begins with: the one that holds the recovery point.
std::size_t first_unflushed(const LogState& log, Offset recovery_point) {
  std::size_t first = 0;
  while (first + 1 < log.segments.size() && log.segments[first + 1]->base_offset() <= recovery_point) ++first;
  return first;
}

// Row 26. Kafka's segments stay below it, since their indexes hold positions of 31 bits.
bool holds_too_large_segment(LogState& log, RecoveryReport& report) {
  constexpr std::uint64_t bytes_max = std::numeric_limits<std::int32_t>::max();
  for (const auto& segment : log.segments) {
    if (segment->size() <= bytes_max) continue;
    report.note(RecoveryCase::segment_too_large);
    log.quarantine(segment->base_offset(), "segment-of-2-gib-or-more");
    return true;
  }
  return false;
}

std::expected<std::size_t, LogError> load_segments(LogState& log, const LoadInput& input, RecoveryReport& report) {
  if (holds_too_large_segment(log, report)) return 0;
  if (input.clean) {
    const auto trusted = trust_active(log, report);
    if (!trusted) return std::unexpected(trusted.error());
    if (*trusted) return log.segments.size();
  }
  report.note(RecoveryCase::unclean);
  if (!input.recovery_point) report.note(RecoveryCase::recovery_point_missing);
  const Offset recovery_point = input.recovery_point.value_or(Offset{0});
  const std::size_t first = first_unflushed(log, recovery_point);
  if (auto checked = check_segments(log, first, recovery_point, report); !checked) return std::unexpected(checked.error());
  return first;
}

}  // namespace

std::expected<RecoveryReport, LogError> load_log(LogState& log, const LoadInput& input) {
  RecoveryReport report;
  if (auto opened = open_segments(log, input, report); !opened) return std::unexpected(opened.error());
  const auto epochs_read = read_epochs(log);
  if (!epochs_read) return std::unexpected(epochs_read.error());
  const auto checked_from = load_segments(log, input, report);
  if (!checked_from) return std::unexpected(checked_from.error());
  if (log.quarantined) {
    log.log_end = std::max(log.log_end, log.segments.back()->base_offset());
    const Offset first = std::min(log.log_end, log.segments.front()->base_offset());
    log.log_start = log.high_watermark = std::clamp(input.log_start.value_or(first), first, log.log_end);
    // The checkpoint keeps saying what was flushed, or the next start would take the damage for a torn tail and cut it off.
    log.recovery_point = input.recovery_point.value_or(Offset{0});
    return report;
  }
  if (auto placed = place_offsets(log, input, report); !placed) return std::unexpected(placed.error());
  if (auto settled = settle_epochs(log, *epochs_read, report); !settled) return std::unexpected(settled.error());
  auto transactions_from = bad_transaction_index(log, *checked_from, report);
  if (!transactions_from) return std::unexpected(transactions_from.error());
  if (!*transactions_from && *checked_from < log.segments.size()) {
    *transactions_from = log.segments[*checked_from]->base_offset();
  }
  if (auto replayed = replay_producers(log, to_ms(log.world.wall_now()), *transactions_from, &report); !replayed) {
    if (replayed.error().code == LogError::storage_error) return log.failed(replayed.error(), "replay producers");
    report.note(RecoveryCase::flushed_chain_broken);
    log.quarantine(log.log_start, "broken-chain");
    return report;
  }
  log.producers.on_high_watermark(log.high_watermark);
  log.policy_end = log.log_end;
  log.segment_created_ms = to_ms(log.world.wall_now());
  log.check_invariants();
  if (report.has(RecoveryCase::unclean)) {
    log.world.emit(
        EventName::log_recovered,
        {{"partition", log.name}, {"end", log.log_end.value()}, {"bytes_cut", static_cast<std::int64_t>(report.bytes_cut)}});
    // What is exposed from here on is on the disk, names and all, whatever became of the syncs before.
    if (auto synced = log.world.sync_dir(log.path); !synced) return log.failed(synced.error(), "recover");
    log.names_dirty = false;
    if (auto flushed = log.flush_until(log.log_end); !flushed) return std::unexpected(flushed.error());
  }
  return report;
}

}  // namespace squall::log
