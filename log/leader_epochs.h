// Which leader epoch wrote from which offset on (KIP-101): what a follower compares with its leader to find where they part.
// Pure; the log writes it to `leader-epoch-checkpoint`, synced, after each change.
//
// Invariant: epochs and start offsets both rise strictly.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"
#include "log/log.h"

namespace squall::log {

class LeaderEpochs {
 public:
  // `epoch` begins at `start`. Entries that contradict it (a later epoch, or one that began at or after `start`) go. False
  // if nothing changed.
  bool assign(LeaderEpoch epoch, Offset start);
  [[nodiscard]] LeaderEpoch latest() const { return entries_.empty() ? no_epoch : entries_.back().epoch; }
  // See Log::end_offset_for_epoch. An epoch older than all: {epoch, start of the oldest}.
  [[nodiscard]] EpochEnd end_offset_for(LeaderEpoch epoch, Offset log_end) const;
  [[nodiscard]] LeaderEpoch at(Offset offset) const;
  // Forgets what began at `end` or later.
  bool truncate_from_end(Offset end);
  // Nothing is kept of epochs that ended at or before `start`; the one in force there begins there.
  bool truncate_from_start(Offset start);
  void clear() { entries_.clear(); }
  [[nodiscard]] std::span<const EpochStart> entries() const { return entries_; }
  void check_invariants() const;

  [[nodiscard]] std::string to_text() const;
  [[nodiscard]] static std::optional<LeaderEpochs> parse(std::string_view text);

 private:
  std::vector<EpochStart> entries_;
};

}  // namespace squall::log
