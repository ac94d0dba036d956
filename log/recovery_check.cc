// Recovery's steps over files: tidying the directory, and checking segments batch by batch.
#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "base/assert.h"
#include "log/files.h"
#include "log/log_state.h"
#include "log/recovery.h"

namespace squall::log {

using runtime::EventName;

namespace {

bool ends_with_any(std::string_view name, std::initializer_list<std::string_view> suffixes) {
  return std::ranges::any_of(suffixes, [&](std::string_view suffix) { return name.ends_with(suffix); });
}

// The offset behind the last batch of a file.
std::expected<Offset, LogError> end_of_file(LogState& log, const std::string& path, Offset base) {
  auto file = log.world.open(path, runtime::OpenMode::read);
  if (!file) return log.failed(file.error(), "load");
  const auto size = (*file)->size();
  if (!size) return log.failed(size.error(), "load");
  BatchScanner scanner{**file, 0, *size};
  BatchInfo batch;
  Offset end = base;
  while (true) {
    const auto more = scanner.next(batch);
    if (!more && more.error().code == LogError::storage_error) return log.failed(more.error(), "load");
    if (!more || !*more) return end;
    end = batch.next_offset();
  }
}

std::expected<void, LogError> remove(LogState& log, const std::string& name) {
  if (auto removed = remove_if_exists(log.world, log.path + "/" + name); !removed) return log.failed(removed.error(), "load");
  return {};
}

// Row 3: `.log.swap` is whole, since it is renamed from `.cleaned` only then. Its indexes are made again.
std::expected<void, LogError> finish_swap(LogState& log, Offset base, std::vector<Offset>& bases) {
  const std::string swapped = segment_file_name(base, log_suffix) + std::string{swap_suffix};
  const auto end = end_of_file(log, log.path + "/" + swapped, base);
  if (!end) return std::unexpected(end.error());
  for (const Offset covered : bases) {
    if (covered < base || (covered >= *end && covered != base)) continue;
    for (const std::string_view suffix : {index_suffix, time_index_suffix, transaction_index_suffix}) {
      if (auto removed = remove(log, segment_file_name(covered, suffix)); !removed) return removed;
    }
    if (covered == base) continue;  // the rename below replaces it
    if (auto removed = remove(log, segment_file_name(covered, log_suffix)); !removed) return removed;
  }
  std::erase_if(bases, [&](Offset other) { return other > base && other < *end; });
  if (std::ranges::find(bases, base) == bases.end()) {
    bases.push_back(base);
    std::ranges::sort(bases);
  }
  const auto renamed = log.world.rename(log.path + "/" + swapped, log.path + "/" + segment_file_name(base, log_suffix));
  if (!renamed) return log.failed(renamed.error(), "load");
  return {};
}

// Reads a segment's bytes in order, whole batches at a time; and writes those that were never flushed again, as they were read
// and checked. After a failed sync the page cache shows bytes that the disk lacks and counts them as saved (fsyncgate): another
// process cannot tell, and no later sync would write them.
class BatchReader {
 public:
  BatchReader(runtime::File& file, std::uint64_t end) : file_{file}, end_{end} {}

  // What lies from `position` on is to be written again. The first call counts.
  void write_again_from(std::uint64_t position) {
    if (!again_from_) again_from_ = position;
  }
  // Writes again what is to be, below `position`. Everything below was returned by `at`, and lies in the buffer.
  runtime::Result<void> write_again_until(std::uint64_t position) {
    if (!again_from_ || *again_from_ >= position) return {};
    const ByteView bytes = view(*again_from_).first(static_cast<std::size_t>(position - *again_from_));
    const std::uint64_t at = std::exchange(*again_from_, position);
    return runtime::pwrite_all(file_, bytes, at);
  }

  // The batch at `position`; nothing where none begins or it reaches beyond the end.
  runtime::Result<std::optional<protocol::RecordBatchView>> at(std::uint64_t position) {
    if (end_ - position < protocol::batch_header_bytes) return std::nullopt;
    if (auto held = hold(position, protocol::batch_header_bytes); !held) return std::unexpected(held.error());
    if (held_ < protocol::batch_header_bytes) return std::nullopt;
    const protocol::RecordBatchView header{view(position)};
    const auto frame = header.validate_frame();
    if (!frame && frame.error() != protocol::BatchError::truncated) return std::nullopt;
    const std::size_t bytes = header.size_bytes();
    if (bytes > end_ - position) return std::nullopt;
    if (auto held = hold(position, bytes); !held) return std::unexpected(held.error());
    if (from_ + held_ < position + bytes) return std::nullopt;
    return protocol::RecordBatchView{view(position)};
  }

