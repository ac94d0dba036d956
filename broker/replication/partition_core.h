// One replica of one partition on this node: leader, follower or neither, as the metadata log says.
//
// Pure. Metadata reaches a partition in order, but a leader also learns of its own changes from AlterPartition's answers, and a
// node that starts up is told what it knew: so each registration is judged by its partition epoch.
//
// | partition epoch | leader epoch | what happens |
// | --- | --- | --- |
// | lower | any | nothing: stale |
// | the same | the same | the assignment is taken over; ISR and what is asked for stay: it is the state that we have |
// | higher | lower | nothing: contradicts itself, stale |
// | higher | the same | ISR and assignment are taken over, what was asked for is dropped, followers go on fetching |
// | higher | higher | the role begins anew: a leader notes where its epoch begins, a follower starts to fetch |
#pragma once

#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "base/time.h"
#include "base/types.h"
#include "broker/replication/follower_state.h"
#include "broker/replication/leader_state.h"
#include "broker/replication/types.h"

namespace squall::broker {

// The shell reports it when no order to the log is under way; and after a start nothing that is older than the broker's own
// registration: a leader of before would lead its old epoch again, without the tail that it may have lost.
struct MetadataChanged {
  PartitionRegistration registration;
  std::shared_ptr<const BrokerDirectory> brokers;  // of the same or a later point of the metadata log
  LocalLog log;
};

enum class RoleChange : std::uint8_t { none, became_leader, became_follower, left };

struct EpochBegin {
  LeaderEpoch epoch = no_epoch;
  Offset start = no_offset;
};

struct PartitionEffects {
  bool stale = false;
  RoleChange role = RoleChange::none;
  // First of all, and durably: a leader's log notes where the epoch begins, so that followers that were ahead can be told where
  // to cut (KIP-279). Nothing is appended or served before.
  std::optional<EpochBegin> begin_epoch;
  LeaderEffects leader;
  FollowerEffects follower;
};

class PartitionCore {
 public:
  PartitionCore(NodeId self, ReplicationConfig config) : self_{self}, config_{config} {}

  [[nodiscard]] PartitionEffects step(Instant now, const MetadataChanged& event);
  // Kept for the leaderships to come, whatever the role is now.
  [[nodiscard]] LeaderEffects step(Instant now, const MinInSyncChanged& event);

  // Null unless it is that. All other events go to them directly.
  [[nodiscard]] LeaderState* leader() { return std::get_if<LeaderState>(&role_); }
  [[nodiscard]] const LeaderState* leader() const { return std::get_if<LeaderState>(&role_); }
  [[nodiscard]] FollowerState* follower() { return std::get_if<FollowerState>(&role_); }
  [[nodiscard]] const FollowerState* follower() const { return std::get_if<FollowerState>(&role_); }

  // The newest that was taken over; of a leader, `in_sync` and the partition epoch may be behind what it knows itself.
  [[nodiscard]] const PartitionRegistration& registration() const { return registration_; }
  [[nodiscard]] PartitionEpoch partition_epoch() const;
  // Whether metadata has this replica in the ISR: then its fetches are not throttled.
  [[nodiscard]] bool is_in_sync() const { return contains(registration_.in_sync, self_); }
  void check_invariants() const;

 private:
  void lead(Instant now, const MetadataChanged& event, bool new_epoch, PartitionEffects& effects);
  void follow(Instant now, const MetadataChanged& event, bool new_epoch, PartitionEffects& effects);
  void leave(PartitionEffects& effects);

  NodeId self_;
  ReplicationConfig config_;
  PartitionRegistration registration_;
  std::variant<std::monostate, LeaderState, FollowerState> role_;
};

}  // namespace squall::broker
