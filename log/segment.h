// One segment: `<20-digit base offset>.log` and its indexes. The last segment of a log is active: only it grows.
//
// The indexes of the active segment are kept in memory and written when it is sealed, flushed for good or closed: after a crash
// they are rebuilt from the records anyway. Those of a sealed one are read when first looked into, and rebuilt if they are
// missing or implausible.
//
// Invariant: [0, size) holds whole batches with rising offsets, all at or above the base offset.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/types.h"
#include "log/batch_info.h"
#include "log/batch_scanner.h"
#include "log/indexes.h"
#include "log/log_config.h"
#include "runtime/world.h"

namespace squall::log {

// The offset and time index as they grow batch by batch: the same whether records are appended or read again.
struct IndexBuilder {
  OffsetIndex offsets;
  TimeIndex times;
  std::uint64_t bytes_since_entry = 0;
  std::int64_t max_timestamp_ms = -1;
  std::int64_t max_timestamp_offset = 0;  // relative; the last offset of the batch that had it

  void add(const BatchInfo& batch, Offset base, std::int32_t interval_bytes);
  // The last time-index entry of a segment.
  void finish() { (void)times.maybe_append(max_timestamp_ms, max_timestamp_offset); }
};

class Segment {
 public:
  // A new one; an abandoned file of that name is emptied. The name is not durable before the directory is synced.
  static runtime::Result<std::shared_ptr<Segment>> create(runtime::World& world, const std::string& dir, Offset base,
                                                          const LogConfig& config);
  // One that exists; its indexes are not looked at yet.
  static runtime::Result<std::shared_ptr<Segment>> open(runtime::World& world, const std::string& dir, Offset base);

  Segment(runtime::World& world, std::string dir, Offset base, std::shared_ptr<runtime::File> file, std::uint64_t size);
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;

  [[nodiscard]] Offset base_offset() const { return base_; }
  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] const std::shared_ptr<runtime::File>& file() const { return file_; }
  [[nodiscard]] std::string path(std::string_view suffix) const;
  [[nodiscard]] bool fits(Offset offset) const;  // as an int32 relative to the base
  [[nodiscard]] bool index_full(const LogConfig& config) const;

  // ---- growing (the active segment; its indexes are loaded) ----
  // Writes `bytes` at the end. They are not part of the segment before `note`. May wait.
  runtime::Result<void> write(ByteView bytes);
  // The batch that lies at the end is part of the segment now. `interval_bytes`: index.interval.bytes.
  void note(const BatchInfo& batch, std::int32_t interval_bytes);
  void note_aborted(const TransactionIndex::Entry& entry);
  // No more batches: the last time-index entry. Once.
  void seal();
  [[nodiscard]] bool sealed() const { return sealed_; }

  // ---- durability (may wait) ----
  runtime::Result<void> sync_records() { return file_->sync(); }
  // Writes what the index files lack. With `sync`, makes them durable.
  runtime::Result<void> write_indexes(bool sync);
  [[nodiscard]] bool indexes_durable() const { return indexes_durable_; }

  // ---- looking (may wait) ----
  // The first batch whose last offset is at or above `offset`; nothing if there is none below size().
  SegmentResult<std::optional<BatchInfo>> find(Offset offset);
  // Where that batch lies: the same, but without a look at the file if the index knows it.
  SegmentResult<std::optional<OffsetIndex::Place>> locate(Offset offset);
  // Where the batch begins that `position` cuts in two, if that is known. Does not wait.
  [[nodiscard]] std::optional<std::uint64_t> cut_batch(std::uint64_t position) const {
    return built_.offsets.cut_batch(position);
  }
  // The first batch that may hold a record with that timestamp or a later one.
  SegmentResult<std::optional<BatchInfo>> find_timestamp(std::int64_t timestamp_ms);
  // The largest timestamp; -1 if there is none.
  SegmentResult<std::int64_t> max_timestamp();
  // The largest timestamp of the first batch, from which segment.ms counts.
  SegmentResult<std::int64_t> first_timestamp();
  SegmentResult<const TransactionIndex*> transactions();

  // ---- loading, truncating (may wait) ----
  // Reads the index files; rebuilds them from the records if they cannot be trusted. True if they had to be rebuilt.
  SegmentResult<bool> load_indexes();
  // Frees what can be read again.
  void drop_indexes();
  // Forgets everything: size 0, indexes empty; `note` then tells of every batch. Nobody reads it yet.
  void restart();
  // Removes all from the batch that begins at `position` on, durably. It is active afterwards.
  SegmentResult<void> truncate_to(std::uint64_t position, Offset end);
  // What lies between the last index entry and the end becomes known again: max timestamp, bytes since the last entry.
  // corrupt_message if it is no chain of batches.
  SegmentResult<Offset> rescan_tail();
  void adopt_transactions(TransactionIndex index);
  // Renames all its files by adding `.deleted`. Readers that hold the file go on.
  runtime::Result<std::vector<std::string>> mark_deleted();

 private:
  template <class Index>
  runtime::Result<void> write_index(const Index& index, std::string_view suffix, std::size_t& written, bool sync);
  void remember(const BatchInfo& batch);
  [[nodiscard]] std::optional<BatchInfo> find_recent(Offset offset) const;
  SegmentResult<IndexBuilder> rebuilt();

  runtime::World& world_;
  std::string dir_;
  Offset base_;
  std::shared_ptr<runtime::File> file_;
  std::uint64_t size_;
  IndexBuilder built_;
  TransactionIndex transactions_;
  std::size_t offsets_written_ = 0;  // entries that the files hold
  std::size_t times_written_ = 0;
  std::size_t transactions_written_ = 0;
  std::int64_t first_timestamp_ms_ = -1;
  std::vector<BatchInfo> recent_;  // a ring: where the newest batches lie, so that reads at the tail need no file
  std::size_t recent_next_ = 0;
  std::uint64_t shape_ = 0;  // raised when it shrinks, so that a write of indexes in flight can tell
  std::int32_t interval_bytes_ = 4096;
  bool first_known_ = false;
  bool loaded_ = false;
  bool sealed_ = false;
  bool rewrite_ = false;  // the index files hold more than, or other than, what was written here
  bool indexes_durable_ = false;
  bool deleted_ = false;  // its names are gone: no index is written any more
};

}  // namespace squall::log
