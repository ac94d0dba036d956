#include "raft/shell/metadata_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/assert.h"
#include "log/batch_scanner.h"
#include "log/files.h"
#include "protocol/framing.h"
#include "protocol/record_batch.h"
#include "raft/metadata/record_version.h"
#include "raft/quorum/quorum_state.h"
#include "raft/shell/restore.h"
#include "runtime/condition.h"

namespace squall::raft {
namespace {

using protocol::RecordBatchView;

constexpr std::size_t decompressed_bytes_max = std::size_t{64} << 20;

// Checkpoints the recovery point some time after a flush moved it. A fiber of its own, so that no flush waits for it; at most
// one, shared with the log that it serves and outliving it if need be.
struct RecoveryPointKeeper {
  RecoveryPointKeeper(runtime::World& its_world, std::shared_ptr<log::Log> its_log)
      : world{its_world}, log{std::move(its_log)}, stopped{its_world} {}
  runtime::World& world;
  std::shared_ptr<log::Log> log;
  runtime::Condition stopped;
  Offset kept = no_offset;
  std::optional<Instant> last;
  bool armed = false;
  bool stopping = false;
};

void keep_recovery_point(const std::shared_ptr<RecoveryPointKeeper>& keeper) {
  if (keeper->armed || keeper->stopping || keeper->log->recovery_point() <= keeper->kept) return;
  keeper->armed = true;
  keeper->world.spawn("metadata-recovery-point", [keeper] {
    RecoveryPointKeeper& own = *keeper;
    while (!own.stopping && own.log->recovery_point() > own.kept) {
      const Instant due = own.last ? *own.last + recovery_point_interval : own.world.now();
      if (own.stopped.wait_until(due, [&] { return own.stopping; })) break;
      const Offset point = own.log->recovery_point();
      own.last = own.world.now();
      if (!own.log->checkpoint_recovery_point()) break;  // its directory is offline, or it was closed: the next call tells
      own.kept = point;
    }
    own.armed = false;
  });
}

}  // namespace

log::LogConfig metadata_log_config(std::int32_t segment_bytes, std::int64_t segment_ms) {
  log::LogConfig config;
  config.segment_bytes = segment_bytes;
  config.segment_ms = segment_ms;
  config.retention_ms = -1;
  config.retention_bytes = -1;
  return config;
}

struct MetadataLog::State {
  struct Part {
    std::shared_ptr<runtime::File> file;
    std::int64_t size = 0;
    std::optional<SnapshotHead> head;  // once it was read and found whole
  };

  runtime::World& world;
  std::shared_ptr<log::Log> log;
  MetadataLogOptions options;
  Restored restored;
  std::vector<StoredSnapshot> snapshots;  // by offset
  std::map<OffsetAndEpoch, Part> parts;
  std::shared_ptr<RecoveryPointKeeper> keeper;

