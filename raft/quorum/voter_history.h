// The voter sets and kraft.versions that a log has held, by offset (KIP-853).
//
// A set is in force from the moment its record is appended, committed or not; when the log loses the record, the one before
// is in force again. Pure; the quorum keeps it in step with its log.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "raft/quorum/voter_set.h"

namespace squall::raft {

// Values by the offset from which they hold. Invariant: offsets rise strictly; there is always one value.
template <class T>
class History {
 public:
  struct Entry {
    Offset offset = no_offset;  // of its record; no_offset for what is not in the log
    T value;
  };

  explicit History(T initial) { entries_.push_back({no_offset, std::move(initial)}); }

  [[nodiscard]] const Entry& last() const { return entries_.back(); }
  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }
  // The value in force below `end`.
  [[nodiscard]] const Entry& at(Offset end) const {
    for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
      if (entry->offset < end) return *entry;
    }
    return entries_.front();
  }
  void append(Offset offset, T value) { entries_.push_back({offset, std::move(value)}); }
  // The log ends at `end`: later entries never were.
  void truncate_to(Offset end) {
    while (entries_.size() > 1 && entries_.back().offset >= end) entries_.pop_back();
  }
  // Nothing below `start` is asked for again: of the older entries only the one in force there is kept.
  void forget_below(Offset start) {
    while (entries_.size() > 1 && entries_[1].offset < start) entries_.erase(entries_.begin());
  }
  // A snapshot replaced the log; what it says holds from its last record on.
  void reset(Offset offset, T value) { entries_.assign(1, Entry{offset, std::move(value)}); }

 private:
  std::vector<Entry> entries_;
};

struct VoterHistory {
  VoterHistory(VoterSet voters, std::int16_t version)
      : sets{std::make_shared<const VoterSet>(std::move(voters))}, versions{version} {}

  History<VoterSetPtr> sets;
  History<std::int16_t> versions;

  [[nodiscard]] const VoterSet& voters() const { return *sets.last().value; }
  [[nodiscard]] std::int16_t kraft_version() const { return versions.last().value; }
  void append(Offset offset, VoterSet voters) { sets.append(offset, std::make_shared<const VoterSet>(std::move(voters))); }
  void append(Offset offset, std::int16_t version) { versions.append(offset, version); }
  void truncate_to(Offset end) {
    sets.truncate_to(end);
    versions.truncate_to(end);
  }
  void forget_below(Offset start) {
    sets.forget_below(start);
    versions.forget_below(start);
  }
};

}  // namespace squall::raft
