// Loading a log from its directory, whatever state a crash left it in.
//
// "Flushed" is what lies below the recovery point: it was acknowledged as durable, so nothing here ever deletes it. What lies
// above may be whole, torn or missing, in any order: it is kept up to the first byte that is not what was written. What is kept
// is written once more and synced before the load ends: after a failed sync, reads may show bytes that the disk lacks. The
// price: with Kafka's default of no flushing, up to a segment of each partition is written and synced at an unclean start.
// Indexes, snapshots and checkpoints are hints: one that is missing or implausible is ignored, told of by the event
// `checkpoint-ignored`, and made again.
//
//   #  found                                              what is done
//   -- -------------------------------------------------- ------------------------------------------------------------
//    1 a file marked `.deleted`                           removed
//    2 a `.cleaned` or `.tmp` file                        removed, and the swaps of the same cleaning with it
//    3 a `.log.swap`                                      the segments it covers are removed, then it takes their place
//    4 an index without its segment                       removed
//    5 no segment at all                                  an empty one at the log start
//    6 clean mark, the active segment is a chain          trusted: nothing is checked but its end
//    7 no clean mark                                      segments from the recovery point's on are checked, every batch;
//                                                         those never flushed are written again, and synced
//    8 a bad batch above the recovery point               cut off there, durably; later segments are removed
//    9 a segment missing above the recovery point         the segments behind the gap are removed (not if compacted)
//   10 a batch below the recovery point fails its CRC     kept: it is reported, and readers will find out
//   11 no chain of batches below the recovery point       the log is quarantined: it refuses everything, nothing is
//                                                         deleted, and `log-quarantined` tells where and why
//   12 offset or time index missing, short, implausible   rebuilt from the records (of a sealed segment: when first used)
//   13 transaction index implausible                      rebuilt by replaying the producers
//   14 a producer snapshot is corrupt                     removed; an older one is used
//   15 a producer snapshot lies above the log end         removed
//   16 no usable producer snapshot                        the producers are replayed from the first segment
//   17 leader-epoch checkpoint missing or corrupt         rebuilt from the epochs in the batches
//   18 leader epochs begin above the log end              removed
//   19 recovery-point checkpoint missing, no clean mark   nothing counts as flushed: all segments are checked
//   20 recovery point above the log end                   lowered to it
//   21 log-start checkpoint missing or too low            the log starts with its first segment
//   22 log start above the log end                        the log is emptied and begins there
//   23 high-watermark checkpoint missing or too low       the high watermark is the log start
//   24 high watermark above the log end                   lowered to it
//   25 a segment wholly below the log start               removed: a power cut can bring some of those deleted back, in any
//                                                         order, so that they are no beginning of the log
//   26 a segment of 2 GiB or more                         the log is quarantined, as in row 11: no index can point into it
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>
#include <vector>

#include "base/types.h"
#include "log/batch_scanner.h"
#include "log/log_error.h"

