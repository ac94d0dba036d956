// What a Log is made of. Only the files of log/ see it: `append`, `read`, `flush`, `truncate`, `retention` and `recovery` each
// have one of their own.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/random.h"
#include "base/types.h"
#include "base/uuid.h"
#include "log/batch_info.h"
#include "log/leader_epochs.h"
#include "log/log.h"
#include "log/log_dir.h"
#include "log/segment.h"
#include "runtime/condition.h"
#include "runtime/mutex.h"

namespace squall::log {

struct LogState {
  LogState(runtime::World& its_world, std::shared_ptr<LogDir> its_dir, TopicPartition its_partition, std::string its_path,
           const LogConfig& its_config);
  ~LogState();

  // ---- who it is ----
  runtime::World& world;
  std::shared_ptr<LogDir> dir;
  TopicPartition partition;
  std::string name;  // `<topic>-<partition>`, for events
  std::string path;
  Uuid topic_id;
  LogConfig config;

  // ---- what it holds ----
  // Invariant: never empty once loaded; base offsets rise; the last one is active, all others are sealed.
  std::vector<std::shared_ptr<Segment>> segments;
  LeaderEpochs epochs;
  ProducerStateManager producers;
  Offset log_start{0};
  Offset log_end{0};
  Offset high_watermark{0};
  Offset recovery_point{0};
  Offset policy_end{0};

  // ---- taking turns ----
  runtime::Mutex writing;      // append, roll, truncate, retention: whoever changes what the log holds
  runtime::Condition flushed;  // a flush has ended, well or not
  runtime::Gate background;    // fibers that finish sealed segments are inside
  bool flushing = false;
  bool flush_timer = false;       // a fiber waits to flush by flush.ms
  bool closed = false;            // removed or shut down: refuses everything
  bool removed = false;           // its directory is renamed, or about to be: no file may be made by the old name
  std::string quarantined_why{};  // of a quarantined log: where, and the reason
  bool quarantined = false;       // see `quarantine`; nothing is deleted
  bool tail_dirty = false;        // a write was cut short by cancellation: bytes may lie beyond the active segment's end
  bool names_dirty = true;        // file names were made that sync_dir has not covered
  bool epochs_dirty = false;      // the checkpoint file lags the memory
  std::uint64_t truncations = 0;  // a flush that was begun before one must not move the recovery point
  std::int64_t segment_created_ms = 0;
  std::int64_t segment_jitter_ms = 0;
  Random jitter;

  // ---- working memory of whoever holds `writing` ----
  std::vector<BatchInfo> batches;
  std::vector<ProducerBatch> producer_batches;
  ByteBuffer scratch;

  std::vector<std::shared_ptr<Segment>> indexes_in_memory;  // sealed segments, oldest use first

  [[nodiscard]] Segment& active() { return *segments.back(); }
  [[nodiscard]] const Segment& active() const { return *segments.back(); }
  // The segment that holds `offset`: the last whose base is not above it. Null if all are above.
  [[nodiscard]] std::shared_ptr<Segment> segment_of(Offset offset) const;
  [[nodiscard]] Offset last_stable() const;
  // Up to where a start after a crash need not check anything: the recovery point, but not past a segment whose indexes are
  // not durable. Of a quarantined log: what was flushed before, for ever.
  [[nodiscard]] Offset durable_point() const;
  // Why it refuses to be used, if it does.
  [[nodiscard]] std::expected<void, LogError> usable() const;
  // An I/O error: the directory goes offline.
  [[nodiscard]] std::unexpected<LogError> failed(runtime::IoError error, std::string_view what);
  [[nodiscard]] std::unexpected<LogError> failed(const SegmentError& error, std::string_view what);
  // Flushed records from `at` on are unreadable: refuses everything from now on, and tells the operator.
  void quarantine(Offset at, std::string_view reason);
  void on_failure();  // the directory went offline: whoever waits looks again
  // Remembers that `segment` was looked into, and frees the indexes of those that were not for long.
  void used(const std::shared_ptr<Segment>& segment);
  void check_invariants() const;

  // ---- shared steps (the caller holds `writing` where it says so) ----
  std::expected<void, LogError> write_epochs();                                       // writing
  std::expected<void, LogError> start_segment(Offset base);                           // writing; becomes the active one
  std::expected<void, LogError> roll(const std::shared_ptr<Log>& self, Offset base);  // writing
  std::expected<void, LogError> flush_until(Offset end);
  std::expected<void, LogError> write_snapshot(Offset at, ByteView bytes);
  std::expected<void, LogError> delete_segments(std::size_t first, std::size_t count);  // writing; not the last one left
  void arm_flush_timer(const std::shared_ptr<Log>& self);
};

// Puts the end of a closed or deleted log into effect: flush, indexes, snapshot. See LogManager::shutdown.
std::expected<void, LogError> close_cleanly(LogState& log);

}  // namespace squall::log