 private:
  [[nodiscard]] ByteView view(std::uint64_t position) const {
    const auto skip = static_cast<std::size_t>(position - from_);
    return ByteView{buffer_}.subspan(skip, held_ - skip);
  }
  // [position, position + bytes) is in the buffer, if the file has it.
  runtime::Result<void> hold(std::uint64_t position, std::size_t bytes) {
    if (position >= from_ && position + bytes <= from_ + held_) return {};
    if (auto done = write_again_until(position); !done) return done;
    constexpr std::size_t chunk = 256U << 10;
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(std::max(bytes, chunk), end_ - position));
    if (buffer_.size() < wanted) buffer_.resize(wanted);
    held_ = 0;
    const auto read = runtime::pread_full(file_, MutableBytes{buffer_}.first(wanted), position);
    if (!read) return std::unexpected(read.error());
    from_ = position;
    held_ = *read;
    return {};
  }

  runtime::File& file_;
  std::uint64_t end_;
  ByteBuffer buffer_;
  std::uint64_t from_ = 0;
  std::size_t held_ = 0;
  std::optional<std::uint64_t> again_from_;
};

enum class Found : std::uint8_t { whole, cut, broken };

// Rows 7, 8, 10 and 11 for one segment. `next`: the first offset that the segment may hold; afterwards, its end.
std::expected<Found, LogError> check_segment(LogState& log, Segment& segment, Offset recovery_point, Offset& next,
                                             RecoveryReport& report) {
  const std::uint64_t end = segment.size();
  BatchReader reader{*segment.file(), end};
  segment.restart();
  Found end_found = Found::whole;
  while (segment.size() < end) {
    const auto read = reader.at(segment.size());
    if (!read) return log.failed(read.error(), "recover");
    bool good = read->has_value();
    if (good) {
      const protocol::RecordBatchView& batch = **read;
      log.world.charge(runtime::Cost::checksummed_byte, batch.size_bytes());
      const auto valid = batch.validate();
      const bool flushed = batch.last_offset() < recovery_point;
      good = batch.base_offset() >= next && batch.last_offset_delta() >= 0 && segment.fits(batch.last_offset());
      if (good && !valid) {
        good = flushed;
        if (flushed) {
          report.note(RecoveryCase::flushed_batch_corrupt);
          log.world.emit(EventName::checkpoint_ignored, {{"partition", log.name},
                                                         {"file", log_suffix},
                                                         {"at", batch.base_offset().value()},
                                                         {"reason", "corrupt-batch"}});
        }
      }
      if (good) {
        if (!flushed) reader.write_again_from(segment.size());
        const BatchInfo info = describe(batch, segment.size());
        if (info.leader_epoch > log.epochs.latest()) {
          log.epochs_dirty = log.epochs.assign(info.leader_epoch, info.base_offset) || log.epochs_dirty;
        }
        segment.note(info, log.config.index_interval_bytes);
        next = info.next_offset();
      }
    }
    if (!good) {
      if (next < recovery_point) return Found::broken;
      end_found = Found::cut;
      break;
    }
  }
  if (auto written = reader.write_again_until(segment.size()); !written) return log.failed(written.error(), "recover");
  return end_found;
}

std::expected<void, LogError> cut_tail(LogState& log, Segment& segment, std::uint64_t end, RecoveryReport& report) {
  report.note(RecoveryCase::torn_tail);
  report.bytes_cut += end - segment.size();
  if (auto cut = segment.file()->truncate(segment.size()); !cut) return log.failed(cut.error(), "recover");
  if (auto synced = segment.sync_records(); !synced) return log.failed(synced.error(), "recover");
  return {};
}

}  // namespace

