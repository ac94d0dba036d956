#include "raft/shell/metadata_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "log/batch_scanner.h"
#include "log/files.h"
#include "protocol/framing.h"
#include "protocol/record_batch.h"
#include "raft/quorum/quorum_state.h"
#include "raft/shell/metadata_log_state.h"

namespace squall::raft {
namespace {

using protocol::RecordBatchView;

constexpr std::size_t decompressed_bytes_max = std::size_t{64} << 20;

// `range` without the batch that it may cut at its end: only if it was the limit that ended it.
MetadataLogResult<log::FileRange> whole_batches(log::FileRange range, std::uint64_t bytes_max, const std::string& dir) {
  if (range.bytes == 0 || range.bytes < bytes_max) return range;
  log::BatchScanner scanner{*range.file, range.position, range.position + range.bytes};
  log::BatchInfo info;
  std::uint64_t end = range.position;
  while (true) {
    const auto more = scanner.next(info);
    if (!more && more.error().code == log::LogError::storage_error)
      return std::unexpected(log_failure(dir, "read", log::LogError::storage_error));
    if (!more || !*more) break;
    end = info.position + info.bytes;
  }
  range.bytes = end - range.position;
  if (range.bytes == 0) return std::unexpected(log_failure(dir, "read", log::LogError::corrupt_message));
  return range;
}

}  // namespace

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

log::LogConfig metadata_log_config(std::int32_t segment_bytes, std::int64_t segment_ms) {
  log::LogConfig config;
  config.segment_bytes = segment_bytes;
  config.segment_ms = segment_ms;
  config.retention_ms = -1;
  config.retention_bytes = -1;
  config.survives_full_disk = true;
  config.exceeds_segment_bytes = true;
  return config;
}

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

MetadataLogResult<bool> MetadataLog::store(const ElectionState& election, std::int16_t kraft_version, const VoterSet& voters) {
  const std::string path = state_->options.dir + "/" + std::string{quorum_state_name};
  const std::string text = encode_quorum_state(election, kraft_version, voters);
  const auto written = log::write_file_atomically(state_->world, path, as_bytes(text));
  if (!written && written.error() != runtime::IoError::no_space) {
    return std::unexpected(disk_failure(path, "write", written.error()));
  }
  return written.has_value();
}

MetadataLogResult<std::size_t> MetadataLog::append(MutableBytes batches) {
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
  std::size_t in_log = 0;
  for (const auto& [bytes, piece_epoch] : pieces) {
    const auto appended = state.log->append(batches.subspan(in_log, bytes), piece_epoch, log::AppendOrigin::raft_leader);
    if (!appended) {
      if (appended.error().code == log::LogError::no_space) break;
      if (appended.error().code == log::LogError::storage_error) return state.failed("append to", appended.error().code);
      return refuse(appended.error().message);
    }
    in_log += bytes;
  }
  return in_log;
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

MetadataLogResult<Offset> MetadataLog::flush(RecoveryPoint recovery_point) {
  State& state = *state_;
  const Offset end = state.log->log_end_offset();
  if (const auto flushed = state.log->flush(); !flushed) return state.failed("flush", flushed.error());
  if (recovery_point == RecoveryPoint::soon) {
    keep_recovery_point(state.keeper);
  } else {
    const Offset point = state.log->recovery_point();
    if (const auto kept = state.log->checkpoint_recovery_point(); !kept) return state.failed("flush", kept.error());
    state.keeper->kept = std::max(state.keeper->kept, point);
  }
  return std::min(end, state.log->recovery_point());
}

// ---- reading ----

MetadataLogResult<log::FileRange> MetadataLog::read(Offset from, Offset end, std::uint64_t bytes_max) {
  State& state = *state_;
  const auto read = state.log->read(from, {.max_bytes = bytes_max, .upper_bound = end, .min_one_message = true});
  if (read) return whole_batches(read->range, bytes_max, state.options.dir);
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
                                                              .crc = batch.crc(),
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