  [[nodiscard]] std::string path(OffsetAndEpoch id, std::string_view suffix = checkpoint_suffix) const {
    return options.dir + "/" + snapshot_file_name(id, suffix);
  }
  [[nodiscard]] std::unexpected<std::string> failed(std::string_view verb, log::LogError error) const {
    return std::unexpected(log_failure(options.dir, verb, error));
  }
  [[nodiscard]] const StoredSnapshot* find(OffsetAndEpoch id) const {
    const auto found = std::ranges::find(snapshots, id, [](const StoredSnapshot& one) { return one.snapshot.id; });
    return found == snapshots.end() ? nullptr : &*found;
  }
  void note(Snapshot snapshot, std::int64_t last_timestamp_ms) {
    std::erase_if(snapshots, [&](const StoredSnapshot& one) { return one.snapshot.id == snapshot.id; });
    const auto after = std::ranges::upper_bound(snapshots, snapshot.id.offset, {},
                                                [](const StoredSnapshot& one) { return one.snapshot.id.offset; });
    snapshots.insert(after, {snapshot, last_timestamp_ms});
  }
  MetadataLogResult<void> remove(OffsetAndEpoch id) {
    std::erase_if(snapshots, [&](const StoredSnapshot& one) { return one.snapshot.id == id; });
    if (const auto removed = log::remove_if_exists(world, path(id)); !removed) {
      return std::unexpected(disk_failure(path(id), "remove", removed.error()));
    }
    return {};
  }
  // `range` without the batch that it may cut at its end: only if it was the limit that ended it.
  MetadataLogResult<log::FileRange> whole_batches(log::FileRange range, std::uint64_t bytes_max) const {
    if (range.bytes == 0 || range.bytes < bytes_max) return range;
    log::BatchScanner scanner{*range.file, range.position, range.position + range.bytes};
    log::BatchInfo info;
    std::uint64_t end = range.position;
    while (true) {
      const auto more = scanner.next(info);
      if (!more && more.error().code == log::LogError::storage_error) return failed("read", log::LogError::storage_error);
      if (!more || !*more) break;
      end = info.position + info.bytes;
    }
    range.bytes = end - range.position;
    if (range.bytes == 0) return failed("read", log::LogError::corrupt_message);
    return range;
  }
};

MetadataLog::MetadataLog(std::unique_ptr<State> state) : state_{std::move(state)} {}

MetadataLog::~MetadataLog() {
  state_->keeper->stopping = true;
  state_->keeper->stopped.notify_all();
}

MetadataLogResult<std::unique_ptr<MetadataLog>> MetadataLog::open(runtime::World& world, std::shared_ptr<log::Log> log,
                                                                  MetadataLogOptions options) {
  SQUALL_ASSERT(log != nullptr, "a metadata log has a log");
  auto found = restore(world, *log, options);
  if (!found) return std::unexpected(std::move(found.error()));
  auto keeper = std::make_shared<RecoveryPointKeeper>(world, log);
  keep_recovery_point(keeper);
  return std::unique_ptr<MetadataLog>{new MetadataLog{std::unique_ptr<State>{new State{.world = world,
                                                                                       .log = std::move(log),
                                                                                       .options = std::move(options),
                                                                                       .restored = std::move(found->restored),
                                                                                       .snapshots = std::move(found->snapshots),
                                                                                       .parts = {},
                                                                                       .keeper = std::move(keeper)}}}};
}

const Restored& MetadataLog::restored() const { return state_->restored; }

// ---- effects ----

MetadataLogResult<void> MetadataLog::store(const ElectionState& election, std::int16_t kraft_version, const VoterSet& voters) {
  const std::string path = state_->options.dir + "/" + std::string{quorum_state_name};
  const std::string text = encode_quorum_state(election, kraft_version, voters);
  if (const auto written = log::write_file_atomically(state_->world, path, as_bytes(text)); !written) {
    return std::unexpected(disk_failure(path, "write", written.error()));
  }
  return {};
}

MetadataLogResult<void> MetadataLog::append(MutableBytes batches) {
  State& state = *state_;
  const auto refuse = [&](std::string_view why) {
    return std::unexpected(
        fmt::format("{}: cannot append to the metadata log: {}; this is a defect, report it", state.options.dir, why));
  };
  Offset next = state.log->log_end_offset();
  LeaderEpoch epoch = state.log->latest_epoch();
  const auto segment_bytes = static_cast<std::size_t>(state.log->config().segment_bytes);
  std::vector<std::pair<std::size_t, LeaderEpoch>> pieces;  // of whole batches, none larger than a segment may be
  std::size_t piece = 0;
  protocol::BatchCursor cursor{batches};
  RecordBatchView batch;
  while (cursor.next(batch)) {
    if (batch.base_offset() != next)
      return refuse(fmt::format("a batch at offset {}, where {} is next", batch.base_offset(), next));
    if (batch.last_offset_delta() < 0) return refuse(fmt::format("the batch at offset {} has no records", next));
    if (batch.partition_leader_epoch() < epoch) {
      return refuse(fmt::format("a batch of epoch {} behind epoch {}", batch.partition_leader_epoch(), epoch));
    }
    if (piece > 0 && piece + batch.size_bytes() > segment_bytes) {
      pieces.emplace_back(piece, epoch);
      piece = 0;
    }
    piece += batch.size_bytes();
    next = batch.next_offset();
    epoch = batch.partition_leader_epoch();
  }
  if (cursor.error()) return refuse(to_string(*cursor.error()));
  if (piece > 0) pieces.emplace_back(piece, epoch);
  for (const auto& [bytes, piece_epoch] : pieces) {
    const auto appended = state.log->append(batches.first(bytes), piece_epoch, log::AppendOrigin::raft_leader);
    if (!appended) {
      if (appended.error().code == log::LogError::storage_error) return state.failed("append to", appended.error().code);
      return refuse(appended.error().message);
    }
    batches = batches.subspan(bytes);
  }
  return {};
}

MetadataLogResult<void> MetadataLog::truncate(Offset end) {
  State& state = *state_;
  SQUALL_ASSERT(end >= log_start() && end <= log_end(), "a log is cut within itself");
  const auto cut = state.log->truncate_to(end);
  if (!cut) return state.failed("truncate", cut.error());
  if (*cut == end) return {};
  return std::unexpected(fmt::format("{}: the metadata log was to be cut at offset {}, which is inside of a batch; {}",
                                     state.options.dir, end, "restore the directory from a copy, or format the node anew"));
}

MetadataLogResult<Offset> MetadataLog::flush() {
  State& state = *state_;
  const Offset end = state.log->log_end_offset();
  if (const auto flushed = state.log->flush(); !flushed) return state.failed("flush", flushed.error());
  keep_recovery_point(state.keeper);
  return std::min(end, state.log->recovery_point());
}

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

// ---- snapshots ----

MetadataLogResult<Snapshot> MetadataLog::create_snapshot(OffsetAndEpoch id, const SnapshotHead& head,
                                                         const std::function<void(const RecordVisitor&)>& visit,
                                                         std::int16_t metadata_version) {
  State& state = *state_;
  SQUALL_ASSERT(id.offset > Offset{0} && id.offset <= log_end(), "a snapshot holds what the log held");
  SQUALL_ASSERT(!state.parts.contains(id), "a snapshot that is being fetched is not written");
  if (const StoredSnapshot* found = state.find(id)) return found->snapshot;
  auto writer = SnapshotWriter::begin(state.world, state.path(id, part_suffix), id.epoch, head);
  if (!writer) return std::unexpected(std::move(writer.error()));
  const MetadataVersion version{metadata_version};
  visit([&](const protocol::MetadataRecord& record) { writer->add(record, record_version(record, version)); });
  const auto size = writer->finish();
  if (!size) return std::unexpected(size.error());
  if (auto named = rename_durably(state.world, state.path(id, part_suffix), state.path(id)); !named) {
    return std::unexpected(std::move(named.error()));
  }
  const Snapshot snapshot{.id = id, .size_bytes = *size};
  state.note(snapshot, head.last_timestamp_ms);
  return snapshot;
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

// ---- reading ----

MetadataLogResult<log::FileRange> MetadataLog::read(Offset from, Offset end, std::uint64_t bytes_max) {
  State& state = *state_;
  const auto read = state.log->read(from, {.max_bytes = bytes_max, .upper_bound = end, .min_one_message = true});
  if (read) return state.whole_batches(read->range, bytes_max);
  if (read.error() == log::LogError::offset_out_of_range) return log::FileRange{};
  return state.failed("read", read.error());
}

MetadataLogResult<std::vector<CommittedBatch>> MetadataLog::read_records(Offset from, Offset end, std::uint64_t bytes_max) {
  State& state = *state_;
  const auto range = read(from, end, bytes_max);
  if (!range) return std::unexpected(range.error());
  std::vector<CommittedBatch> batches;
  if (range->bytes == 0) return batches;
  ByteBuffer bytes(range->bytes);
  const auto got = runtime::pread_full(*range->file, bytes, range->position);
  if (!got) return std::unexpected(disk_failure(state.options.dir, "read", got.error()));
  state.world.charge(runtime::Cost::checksummed_byte, *got);
  protocol::BatchCursor cursor{ByteView{bytes}.first(*got)};
  RecordBatchView batch;
  protocol::Compressor compressor;
  ByteBuffer scratch;
  const auto broken = [&](std::string_view why) {
    return std::unexpected(
        fmt::format("{}: the batch at offset {} is bad: {}; restore the directory from a copy, or format the node anew",
                    state.options.dir, batch.base_offset(), why));
  };
  while (cursor.next(batch)) {
    if (batch.last_offset() < from) continue;
    if (const auto valid = batch.validate(); !valid) return broken(to_string(valid.error()));
    CommittedBatch& out = batches.emplace_back(CommittedBatch{.base = std::max(batch.base_offset(), from),
                                                              .end = batch.next_offset(),
                                                              .epoch = batch.partition_leader_epoch(),
                                                              .timestamp_ms = batch.max_timestamp_ms(),
                                                              .size_bytes = batch.size_bytes(),
                                                              .records = {}});
    if (batch.is_control()) continue;
    auto reader = protocol::RecordReader::open(batch, compressor, scratch, decompressed_bytes_max);
    if (!reader) return broken(to_string(reader.error()));
    out.records.reserve(static_cast<std::size_t>(batch.record_count()));
    for (protocol::RecordView record; reader->next(record);) {
      if (record.offset < from) continue;
      auto decoded = protocol::decode_metadata_record(record.value.value_or(ByteView{}));
      if (!decoded) return broken(decoded.error().what);
      out.records.push_back(std::move(*decoded));
    }
    if (reader->failed()) return broken("its records cannot be read");
  }
  if (cursor.error()) return broken(to_string(*cursor.error()));
  return batches;
}

Offset MetadataLog::log_start() const { return state_->log->log_start_offset(); }
Offset MetadataLog::log_end() const { return state_->log->log_end_offset(); }
std::uint64_t MetadataLog::size_bytes() const { return state_->log->size_bytes(); }
void MetadataLog::set_high_watermark(Offset offset) { (void)state_->log->update_high_watermark(offset); }

}  // namespace squall::raft
