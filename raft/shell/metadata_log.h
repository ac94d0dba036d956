// The metadata log of one node on disk: `__cluster_metadata-0` with its records, its snapshots and the quorum-state file.
//
// It does what effects.h asks for, one call for each kind, and reads. One fiber carries out effects, in order; reads, `flush`,
// `create_snapshot` and `clean` may run beside it, the latter two from one fiber. Every failure is final: a node whose metadata
// log failed must stop (the error says what and where). A full disk is none where a call says so: it leaves everything as it
// was.
//
// Files (KIP-595, KIP-630, KIP-853), names as Kafka's: `quorum-state`; `<offset>-<epoch>.checkpoint` (a snapshot, immutable),
// `.checkpoint.part` (not whole yet; removed at the next start), `.checkpoint.deleted` (left by Kafka; removed, too), and of
// our own
// `.checkpoint.install` (see install_suffix). The all-zero snapshot holds what the node was formatted with.
//
// The recovery point, below which a damaged record is refused and not cut off as a torn tail, is checkpointed in the background
// within `recovery_point_interval` of a flush that moved it, and by the clean stop of the LogManager: a checkpoint costs two
// more syncs, so not with each flush. What a voter cuts off, it fetches again; a lone voter has nobody to fetch from, so for it
// the checkpoint is part of the flush of what must not be cut off (IfDamaged).
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "log/log.h"
#include "protocol/messages/metadata_records.h"
#include "raft/quorum/quorum.h"
#include "raft/shell/snapshot_file.h"
#include "runtime/world.h"

namespace squall::raft {

inline constexpr Duration recovery_point_interval = std::chrono::seconds{1};

struct MetadataLogOptions {
  std::string dir;         // of the log: `<metadata.log.dir>/__cluster_metadata-0`
  VoterSet static_voters;  // controller.quorum.voters; empty: voters come from the log or the bootstrap snapshot
};

// Metadata records with consecutive offsets: what a state machine is given, in order.
struct CommittedBatch {
  Offset base{};
  Offset end{};  // control records are counted, and not among `records`: a batch of those has none
  LeaderEpoch epoch{};
  std::int64_t timestamp_ms = 0;
  std::uint64_t size_bytes = 0;  // in the log
  std::uint32_t crc = 0;         // of the whole batch: what tells it from another one with these offsets
  std::vector<protocol::MetadataRecord> records;
};

// How the log of the metadata is to be configured: it is freed behind snapshots, never by its own retention.
[[nodiscard]] log::LogConfig metadata_log_config(std::int32_t segment_bytes = std::int32_t{1} << 30,
                                                 std::int64_t segment_ms = std::int64_t{7} * 24 * 3'600'000);

class MetadataLog {
 public:
  // May wait. Reads what is there and checks it: a broken quorum-state or snapshot is refused, never taken for an empty one.
  // An install that was cut short is finished, and a snapshot that is ahead of the log takes its place.
  [[nodiscard]] static MetadataLogResult<std::unique_ptr<MetadataLog>> open(runtime::World& world,
                                                                            std::shared_ptr<log::Log> log,
                                                                            MetadataLogOptions options);
  ~MetadataLog();
  MetadataLog(const MetadataLog&) = delete;
  MetadataLog& operator=(const MetadataLog&) = delete;

  // What a quorum core starts from. All of it is durable.
  [[nodiscard]] const Restored& restored() const;

  // ---- effects; may wait ----
  // False: the disk is full, and what was stored before still is.
  MetadataLogResult<bool> store(const ElectionState& election, std::int16_t kraft_version, const VoterSet& voters);
  // Whole batches with their offsets and epochs, the first at the log end. How many bytes of them are in the log now: all, or
  // fewer whole batches, because the disk is full.
  MetadataLogResult<std::size_t> append(MutableBytes batches);
  MetadataLogResult<void> truncate(Offset end);
  // Makes what was appended when it began durable; returns up to where: less than the log end of then only if the log was cut
  // meanwhile. Safe beside appends. With `RecoveryPoint::now`, damage to what it made durable is refused by any later start
  // (unless the disk is full: then the older recovery point stays).
  enum class RecoveryPoint : std::uint8_t { soon, now };
  MetadataLogResult<Offset> flush(RecoveryPoint recovery_point = RecoveryPoint::soon);
  // Position 0 begins anew; every other piece goes behind the last.
  MetadataLogResult<void> write_part(OffsetAndEpoch id, std::int64_t position, ByteView bytes);
  // Reads the whole `.part` and checks every batch of it: header first, footer last, nothing behind.
  MetadataLogResult<SnapshotHead> finish_part(OffsetAndEpoch id);
  // The part, which is finished, becomes the snapshot and the log begins and ends there; durable, in an order that any crash
  // leaves one of both.
  MetadataLogResult<void> install(OffsetAndEpoch id);
  void discard_part(OffsetAndEpoch id);

  // ---- snapshots ----
  using RecordVisitor = raft::RecordVisitor;
  // Writes a snapshot of its own: `visit` calls back with each record, in order. Durable under its name when done. One that is
  // there already stays as it is. Nothing: the disk is full, and there is no such snapshot.
  MetadataLogResult<std::optional<Snapshot>> create_snapshot(OffsetAndEpoch id, const SnapshotHead& head,
                                                             const std::function<void(const RecordVisitor&)>& visit,
                                                             std::int16_t metadata_version);
  // Calls `visit` with all records of the snapshot.
  MetadataLogResult<SnapshotHead> read_snapshot(OffsetAndEpoch id, const RecordVisitor& visit);
  // A piece of the file as it is, for FetchSnapshot; may wait. Nothing: there is no such snapshot (any more), or it does not
  // reach `position`.
  [[nodiscard]] std::optional<log::FileRange> snapshot_range(OffsetAndEpoch id, std::int64_t position, std::int64_t bytes_max);
  // What is there, oldest first.
  [[nodiscard]] std::vector<Snapshot> snapshots() const;
  // Deletes snapshots older than the newest and log segments behind the oldest one that is kept, by the retention of
  // metadata.max.retention.bytes and .ms. What is to be told to the quorum, if anything went.
  struct Retention {
    std::uint64_t bytes = std::uint64_t{100} << 20;      // metadata.max.retention.bytes
    std::int64_t ms = std::int64_t{7} * 24 * 3'600'000;  // metadata.max.retention.ms; below 0: for ever
  };
  MetadataLogResult<std::optional<LogCleaned>> clean(const Retention& retention);

  // ---- reading ----
  // File ranges of whole batches in [from, end), at least one batch: what a Fetch is answered with. No bytes: `from` is the
  // end, or lies below the log start by now, or above the log end.
  MetadataLogResult<log::FileRange> read(Offset from, Offset end, std::uint64_t bytes_max);
  // Decoded batches in [from, end), about `bytes_max` of them and at least one; none where `read` has no bytes.
  MetadataLogResult<std::vector<CommittedBatch>> read_records(Offset from, Offset end, std::uint64_t bytes_max);
  [[nodiscard]] Offset log_start() const;
  [[nodiscard]] Offset log_end() const;
  [[nodiscard]] std::uint64_t size_bytes() const;
  void set_high_watermark(Offset offset);

 private:
  struct State;
  explicit MetadataLog(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace squall::raft
