// The three indexes of a segment, in memory, and their bytes on disk (big-endian; see docs/formats/segment.md). Pure.
//
// They are hints: each can be rebuilt from the segment, and a decoder that finds one implausible says so instead of using it.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/types.h"

namespace squall::log {

// Sparse: the last offset of some batches and where those begin. 8 bytes: int32 offset - base, int32 position.
// How long those batches are is kept in memory only, as far as it is known: it tells where the next batch begins, so that most
// look-ups need no look at the file.
// Invariant: offsets and positions rise strictly.
class OffsetIndex {
 public:
  static constexpr std::size_t entry_bytes = 8;
  struct Entry {
    std::int32_t relative_offset = 0;
    std::int32_t position = 0;
    bool operator==(const Entry&) const = default;
  };

  // A batch, where it begins and how long it is.
  struct Place {
    std::uint64_t position = 0;
    std::uint64_t bytes = 0;
    bool operator==(const Place&) const = default;
  };

  // `batch_bytes` 0: not known.
  void append(std::int64_t relative_offset, std::uint64_t position, std::uint64_t batch_bytes = 0);
  // The batch that begins at `position` is that long; ignored if it has no entry.
  void learn(std::uint64_t position, std::uint64_t batch_bytes);
  // The first batch whose last offset is at or above `relative_offset`, where the entries alone prove which one it is.
  [[nodiscard]] std::optional<Place> batch_at(std::int64_t relative_offset) const;
  // Where the batch begins that `position` cuts in two; nothing if it cuts none, or that is not known.
  [[nodiscard]] std::optional<std::uint64_t> cut_batch(std::uint64_t position) const;
  // The position of the last entry whose offset is not above `relative_offset`; 0 if there is none.
  [[nodiscard]] std::uint64_t lookup(std::int64_t relative_offset) const;
  // Drops entries of batches that begin at `position` or later.
  void truncate_to_position(std::uint64_t position);
  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }
  void encode(std::size_t from_entry, ByteBuffer& to) const;
  [[nodiscard]] static std::optional<OffsetIndex> decode(ByteView bytes, std::uint64_t segment_bytes);

 private:
  // Where the batch of that entry ends; nothing if its length is not known.
  [[nodiscard]] std::optional<std::uint64_t> batch_end(std::size_t entry) const;

  std::vector<Entry> entries_;
  std::vector<std::uint32_t> batch_bytes_;  // one per entry; 0: not known
};

// The largest timestamp so far and an offset by which it had been seen. 12 bytes: int64 timestamp, int32 offset - base.
// Invariant: timestamps rise strictly, offsets do not fall.
class TimeIndex {
 public:
  static constexpr std::size_t entry_bytes = 12;
  struct Entry {
    std::int64_t timestamp_ms = 0;
    std::int32_t relative_offset = 0;
    bool operator==(const Entry&) const = default;
  };

  // Does nothing unless the timestamp is above the last entry's (KAFKA-19407: never let one go back).
  bool maybe_append(std::int64_t timestamp_ms, std::int64_t relative_offset);
  // The last entry whose timestamp is below `timestamp_ms`: no record up to that entry's offset has it or a later one.
  [[nodiscard]] std::optional<Entry> lookup_below(std::int64_t timestamp_ms) const;
  // Drops entries whose offset is at or above `relative_offset`.
  void truncate_to(std::int64_t relative_offset);
  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }
  void encode(std::size_t from_entry, ByteBuffer& to) const;
  [[nodiscard]] static std::optional<TimeIndex> decode(ByteView bytes);

 private:
  std::vector<Entry> entries_;
};

// Aborted transactions whose marker lies in the segment. 34 bytes: int16 version 0, int64 producer id, first offset, last
// offset, last stable offset after it.
// Invariant: last offsets rise strictly.
class TransactionIndex {
 public:
  static constexpr std::size_t entry_bytes = 34;
  struct Entry {
    ProducerId producer_id = no_producer;
    Offset first_offset = no_offset;
    Offset last_offset = no_offset;
    Offset last_stable_offset = no_offset;
    bool operator==(const Entry&) const = default;
  };

  void append(const Entry& entry);
  void truncate_to(Offset end);  // drops entries whose last offset is at or above `end`
  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }
  void encode(std::size_t from_entry, ByteBuffer& to) const;
  [[nodiscard]] static std::optional<TransactionIndex> decode(ByteView bytes, Offset base_offset);

 private:
  std::vector<Entry> entries_;
};

}  // namespace squall::log
