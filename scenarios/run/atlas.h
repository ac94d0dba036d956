// The fault atlas: which acknowledged records a fault may cost, given what the flush policy promises and who else has them.
//
// A record acknowledged with acks=all is on every replica that is in sync. It may be lost only if none of them kept it: while
// one clean replica lives, everything is demanded. A replica is clean unless a fault took away what it had not flushed, and it
// has not been back in sync since. A clean replica that is down does not count for ever: when its session ends, the controller
// takes it out of the ISR, and if whoever is left there has lost what it had not flushed, it leads with what it has (unless the
// clean one has become an eligible leader replica, KIP-966). So the atlas looks again whenever a leader is elected.
// Of the last one it depends on the fault what is still demanded:
//   crash, restart, pause, …      everything: the page cache survives.
//   power cut                     what the policy promised to have flushed:
//                                   flush.messages = 1   all that was acknowledged
//                                   flush.messages = n   all but the last n - 1 of each partition
//                                   flush.ms = t         what was acknowledged t, plus the flush scheduler's period, before
//                                   neither              nothing
//   failed sync                   as at a power cut, for the page cache may forget what such a sync should have saved; the
//                                 broker starts again on the same machine, and must not trust what its page cache shows
//   wiped disk                    nothing
// Bit rot, phantom writes, … on any replica: nothing of what is stored, but damage must be detected, not served.
//
// Where unclean.leader.election.enable is set, an election of a replica out of sync may cost everything from before it, and
// what the leader of before still acknowledges until it has heard of its successor. Nothing else is excused for that setting.
//
// Metadata is flushed before it is acknowledged: it is demanded until a majority of the controllers has been wiped or damaged.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "scenarios/checks/check_set.h"
#include "scenarios/run/cluster_view.h"
#include "scenarios/run/plan.h"

namespace squall::scenarios {

struct FlushPolicy {
  std::optional<std::int64_t> messages;
  std::optional<Duration> interval;
};

class Atlas {
 public:
  Atlas(const Plan& plan, CheckSet& checks) : plan_{plan}, checks_{checks} {}

  // Who is in sync is seen through `view`, which outlives the atlas.
  void look_through(const ClusterView& view) { view_ = &view; }

  [[nodiscard]] FlushPolicy policy_of(std::string_view topic) const;
  // The offset below which a replica of `partition` that is in sync survives a power cut at `now`.
  [[nodiscard]] std::int64_t promised(const PartitionHistory& partition, Instant now) const;

  // `leader` has been elected for the partition, and has not served as such yet.
  void leads(PartitionId partition, NodeId leader, Instant now);
  // Takes note of who is in sync again. Called often.
  void look(Instant now);
  // A server goes down now by a fault of this harm. What that may cost is excused until it is `recovered`.
  void struck(Harm harm, NodeId server, Instant now);
  // A controller that lost its disk votes again, under its new one.
  void votes_again(NodeId server) { lost_controllers_.erase(server); }
  // What the server has stored is damaged, and may be found to be at any time.
  void damaged(NodeId server);
  // The server serves again.
  void recovered(NodeId server, Instant now);
  // Flushes may be late from now until `until`: the disk or the processor is slow, or stands still.
  void slowed(Instant now, Instant until);
  // Syncs failed: what a policy by time promised is void from here back.
  void sync_failed(NodeId) { sync_failed_ = true; }
  // Servers on whose disks bytes were damaged.
  [[nodiscard]] const std::set<NodeId>& damaged_servers() const { return damaged_servers_; }
  // A fault has damaged or destroyed what is stored.
  [[nodiscard]] bool stored_harm() const { return stored_harm_; }

 private:
  using Replica = std::pair<PartitionId, NodeId>;
  struct Unclean {
    std::int64_t floor = 0;         // what it kept for certain
    std::optional<Instant> served;  // when it served again; nothing: not yet
  };

  [[nodiscard]] std::optional<PartitionView> seen(PartitionId id);
  [[nodiscard]] bool may_elect_uncleanly(std::string_view topic) const;
  [[nodiscard]] bool another_is_clean(PartitionId id, const PartitionView& partition, NodeId struck, Instant now) const;
  void lose_metadata_with(NodeId server);
  void excuse(PartitionId id, std::int64_t floor) { checks_.history().partition(id).excuse(floor, end_of_time); }

  const Plan& plan_;
  CheckSet& checks_;
  const ClusterView* view_ = nullptr;
  bool stored_harm_ = false;
  bool sync_failed_ = false;
  Instant slow_since_{};
  Instant slow_until_{};
  std::map<PartitionId, PartitionView> last_seen_;         // for when nobody is left to ask
  std::map<Replica, Unclean> unclean_;                     // until they are in sync again
  std::set<PartitionId> damaged_;                          // excused for good
  std::set<PartitionId> unclean_elections_;                // excused until the leader of before knows
  std::map<NodeId, std::set<PartitionId>> excused_until_;  // whose return ends the excuse
  std::set<NodeId> lost_controllers_;
  std::set<NodeId> damaged_servers_;
};

}  // namespace squall::scenarios
