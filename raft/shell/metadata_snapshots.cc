// The snapshots of the metadata log: fetched ones, its own, and freeing what lies behind them.
#include <fmt/format.h>

#include <utility>

#include "base/assert.h"
#include "raft/metadata/record_version.h"
#include "raft/shell/metadata_log_state.h"

namespace squall::raft {

MetadataLogResult<void> MetadataLog::write_part(OffsetAndEpoch id, std::int64_t position, ByteView bytes) {
  State& state = *state_;
  const std::string path = state.path(id, part_suffix);
  if (position == 0) {
    auto file = state.world.open(path, runtime::OpenMode::create);
    if (!file) return std::unexpected(disk_failure(path, "create", file.error()));
    if (const auto emptied = (*file)->truncate(0); !emptied)
      return std::unexpected(disk_failure(path, "write", emptied.error()));
    state.parts[id] = {.file = std::move(*file), .size = 0, .head = {}};
  }
  const auto part = state.parts.find(id);
  if (part == state.parts.end() || part->second.size != position) {
    return std::unexpected(
        fmt::format("{}: a piece at byte {} does not follow what is there; this is a defect, report it", path, position));
  }
  // By a copy: a discard may come while this waits.
  const std::shared_ptr<runtime::File> file = part->second.file;
  part->second.size += static_cast<std::int64_t>(bytes.size());
  part->second.head.reset();
  if (bytes.empty()) return {};
  if (const auto written = runtime::pwrite_all(*file, bytes, static_cast<std::uint64_t>(position)); !written) {
    return std::unexpected(disk_failure(path, "write", written.error()));
  }
  return {};
}

MetadataLogResult<SnapshotHead> MetadataLog::finish_part(OffsetAndEpoch id) {
  State& state = *state_;
  const std::string path = state.path(id, part_suffix);
  const auto part = state.parts.find(id);
  if (part == state.parts.end())
    return std::unexpected(fmt::format("{}: nothing of it was fetched; this is a defect, report it", path));
  const std::shared_ptr<runtime::File> file = part->second.file;
  if (const auto synced = file->sync(); !synced) return std::unexpected(disk_failure(path, "sync", synced.error()));
  auto head = read_snapshot_file(state.world, *file, path, id.epoch, {});
  if (!head) return head;
  if (const auto still = state.parts.find(id); still != state.parts.end() && still->second.file == file) {
    still->second.head = *head;
  }
  return head;
}

MetadataLogResult<void> MetadataLog::install(OffsetAndEpoch id) {
  State& state = *state_;
  const auto part = state.parts.find(id);
  SQUALL_ASSERT(part != state.parts.end() && part->second.head, "only a snapshot that was read takes the place of the log");
  const Snapshot snapshot{.id = id, .size_bytes = part->second.size};
  const std::int64_t last_timestamp_ms = part->second.head->last_timestamp_ms;
  state.parts.erase(part);
  // From the first name on a start does the rest; with the second there is nothing left to do.
  if (auto named = rename_durably(state.world, state.path(id, part_suffix), state.path(id, install_suffix)); !named)
    return named;
  if (const auto done = state.log->truncate_fully_and_start_at(id.offset); !done) return state.failed("truncate", done.error());
  if (auto named = rename_durably(state.world, state.path(id, install_suffix), state.path(id)); !named) return named;
  state.note(snapshot, last_timestamp_ms);
  const std::vector<StoredSnapshot> all = state.snapshots;
  for (const StoredSnapshot& one : all) {
    if (one.snapshot.id.offset <= id.offset) continue;
    if (auto removed = state.remove(one.snapshot.id); !removed) return removed;
  }
  return {};
}

void MetadataLog::discard_part(OffsetAndEpoch id) {
  state_->parts.erase(id);
  (void)state_->world.remove(state_->path(id, part_suffix));  // what is left is removed by the next start
}

MetadataLogResult<std::optional<Snapshot>> MetadataLog::create_snapshot(OffsetAndEpoch id, const SnapshotHead& head,
                                                                        const std::function<void(const RecordVisitor&)>& visit,
                                                                        std::int16_t metadata_version) {
  State& state = *state_;
  SQUALL_ASSERT(id.offset > Offset{0} && id.offset <= log_end(), "a snapshot holds what the log held");
  SQUALL_ASSERT(!state.parts.contains(id), "a snapshot that is being fetched is not written");
  if (const StoredSnapshot* found = state.find(id)) return std::optional{found->snapshot};
  auto writer = SnapshotWriter::begin(state.world, state.path(id, part_suffix), id.epoch, head);
  if (!writer) return std::unexpected(std::move(writer.error()));
  const MetadataVersion version{metadata_version};
  visit([&](const protocol::MetadataRecord& record) { writer->add(record, record_version(record, version)); });
  const auto size = writer->finish();
  if (!size && !writer->found_disk_full()) return std::unexpected(size.error());
  if (!size) {
    discard_part(id);
    return std::nullopt;
  }
  if (auto named = rename_durably(state.world, state.path(id, part_suffix), state.path(id)); !named) {
    return std::unexpected(std::move(named.error()));
  }
  const Snapshot snapshot{.id = id, .size_bytes = *size};
  state.note(snapshot, head.last_timestamp_ms);
  return std::optional{snapshot};
}

MetadataLogResult<SnapshotHead> MetadataLog::read_snapshot(OffsetAndEpoch id, const RecordVisitor& visit) {
  return read_snapshot_file(state_->world, state_->path(id), id.epoch, visit);
}

std::optional<log::FileRange> MetadataLog::snapshot_range(OffsetAndEpoch id, std::int64_t position, std::int64_t bytes_max) {
  const StoredSnapshot* found = state_->find(id);
  if (found == nullptr || position < 0 || bytes_max <= 0 || position >= found->snapshot.size_bytes) return std::nullopt;
  const std::int64_t bytes = std::min(bytes_max, found->snapshot.size_bytes - position);
  auto file = state_->world.open(state_->path(id), runtime::OpenMode::read);
  if (!file) return std::nullopt;
  return log::FileRange{
      .file = std::move(*file), .position = static_cast<std::uint64_t>(position), .bytes = static_cast<std::uint64_t>(bytes)};
}

std::vector<Snapshot> MetadataLog::snapshots() const {
  std::vector<Snapshot> all;
  for (const StoredSnapshot& one : state_->snapshots) all.push_back(one.snapshot);
  return all;
}

MetadataLogResult<std::optional<LogCleaned>> MetadataLog::clean(const Retention& retention) {
  State& state = *state_;
  const std::int64_t now_ms = to_ms(state.world.wall_now());
  bool cleaned = false;
  while (state.snapshots.size() > 1) {
    const StoredSnapshot oldest = state.snapshots.front();
    const Offset next = state.snapshots[1].snapshot.id.offset;
    std::uint64_t bytes = state.log->size_bytes();
    for (const StoredSnapshot& one : state.snapshots) bytes += static_cast<std::uint64_t>(one.snapshot.size_bytes);
    const bool old = retention.ms >= 0 && now_ms - oldest.last_timestamp_ms > retention.ms;
    if (!old && bytes <= retention.bytes) break;
    if (next > state.log->log_start_offset()) {
      if (const auto moved = state.log->advance_log_start(next); !moved) return state.failed("free", moved.error());
      if (const auto deleted = state.log->delete_old_segments(); !deleted) return state.failed("free", deleted.error());
    }
    if (auto removed = state.remove(oldest.snapshot.id); !removed) return std::unexpected(std::move(removed.error()));
    cleaned = true;
  }
  if (!cleaned) return std::nullopt;
  return LogCleaned{.start = state.log->log_start_offset(), .oldest_snapshot = state.snapshots.front().snapshot.id.offset};
}

}  // namespace squall::raft
