// One partition's log: segments, indexes, producer state, leader epochs and the offsets that bound what may be read.
//
// Fibers of one thread use it. Appends, truncation and deletion take turns; reads run beside them and never see bytes that are
// not fully written, because the log end moves after the write. "May wait" is said of nothing below but where noted: calls
// that touch a file may wait, plain accessors never do.
//
// Durability: nothing that `append` returns is durable before a flush covers it (`recovery_point`), unless the flush policy
// (`flush.messages`) made the append wait for one. Kafka's default policy never flushes on append: replication is what keeps
// records. The leader-epoch checkpoint is durable before the first record of its epoch is written (KAFKA-16541).
//
// Failure: after any I/O error the directory is offline and every later call is refused with storage_error; nothing is
// accepted in between (KAFKA-10778). One exception: LogConfig::survives_full_disk.
//
// Invariant: log start <= last stable offset <= high watermark <= log end; recovery point <= log end.
// Invariant: bytes below the high watermark never change.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/types.h"
#include "base/uuid.h"
#include "log/file_range.h"
#include "log/log_config.h"
#include "log/log_error.h"
#include "log/producer_state.h"
#include "log/topic_partition.h"

namespace squall::log {

struct LogState;  // everything a log is made of; log/log_state.h

struct AppendInfo {
  Offset first_offset = no_offset;
  Offset last_offset = no_offset;
  std::int64_t max_timestamp_ms = -1;
  std::int64_t log_append_time_ms = -1;  // -1: the records keep their own timestamps
  Offset log_start_offset = no_offset;
  bool duplicate = false;  // nothing was written: the offsets are those of the first time

  [[nodiscard]] Offset end_offset() const { return last_offset + 1; }
};

struct ReadLimits {
  std::uint64_t max_bytes = 0;
  Offset upper_bound = no_offset;  // only offsets below it: the high watermark, the last stable offset, or the log end
  bool min_one_message = false;    // the first batch is given whole even if it is larger than max_bytes
};

struct ReadResult {
  // Of one segment. Begins at the batch that holds `from`; ends with a batch where that is known without reading, else it may
  // end inside of one. No bytes: nothing there yet, or not even the first batch may be given whole.
  FileRange range;
  // What the limits admit, a cut batch at the end included: at least the bytes of the range. This is what counts as available
  // to who waits for a number of bytes.
  std::uint64_t readable_bytes = 0;
  Offset log_start_offset = no_offset;
  Offset high_watermark = no_offset;
  Offset last_stable_offset = no_offset;
};

struct EpochEnd {
  LeaderEpoch epoch = no_epoch;
  Offset end_offset = no_offset;
};

struct EpochStart {
  LeaderEpoch epoch = no_epoch;
  Offset start = no_offset;
  bool operator==(const EpochStart&) const = default;
};

struct TimestampOffset {
  std::int64_t timestamp_ms = -1;
  Offset offset = no_offset;
  LeaderEpoch leader_epoch = no_epoch;
};

struct AbortedTransaction {
  ProducerId producer_id = no_producer;
  Offset first_offset = no_offset;
};

class Log : public std::enable_shared_from_this<Log> {
 public:
  explicit Log(std::unique_ptr<LogState> state);  // by LogManager
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  [[nodiscard]] const TopicPartition& partition() const;
  [[nodiscard]] Uuid topic_id() const;
  [[nodiscard]] const std::string& path() const;  // of its directory
  [[nodiscard]] Uuid directory_id() const;        // of the directory that it is in
  [[nodiscard]] const LogConfig& config() const;
  void set_config(const LogConfig& config);  // takes effect from the next append or retention pass

  // ---- writing ----
  // Appends all of `batches` (one or more whole record batches), or nothing. From a client or a coordinator: validates every
  // batch and record, assigns the next offsets and stamps `epoch` and, where configured, the log-append time into the bytes in
  // place. From a leader or the quorum: offsets and epochs are as given, and must not lie below the log end. One write for all.
  // May wait.
  std::expected<AppendInfo, AppendError> append(MutableBytes batches, LeaderEpoch epoch, AppendOrigin origin);
  // Makes everything below the present log end durable and moves the recovery point. Concurrent calls share a sync. May wait.
  std::expected<void, LogError> flush();
  // Makes the recovery point durable, so that a start after a crash cuts off nothing below it. With no room on the disk the old
  // one stays. May wait.
  std::expected<void, LogError> checkpoint_recovery_point();
  // Starts a new segment at the log end, unless the active one is empty. May wait.
  std::expected<void, LogError> roll();

