#include "log/indexes.h"

#include <algorithm>
#include <iterator>

#include "base/assert.h"

namespace squall::log {
namespace {

constexpr std::int64_t int32_max = std::numeric_limits<std::int32_t>::max();

std::uint64_t position_of(const OffsetIndex::Entry& entry) { return static_cast<std::uint64_t>(entry.position); }

// Room for `entries` more entries at the end of `to`.
std::uint8_t* grow(ByteBuffer& to, std::size_t entries, std::size_t entry_bytes) {
  const std::size_t old = to.size();
  to.resize(old + entries * entry_bytes);
  return to.data() + old;
}

}  // namespace

void OffsetIndex::append(std::int64_t relative_offset, std::uint64_t position, std::uint64_t batch_bytes) {
  SQUALL_ASSERT(relative_offset >= 0 && relative_offset <= int32_max, "a segment spans 2^31 offsets");
  SQUALL_ASSERT(position <= static_cast<std::uint64_t>(int32_max), "a segment is smaller than 2 GiB");
  SQUALL_ASSERT(entries_.empty() || (entries_.back().relative_offset < relative_offset &&
                                     static_cast<std::uint64_t>(entries_.back().position) < position),
                "index entries rise");
  entries_.push_back({static_cast<std::int32_t>(relative_offset), static_cast<std::int32_t>(position)});
  batch_bytes_.push_back(static_cast<std::uint32_t>(batch_bytes));
}

void OffsetIndex::learn(std::uint64_t position, std::uint64_t batch_bytes) {
  const auto found = std::ranges::lower_bound(entries_, position, {}, position_of);
  if (found == entries_.end() || position_of(*found) != position) return;
  batch_bytes_[static_cast<std::size_t>(found - entries_.begin())] = static_cast<std::uint32_t>(batch_bytes);
}

std::optional<std::uint64_t> OffsetIndex::batch_end(std::size_t entry) const {
  if (batch_bytes_[entry] == 0) return std::nullopt;
  return position_of(entries_[entry]) + batch_bytes_[entry];
}

std::optional<OffsetIndex::Place> OffsetIndex::batch_at(std::int64_t relative_offset) const {
  const auto found = std::ranges::lower_bound(entries_, relative_offset, {},
                                              [](const Entry& entry) { return std::int64_t{entry.relative_offset}; });
  if (found == entries_.end()) return std::nullopt;
  const auto entry = static_cast<std::size_t>(found - entries_.begin());
  if (batch_bytes_[entry] == 0) return std::nullopt;
  const Place place{position_of(*found), batch_bytes_[entry]};
  if (found->relative_offset == relative_offset) return place;
  // Batches without an entry may lie before it, unless the batch of the entry before ends where this one begins.
  if (entry > 0 && batch_end(entry - 1) == place.position) return place;
  return std::nullopt;
}

std::optional<std::uint64_t> OffsetIndex::cut_batch(std::uint64_t position) const {
  const auto behind = std::ranges::lower_bound(entries_, position, {}, position_of);
  if (behind == entries_.begin()) return std::nullopt;
  const auto entry = static_cast<std::size_t>(behind - entries_.begin()) - 1;
  const auto end = batch_end(entry);
  if (!end || *end <= position) return std::nullopt;
  return position_of(entries_[entry]);
}

std::uint64_t OffsetIndex::lookup(std::int64_t relative_offset) const {
  const auto after = std::ranges::upper_bound(entries_, relative_offset, {},
                                              [](const Entry& entry) { return std::int64_t{entry.relative_offset}; });
  return after == entries_.begin() ? 0 : static_cast<std::uint64_t>(std::prev(after)->position);
}

void OffsetIndex::truncate_to_position(std::uint64_t position) {
  while (!entries_.empty() && static_cast<std::uint64_t>(entries_.back().position) >= position) entries_.pop_back();
  batch_bytes_.resize(entries_.size());
}

void OffsetIndex::encode(std::size_t from_entry, ByteBuffer& to) const {
  std::uint8_t* at = grow(to, entries_.size() - from_entry, entry_bytes);
  for (std::size_t i = from_entry; i < entries_.size(); ++i, at += entry_bytes) {
    store_be(at, entries_[i].relative_offset);
    store_be(at + 4, entries_[i].position);
  }
}

std::optional<OffsetIndex> OffsetIndex::decode(ByteView bytes, std::uint64_t segment_bytes) {
  if (bytes.size() % entry_bytes != 0) return std::nullopt;
  OffsetIndex index;
  index.entries_.reserve(bytes.size() / entry_bytes);
  for (std::size_t at = 0; at < bytes.size(); at += entry_bytes) {
    const Entry entry{load_be<std::int32_t>(bytes.data() + at), load_be<std::int32_t>(bytes.data() + at + 4)};
    if (entry.relative_offset < 0 || entry.position < 0) return std::nullopt;
    if (static_cast<std::uint64_t>(entry.position) >= segment_bytes) return std::nullopt;
    if (!index.entries_.empty()) {
      const Entry& last = index.entries_.back();
      if (last.relative_offset >= entry.relative_offset || last.position >= entry.position) return std::nullopt;
    }
    index.entries_.push_back(entry);
  }
  index.batch_bytes_.resize(index.entries_.size());
  return index;
}

bool TimeIndex::maybe_append(std::int64_t timestamp_ms, std::int64_t relative_offset) {
  if (timestamp_ms < 0 || (!entries_.empty() && entries_.back().timestamp_ms >= timestamp_ms)) return false;
  SQUALL_ASSERT(relative_offset >= 0 && relative_offset <= int32_max, "a segment spans 2^31 offsets");
  // Entries that were read from a damaged file may lie behind the batches: then the index stays sparse.
  if (!entries_.empty() && entries_.back().relative_offset > relative_offset) return false;
  entries_.push_back({timestamp_ms, static_cast<std::int32_t>(relative_offset)});
  return true;
}

std::optional<TimeIndex::Entry> TimeIndex::lookup_below(std::int64_t timestamp_ms) const {
  const auto at_or_above = std::ranges::lower_bound(entries_, timestamp_ms, {}, &Entry::timestamp_ms);
  if (at_or_above == entries_.begin()) return std::nullopt;
  return *std::prev(at_or_above);
}

void TimeIndex::truncate_to(std::int64_t relative_offset) {
  while (!entries_.empty() && entries_.back().relative_offset >= relative_offset) entries_.pop_back();
}

void TimeIndex::encode(std::size_t from_entry, ByteBuffer& to) const {
  std::uint8_t* at = grow(to, entries_.size() - from_entry, entry_bytes);
  for (std::size_t i = from_entry; i < entries_.size(); ++i, at += entry_bytes) {
    store_be(at, entries_[i].timestamp_ms);
    store_be(at + 8, entries_[i].relative_offset);
  }
}

std::optional<TimeIndex> TimeIndex::decode(ByteView bytes) {
  if (bytes.size() % entry_bytes != 0) return std::nullopt;
  TimeIndex index;
  index.entries_.reserve(bytes.size() / entry_bytes);
  for (std::size_t at = 0; at < bytes.size(); at += entry_bytes) {
    const Entry entry{load_be<std::int64_t>(bytes.data() + at), load_be<std::int32_t>(bytes.data() + at + 8)};
    if (entry.timestamp_ms < 0 || entry.relative_offset < 0) return std::nullopt;
    if (!index.entries_.empty()) {
      const Entry& last = index.entries_.back();
      if (last.timestamp_ms >= entry.timestamp_ms || last.relative_offset > entry.relative_offset) return std::nullopt;
    }
    index.entries_.push_back(entry);
  }
  return index;
}

void TransactionIndex::append(const Entry& entry) {
  SQUALL_ASSERT(entries_.empty() || entries_.back().last_offset < entry.last_offset, "transaction index entries rise");
  entries_.push_back(entry);
}

void TransactionIndex::truncate_to(Offset end) {
  while (!entries_.empty() && entries_.back().last_offset >= end) entries_.pop_back();
}

void TransactionIndex::encode(std::size_t from_entry, ByteBuffer& to) const {
  std::uint8_t* at = grow(to, entries_.size() - from_entry, entry_bytes);
  for (std::size_t i = from_entry; i < entries_.size(); ++i, at += entry_bytes) {
    store_be(at, std::int16_t{0});
    store_be(at + 2, entries_[i].producer_id.value());
    store_be(at + 10, entries_[i].first_offset.value());
    store_be(at + 18, entries_[i].last_offset.value());
    store_be(at + 26, entries_[i].last_stable_offset.value());
  }
}

std::optional<TransactionIndex> TransactionIndex::decode(ByteView bytes, Offset base_offset) {
  if (bytes.size() % entry_bytes != 0) return std::nullopt;
  TransactionIndex index;
  for (std::size_t at = 0; at < bytes.size(); at += entry_bytes) {
    const std::uint8_t* from = bytes.data() + at;
    if (load_be<std::int16_t>(from) != 0) return std::nullopt;
    const Entry entry{ProducerId{load_be<std::int64_t>(from + 2)}, Offset{load_be<std::int64_t>(from + 10)},
                      Offset{load_be<std::int64_t>(from + 18)}, Offset{load_be<std::int64_t>(from + 26)}};
    if (entry.first_offset < Offset{0} || entry.last_offset < std::max(entry.first_offset, base_offset)) return std::nullopt;
    if (!index.entries_.empty() && index.entries_.back().last_offset >= entry.last_offset) return std::nullopt;
    index.entries_.push_back(entry);
  }
  return index;
}

}  // namespace squall::log
