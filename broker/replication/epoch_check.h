// The leader's half of truncation (KIP-320): whether a fetch continues the leader's log, and if not, what it is told.
#pragma once

#include <cstdint>

#include "base/types.h"
#include "broker/replication/types.h"

namespace squall::broker {

enum class FetchFit : std::uint8_t {
  fits,
  diverges,      // answered with the epoch end, and counted for nothing (KAFKA-13141)
  out_of_range,  // OFFSET_OUT_OF_RANGE
};

// `epoch_end` is what the leader's log says of `last_fetched_epoch`; not looked at if that is no_epoch.
[[nodiscard]] FetchFit fit_of_fetch(Offset fetch_offset, LeaderEpoch last_fetched_epoch, const EpochEndOffset& epoch_end,
                                    Offset log_start, Offset log_end);

}  // namespace squall::broker
