// What only the leader of now may say.
//
// A leader that was frozen or cut off may have a successor that it has not heard of. To its log the records of that successor
// are missing: a producer's next sequence is a gap to it, a consumer's next offset lies beyond the end. Both verdicts cannot be
// taken back (OUT_OF_ORDER_SEQUENCE_NUMBER ends an idempotent producer, OFFSET_OUT_OF_RANGE sets a consumer elsewhere), and a
// client that states no leader epoch gets them from whomever it asks. So they are given only by who has heard from the active
// controller, since it was asked, that it still leads.
#pragma once

#include "base/types.h"
#include "broker/partition.h"

namespace squall::broker {

struct BrokerState;

// May wait, for at most controller.quorum.request.timeout.ms: until the metadata holds all that was committed when this was
// called. Whether the partition is still led in `epoch`; false, too, if nobody could be asked: then NOT_LEADER_OR_FOLLOWER is
// the answer, and the client comes again. False at once where a follower serves a consumer (KIP-392): its log may merely lag.
[[nodiscard]] bool confirms_leadership(BrokerState& broker, const Partition& partition, LeaderEpoch epoch);

}  // namespace squall::broker
