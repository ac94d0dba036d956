#include "raft/quorum/log_index.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace squall::raft {

LogIndex::LogIndex(Offset start, Offset end, std::vector<EpochStart> epochs, std::vector<Snapshot> snapshots)
    : start_{start}, end_{end}, flushed_{end}, epochs_{std::move(epochs)}, snapshots_{std::move(snapshots)} {
  const auto newest = latest_snapshot();
  const bool in_log = newest && newest->id.offset <= end_ &&
                      (newest->id.offset <= start_ || epoch_before(newest->id.offset) == newest->id.epoch);
  if (newest && !in_log) install(*newest);
  check_invariants();
}

std::optional<Snapshot> LogIndex::latest_snapshot() const {
  if (snapshots_.empty() || snapshots_.back().id == bootstrap_snapshot) return std::nullopt;
  return snapshots_.back();
}

std::optional<Snapshot> LogIndex::earliest_snapshot() const {
  for (const Snapshot& snapshot : snapshots_) {
    if (snapshot.id != bootstrap_snapshot && snapshot.id.offset >= start_) return snapshot;
  }
  return std::nullopt;
}

const Snapshot* LogIndex::find_snapshot(OffsetAndEpoch id) const {
  const auto found = std::ranges::find(snapshots_, id, &Snapshot::id);
  return found == snapshots_.end() ? nullptr : &*found;
}

LeaderEpoch LogIndex::epoch_before(Offset offset) const {
  for (auto entry = epochs_.rbegin(); entry != epochs_.rend(); ++entry) {
    if (entry->start < offset) return entry->epoch;
  }
  for (const Snapshot& snapshot : snapshots_) {
    if (snapshot.id.offset == offset) return snapshot.id.epoch;
  }
  return LeaderEpoch{0};
}

OffsetAndEpoch LogIndex::end_of_epoch(LeaderEpoch epoch) const {
  const auto above = std::ranges::find_if(epochs_, [&](const EpochStart& entry) { return entry.epoch > epoch; });
  const Offset end = above == epochs_.end() ? end_ : above->start;
  if (above == epochs_.begin()) {
    // Nothing of the log is that old, or the log is empty: only the snapshot below it can tell.
    const auto earliest = earliest_snapshot();
    if (earliest && earliest->id.epoch <= epoch) return {earliest->id.epoch, std::max(earliest->id.offset, end)};
    return {end == end_ && epochs_.empty() ? epoch_before(end_) : epoch, end};
  }
  return {std::prev(above)->epoch, end};
}

FetchPosition LogIndex::compare(Offset offset, LeaderEpoch epoch) const {
  using Kind = FetchPosition::Kind;
  const auto latest = latest_snapshot();
  // An empty follower: a snapshot is cheaper than the log.
  if (offset == Offset{0} && latest) return {Kind::snapshot, latest->id};
  if (offset == Offset{0} && start_ == Offset{0}) return {Kind::valid, {}};
  const auto earliest = earliest_snapshot();
  if (earliest) {
    const bool other_epoch = offset == start_ && offset == earliest->id.offset && epoch != earliest->id.epoch;
    if (offset < start_ || other_epoch || epoch < earliest->id.epoch) return {Kind::snapshot, latest->id};
  }
  const OffsetAndEpoch end = end_of_epoch(epoch);
  if (end.epoch != epoch || end.offset < offset) return {Kind::diverging, end};
  return {Kind::valid, {}};
}

Offset LogIndex::truncation_point(OffsetAndEpoch diverging) const {
  const OffsetAndEpoch own = end_of_epoch(diverging.epoch);
  if (own.epoch == diverging.epoch || diverging.epoch == LeaderEpoch{0}) return std::min(own.offset, diverging.offset);
  return own.offset;
}

void LogIndex::append(LeaderEpoch epoch, Offset end) {
  SQUALL_ASSERT(end > end_, "an append makes the log longer");
  const LeaderEpoch last = epochs_.empty() ? epoch_before(end_) : epochs_.back().epoch;
  SQUALL_ASSERT(epoch >= last, "epochs never fall along a log");
  if (epochs_.empty() || epoch > last) epochs_.push_back({epoch, end_});
  end_ = end;
}

void LogIndex::set_flushed(Offset end) {
  SQUALL_ASSERT(end <= end_, "only what was appended can be durable");
  flushed_ = std::max(flushed_, end);
}

void LogIndex::truncate_to(Offset end) {
  SQUALL_ASSERT(end >= start_ && end <= end_, "a log is cut within itself");
  end_ = end;
  flushed_ = std::min(flushed_, end);
  while (!epochs_.empty() && epochs_.back().start >= end) epochs_.pop_back();
}

void LogIndex::add_snapshot(Snapshot snapshot) {
  const auto after = std::ranges::find_if(snapshots_, [&](const Snapshot& one) { return one.id.offset >= snapshot.id.offset; });
  if (after != snapshots_.end() && after->id.offset == snapshot.id.offset) {
    *after = snapshot;
  } else {
    snapshots_.insert(after, snapshot);
  }
}

void LogIndex::clean(Offset start, Offset oldest_snapshot) {
  SQUALL_ASSERT(start >= start_ && start <= end_, "a log's start moves forward, within the log");
  const LeaderEpoch in_force = start == end_ ? no_epoch : epoch_before(start + 1);
  start_ = start;
  std::erase_if(snapshots_, [&](const Snapshot& one) { return one.id.offset < oldest_snapshot; });
  std::erase_if(epochs_, [&](const EpochStart& one) { return one.start < start && one.epoch != in_force; });
  if (!epochs_.empty() && epochs_.front().start < start) epochs_.front().start = start;
  flushed_ = std::max(flushed_, start);
}

void LogIndex::install(Snapshot snapshot) {
  start_ = end_ = flushed_ = snapshot.id.offset;
  epochs_.clear();
  add_snapshot(snapshot);
  std::erase_if(snapshots_, [&](const Snapshot& one) { return one.id.offset > snapshot.id.offset; });
}

void LogIndex::check_invariants() const {
  SQUALL_ASSERT(start_ >= Offset{0} && start_ <= flushed_ && flushed_ <= end_, "start <= flushed end <= end");
  for (std::size_t i = 0; i < epochs_.size(); ++i) {
    SQUALL_ASSERT(epochs_[i].start >= start_ && epochs_[i].start < end_, "epochs lie within the log");
    SQUALL_ASSERT(i == 0 || (epochs_[i].epoch > epochs_[i - 1].epoch && epochs_[i].start > epochs_[i - 1].start),
                  "epochs and their starts rise");
  }
  SQUALL_ASSERT(epochs_.empty() == (start_ == end_) && (epochs_.empty() || epochs_.front().start == start_),
                "each record has an epoch");
  const auto newest = latest_snapshot();
  SQUALL_ASSERT(start_ == Offset{0} || (newest && newest->id.offset >= start_), "a snapshot reaches the start of the log");
}

}  // namespace squall::raft
