// How far one follower has come, as its leader knows it from its fetches, and Kafka's rule of who is caught up.
#pragma once

#include <optional>

#include "base/time.h"
#include "base/types.h"
#include "broker/replication/types.h"

namespace squall::broker {

// What a fetch of a follower tells its leader. Only of a fetch that did not diverge: the offset of a diverged follower counts
// records that are not the leader's (KAFKA-13141).
struct FollowerFetch {
  Offset fetch_offset = no_offset;  // the follower's log end
  Offset log_start = no_offset;
  BrokerEpoch broker_epoch = no_broker_epoch;
  Offset stated_high_watermark = no_offset;  // Fetch v18; no_offset if it was not told
  Offset leader_end = no_offset;             // the leader's log end when it read for this fetch
};

class ReplicaProgress {
 public:
  explicit ReplicaProgress(NodeId id) : id_{id} {}

  [[nodiscard]] NodeId id() const { return id_; }
  [[nodiscard]] Offset log_end() const { return log_end_; }      // no_offset: it has not fetched
  [[nodiscard]] Offset log_start() const { return log_start_; }  // no_offset: it has not fetched
  [[nodiscard]] Offset stated_high_watermark() const { return stated_high_watermark_; }
  // Empty until its first fetch; no_broker_epoch if it fetches without one.
  [[nodiscard]] std::optional<BrokerEpoch> broker_epoch() const { return broker_epoch_; }
  // Empty: not within memory.
  [[nodiscard]] std::optional<Instant> last_caught_up() const { return last_caught_up_; }

  // A new leader knows nothing; those in the ISR get the benefit of the doubt until replica.lag.time.max.ms have passed.
  void begin_leadership(Instant now, bool in_sync);
  // The leader was elected again: what it knows of the offsets still holds.
  void begin_epoch(Instant now, Offset leader_end, bool in_sync);
  // The controller took it out of the ISR, for what we may not see: its directory may have failed. That it was caught up a
  // moment ago says nothing any more; its next fetch does.
  void left_isr();
  void fetched(Instant now, const FollowerFetch& fetch);
  // The leader's log grew beyond `old_end`: who ended there has had all until now.
  void leader_appended(Instant now, Offset old_end);
  // It was fetching at `round`, and told nothing new: it was caught up then, if it had all then.
  void seen(Instant round);
  // Its log ends where the leader's does, or it was caught up less than `lag_max` ago. A fetch that reaches the end which the
  // leader had at the fetch before counts as of that fetch, so that a steady stream of appends does not make it a laggard.
  [[nodiscard]] bool is_caught_up(Instant now, Offset leader_end, Duration lag_max) const;

 private:
  NodeId id_;
  Offset log_end_ = no_offset;
  Offset log_start_ = no_offset;
  Offset stated_high_watermark_ = no_offset;
  std::optional<BrokerEpoch> broker_epoch_;
  Offset leader_end_at_fetch_ = no_offset;
  std::optional<Instant> last_fetch_;
  std::optional<Instant> last_caught_up_;
  std::optional<Instant> left_behind_;  // when it last had all and the leader went on
};

}  // namespace squall::broker
