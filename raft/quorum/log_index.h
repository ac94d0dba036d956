// What the quorum knows of its log: where epochs begin, where the log begins and ends, how much of it is durable, and which
// snapshots there are (KIP-101, KIP-595, KIP-630). Never a record.
//
// Invariant: start <= flushed end <= end. Invariant: epochs and their starts rise strictly. Invariant: a log that does not
// begin at 0 has a snapshot that reaches its start or beyond.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "raft/quorum/types.h"

namespace squall::raft {

struct EpochStart {
  LeaderEpoch epoch;
  Offset start;
  bool operator==(const EpochStart&) const = default;
};

struct Snapshot {
  OffsetAndEpoch id;
  std::int64_t size_bytes = 0;
  bool operator==(const Snapshot&) const = default;
};

// How a follower's position stands to a leader's log.
struct FetchPosition {
  enum class Kind : std::uint8_t { valid, diverging, snapshot };
  Kind kind = Kind::valid;
  OffsetAndEpoch id;  // diverging: the end of the epoch that both may share. snapshot: which to fetch
  bool operator==(const FetchPosition&) const = default;
};

class LogIndex {
 public:
  // An empty log.
  LogIndex() = default;
  // A log as found on disk, all of it durable. `snapshots` in the order of their offsets. A newest snapshot whose last
  // record is not in the log means that the log was to be replaced by it, and is: the log on disk is to be emptied too.
  LogIndex(Offset start, Offset end, std::vector<EpochStart> epochs, std::vector<Snapshot> snapshots);

  [[nodiscard]] Offset start() const { return start_; }
  [[nodiscard]] Offset end() const { return end_; }
  [[nodiscard]] Offset flushed_end() const { return flushed_; }
  [[nodiscard]] std::span<const EpochStart> epochs() const { return epochs_; }
  [[nodiscard]] std::span<const Snapshot> snapshots() const { return snapshots_; }
  // The newest that a follower may be given, and the oldest that the log continues: bootstrap snapshots are not counted.
  [[nodiscard]] std::optional<Snapshot> latest_snapshot() const;
  [[nodiscard]] std::optional<Snapshot> earliest_snapshot() const;
  [[nodiscard]] const Snapshot* find_snapshot(OffsetAndEpoch id) const;

  // The epoch of the record before `offset`, of the snapshot that ends there, or 0.
  [[nodiscard]] LeaderEpoch epoch_before(Offset offset) const;
  [[nodiscard]] OffsetAndEpoch last() const { return {epoch_before(end_), end_}; }
  // The last position that a crash cannot take: what votes are asked with and compared by.
  [[nodiscard]] OffsetAndEpoch durable() const { return {epoch_before(flushed_), flushed_}; }
  // Where the largest epoch not above `epoch` ends.
  [[nodiscard]] OffsetAndEpoch end_of_epoch(LeaderEpoch epoch) const;
  // See facts on Fetch, KIP-595 and KIP-630: what a leader says to a follower that is at `offset`, having last seen `epoch`.
  [[nodiscard]] FetchPosition compare(Offset offset, LeaderEpoch epoch) const;
  // Where a follower cuts its log when its leader says that `diverging` is the end of that epoch.
  [[nodiscard]] Offset truncation_point(OffsetAndEpoch diverging) const;

  // Records of `epoch` up to `end`. The epoch is not below the last one.
  void append(LeaderEpoch epoch, Offset end);
  void set_flushed(Offset end);
  void truncate_to(Offset end);
  void add_snapshot(Snapshot snapshot);
  // The log begins at `start`; snapshots that end before `oldest_snapshot` are gone.
  void clean(Offset start, Offset oldest_snapshot);
  // The log is replaced by the snapshot: it begins and ends there.
  void install(Snapshot snapshot);

  void check_invariants() const;

 private:
  Offset start_{0};
  Offset end_{0};
  Offset flushed_{0};
  std::vector<EpochStart> epochs_;
  std::vector<Snapshot> snapshots_;
};

}  // namespace squall::raft