namespace squall::log {

struct LogState;

enum class RecoveryCase : std::uint8_t {
  deleted_file = 1,
  unfinished_file = 2,
  finished_swap = 3,
  orphan_index = 4,
  no_segment = 5,
  clean = 6,
  unclean = 7,
  torn_tail = 8,
  missing_segment = 9,
  flushed_batch_corrupt = 10,
  flushed_chain_broken = 11,
  index_rebuilt = 12,
  transaction_index_rebuilt = 13,
  snapshot_corrupt = 14,
  snapshot_above_end = 15,
  snapshot_missing = 16,
  epochs_rebuilt = 17,
  epochs_above_end = 18,
  recovery_point_missing = 19,
  recovery_point_above_end = 20,
  log_start_missing = 21,
  log_start_above_end = 22,
  high_watermark_missing = 23,
  high_watermark_above_end = 24,
  below_log_start = 25,
  segment_too_large = 26,
};

struct RecoveryRow {
  RecoveryCase found;
  std::string_view name;
  bool deletes_unflushed;  // whether records above the recovery point may go
};

// The table above, as data.
inline constexpr std::array<RecoveryRow, 26> recovery_table{{
    {RecoveryCase::deleted_file, "a file marked deleted", false},
    {RecoveryCase::unfinished_file, "an unfinished file", false},
    {RecoveryCase::finished_swap, "a finished swap", false},
    {RecoveryCase::orphan_index, "an index without its segment", false},
    {RecoveryCase::no_segment, "no segment", false},
    {RecoveryCase::clean, "a clean mark", false},
    {RecoveryCase::unclean, "no clean mark", false},
    {RecoveryCase::torn_tail, "a bad batch above the recovery point", true},
    {RecoveryCase::missing_segment, "a segment missing above the recovery point", true},
    {RecoveryCase::flushed_batch_corrupt, "a flushed batch that fails its CRC", false},
    {RecoveryCase::flushed_chain_broken, "flushed records that are no chain of batches", false},
    {RecoveryCase::index_rebuilt, "an index missing or implausible", false},
    {RecoveryCase::transaction_index_rebuilt, "a transaction index implausible", false},
    {RecoveryCase::snapshot_corrupt, "a corrupt producer snapshot", false},
    {RecoveryCase::snapshot_above_end, "a producer snapshot above the log end", false},
    {RecoveryCase::snapshot_missing, "no usable producer snapshot", false},
    {RecoveryCase::epochs_rebuilt, "leader epochs missing or corrupt", false},
    {RecoveryCase::epochs_above_end, "leader epochs above the log end", false},
    {RecoveryCase::recovery_point_missing, "no recovery point", false},
    {RecoveryCase::recovery_point_above_end, "a recovery point above the log end", false},
    {RecoveryCase::log_start_missing, "no log start", false},
    {RecoveryCase::log_start_above_end, "a log start above the log end", true},
    {RecoveryCase::high_watermark_missing, "no high watermark", false},
    {RecoveryCase::high_watermark_above_end, "a high watermark above the log end", false},
    {RecoveryCase::below_log_start, "a segment below the log start", false},
    {RecoveryCase::segment_too_large, "a segment of 2 GiB or more", false},
}};

// What the checkpoints of the directory say of the log.
struct LoadInput {
  bool clean = false;
  std::optional<Offset> recovery_point;
  std::optional<Offset> log_start;
  std::optional<Offset> high_watermark;
};

struct RecoveryReport {
  std::vector<RecoveryCase> cases;  // the rows that applied, each once, in the order they were found
  std::uint64_t bytes_cut = 0;

  void note(RecoveryCase found);
  [[nodiscard]] bool has(RecoveryCase found) const;
};

// Fills `log` from its directory. storage_error: the directory is offline. A quarantined log is loaded, and refuses. May wait.
std::expected<RecoveryReport, LogError> load_log(LogState& log, const LoadInput& input);

// ---- the steps ----

// Rows 1 to 4. Returns the base offsets of the segments that are there, rising.
std::expected<std::vector<Offset>, LogError> tidy_directory(LogState& log, RecoveryReport& report);
// Rows 8 to 11, over segments[first...]. Fills the leader epochs that the checkpoint lacks.
std::expected<void, LogError> check_segments(LogState& log, std::size_t first, Offset recovery_point, RecoveryReport& report);

// Sets the producers to what they are at the log end: the newest usable snapshot and a replay of what follows. With
// `transactions_from`, only snapshots at or below it are used, and the transaction indexes of the segments from there on are
// made again. `report` may be null.
SegmentResult<void> replay_producers(LogState& log, std::int64_t now_ms, std::optional<Offset> transactions_from = {},
                                     RecoveryReport* report = nullptr);
// Removes the producer snapshots above `offset`.
runtime::Result<void> remove_snapshots_above(LogState& log, Offset offset);

}  // namespace squall::log