  // ---- reading ----
  // offset_out_of_range below the log start or above the log end. May wait (index and batch headers).
  std::expected<ReadResult, LogError> read(Offset from, const ReadLimits& limits);
  // The first record, below `upper_bound`, whose timestamp is at least `timestamp_ms`. May wait.
  std::expected<std::optional<TimestampOffset>, LogError> offset_for_timestamp(std::int64_t timestamp_ms, Offset upper_bound);
  // The record with the largest timestamp (the first of several). May wait.
  std::expected<std::optional<TimestampOffset>, LogError> offset_of_max_timestamp();
  // Aborted transactions that overlap [from, upper_bound): what a read_committed fetch needs. May wait.
  std::expected<std::vector<AbortedTransaction>, LogError> aborted_transactions(Offset from, Offset upper_bound);

  // Flushed records of it cannot be read: it refuses everything, until it is mended and loaded again.
  [[nodiscard]] bool quarantined() const;
  [[nodiscard]] const std::string& quarantined_why() const;

  // ---- offsets ----
  [[nodiscard]] Offset log_start_offset() const;
  [[nodiscard]] Offset log_end_offset() const;
  [[nodiscard]] Offset high_watermark() const;
  [[nodiscard]] Offset last_stable_offset() const;
  [[nodiscard]] Offset recovery_point() const;
  // Up to where the flush policy has been met. A leader counts itself as having this, not the log end: with flush.messages = 1
  // nothing above is exposed that a power cut could take back.
  [[nodiscard]] Offset policy_end_offset() const;
  [[nodiscard]] std::uint64_t size_bytes() const;  // of all segments
  [[nodiscard]] std::size_t segment_count() const;
  // Moves it up to min(offset, log end); never down. Returns where it is.
  Offset update_high_watermark(Offset offset);

  // ---- leader epochs (KIP-101, KIP-279) ----
  [[nodiscard]] LeaderEpoch latest_epoch() const;
  // The largest epoch <= `epoch` that wrote here and where it ended; {no_epoch, no_offset} if `epoch` is newer than all.
  [[nodiscard]] EpochEnd end_offset_for_epoch(LeaderEpoch epoch) const;
  [[nodiscard]] LeaderEpoch epoch_at(Offset offset) const;
  // All that is known of, rising; the last may begin at the log end, the first at or below the log start.
  [[nodiscard]] std::vector<EpochStart> leader_epochs() const;
  // A new leader notes where its epoch begins. Durable when it returns. May wait.
  std::expected<void, LogError> assign_epoch_start(LeaderEpoch epoch, Offset start);

  // ---- deleting and truncating ----
  // DeleteRecords: the log start becomes `offset` (durably), segments wholly below go at the next retention pass.
  // offset_out_of_range above the high watermark. No change if it lies below the log start. May wait.
  std::expected<void, LogError> delete_records_before(Offset offset);
  // A follower takes over its leader's log start, which may lie above its own high watermark. May wait.
  std::expected<void, LogError> advance_log_start(Offset offset);
  // Removes everything from the batch that holds `offset` on, and the epochs that begin there: also at the log end. The offset
  // truncated to. May wait.
  std::expected<Offset, LogError> truncate_to(Offset offset);
  // Removes everything; the next record will have `offset`. May wait.
  std::expected<void, LogError> truncate_fully_and_start_at(Offset offset);
  // Deletes what retention.ms, retention.bytes and the log start allow, never beyond the high watermark (KAFKA-5634).
  // Returns the number of segments deleted. May wait.
  std::expected<std::size_t, LogError> delete_old_segments();

  // ---- producers ----
  [[nodiscard]] const ProducerStateManager& producers() const;

  [[nodiscard]] LogState& state() { return *state_; }
  [[nodiscard]] const LogState& state() const { return *state_; }

 private:
  std::unique_ptr<LogState> state_;
};

}  // namespace squall::log