std::expected<std::vector<Offset>, LogError> tidy_directory(LogState& log, RecoveryReport& report) {
  const auto entries = log.world.list(log.path);
  if (!entries) return log.failed(entries.error(), "load");
  std::vector<Offset> bases;
  std::vector<Offset> swaps;
  std::vector<std::pair<Offset, std::string>> indexes;
  std::optional<Offset> first_cleaned;
  for (const auto& entry : *entries) {
    if (entry.is_directory) continue;
    const auto name = parse_segment_file_name(entry.name);
    if (entry.name.ends_with(deleted_suffix)) {
      report.note(RecoveryCase::deleted_file);
      if (auto removed = remove(log, entry.name); !removed) return std::unexpected(removed.error());
    } else if (ends_with_any(entry.name, {cleaned_suffix, temporary_suffix})) {
      report.note(RecoveryCase::unfinished_file);
      if (name && entry.name.ends_with(cleaned_suffix))
        first_cleaned = std::min(first_cleaned.value_or(name->base), name->base);
      if (auto removed = remove(log, entry.name); !removed) return std::unexpected(removed.error());
    } else if (name && entry.name.ends_with(swap_suffix)) {
      if (name->suffix.starts_with(log_suffix)) {
        swaps.push_back(name->base);
      } else if (auto removed = remove(log, entry.name); !removed) {
        return std::unexpected(removed.error());
      }
    } else if (name && name->suffix == log_suffix) {
      bases.push_back(name->base);
    } else if (name && ends_with_any(entry.name, {index_suffix, time_index_suffix, transaction_index_suffix})) {
      indexes.emplace_back(name->base, entry.name);
    }
  }
  for (const Offset swap : swaps) {
    if (first_cleaned && swap >= *first_cleaned) {  // one cleaning made several; it had not got through
      report.note(RecoveryCase::unfinished_file);
      const std::string name = segment_file_name(swap, log_suffix) + std::string{swap_suffix};
      if (auto removed = remove(log, name); !removed) return std::unexpected(removed.error());
      continue;
    }
    report.note(RecoveryCase::finished_swap);
    if (auto finished = finish_swap(log, swap, bases); !finished) return std::unexpected(finished.error());
  }
  for (const auto& [base, name] : indexes) {
    if (std::ranges::find(bases, base) != bases.end()) continue;
    report.note(RecoveryCase::orphan_index);
    if (auto removed = remove(log, name); !removed) return std::unexpected(removed.error());
  }
  return bases;
}

std::expected<void, LogError> check_segments(LogState& log, std::size_t first, Offset recovery_point, RecoveryReport& report) {
  const bool epochs_known = !log.epochs.entries().empty();
  Offset next = log.segments[first]->base_offset();
  std::size_t keep = log.segments.size();
  for (std::size_t i = first; i < keep; ++i) {
    Segment& segment = *log.segments[i];
    const bool gap = i > first && segment.base_offset() != next;
    const bool may_have_gaps = log.config.cleanup_compact && segment.base_offset() > next;
    if (gap && !may_have_gaps && next >= recovery_point) {
      report.note(RecoveryCase::missing_segment);
      keep = i;
      break;
    }
    next = std::max(next, segment.base_offset());
    const std::uint64_t end = segment.size();
    const auto found = check_segment(log, segment, recovery_point, next, report);
    if (!found) return std::unexpected(found.error());
    if (*found == Found::broken) {
      report.note(RecoveryCase::flushed_chain_broken);
      log.log_end = next;
      log.quarantine(next, "broken-chain");
      return {};
    }
    if (*found == Found::cut) {
      if (auto cut = cut_tail(log, segment, end, report); !cut) return cut;
      keep = i + 1;
    }
    if (i + 1 < keep) segment.seal();
  }
  log.log_end = next;
  if (!epochs_known && log.epochs.entries().empty()) log.epochs_dirty = false;
  if (keep == log.segments.size()) return {};
  for (std::size_t i = keep; i < log.segments.size(); ++i) report.bytes_cut += log.segments[i]->size();
  if (auto deleted = log.delete_segments(keep, log.segments.size() - keep); !deleted) return deleted;
  if (auto synced = log.world.sync_dir(log.path); !synced) return log.failed(synced.error(), "recover");
  // The last one that stayed had been sealed in the belief that another follows.
  if (log.active().sealed()) {
    const auto tail = log.active().rescan_tail();
    if (!tail) return log.failed(tail.error(), "recover");
  }
  return {};
}

}  // namespace squall::log
