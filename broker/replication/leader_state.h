// A partition as its leader sees it: who follows, how far each has come, who is in sync, and what is committed.
//
// Pure. Rules: facts of Kafka's Partition and Replica; KIP-497 (AlterPartition), KIP-841 and KIP-903 (who may join the ISR),
// KIP-966 (no progress under min.insync.replicas), KIP-704 (recovery state).
//
// Three sets matter. The *committed* ISR is what the controller has confirmed; min.insync.replicas is held against it. The
// *maximal* ISR is that and whoever we have asked to add: the controller may already have elected one of them, so the high
// watermark waits for all of them. A shrink that was asked for changes neither until it is confirmed.
//
// One AlterPartition is in flight at a time. Its answer carries the tag that the ask had; an answer to anything but the newest
// ask is dropped (KAFKA-12686 is what happens otherwise).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/time.h"
#include "base/types.h"
#include "broker/replication/replica_progress.h"
#include "broker/replication/types.h"
#include "protocol/error_code.h"

namespace squall::broker {

struct AskTag {
  LeaderEpoch leader_epoch = no_epoch;
  PartitionEpoch partition_epoch = no_partition_epoch;
  std::uint32_t serial = 0;  // of this leadership; each sending has its own
  bool operator==(const AskTag&) const = default;
};

struct IsrMember {
  NodeId id = no_node;
  BrokerEpoch broker_epoch = no_broker_epoch;
  bool operator==(const IsrMember&) const = default;
};

// An AlterPartition request, for one partition.
struct AlterPartitionAsk {
  AskTag tag;
  std::vector<IsrMember> in_sync;
  RecoveryState recovery = RecoveryState::recovered;
};

// ---- events ----

// The local log's ends moved by an append or a sync that was issued under `leader_epoch`: this one, or an earlier one of the
// same leader without a break, as a sync may take its time. What was issued before it followed somebody else is dropped.
struct LocalLogMoved {
  LeaderEpoch leader_epoch = no_epoch;
  LocalLog log;
};
// A follower's fetch was admitted and read without divergence.
struct ReplicaFetched {
  LeaderEpoch leader_epoch = no_epoch;  // under which it was admitted
  NodeId replica = no_node;
  FollowerFetch fetch;
};
// The answer of the controller. A lost answer or connection is an error that may be retried: request_timed_out.
struct AlterPartitionAnswered {
  AskTag tag;  // of the ask
  protocol::ErrorCode error = protocol::ErrorCode::none;
  // Only without an error: what the controller has now.
  LeaderEpoch leader_epoch = no_epoch;
  PartitionEpoch partition_epoch = no_partition_epoch;
  std::vector<NodeId> in_sync;
  RecoveryState recovery = RecoveryState::recovered;
};
struct BrokersChanged {
  std::shared_ptr<const BrokerDirectory> brokers;
};
struct MinInSyncChanged {
  std::int32_t min_in_sync = 1;
};
// When the last fetch of a follower came in whose session the partition is, named in it or not (KIP-227).
struct FollowerRound {
  NodeId replica = no_node;
  Instant at;
};
// Every isr_check_interval. A fetch that tells nothing new of the partition need not be reported as ReplicaFetched if the
// follower is in sync; that it came is told here.
struct IsrCheck {
  std::span<const FollowerRound> rounds{};
};
struct Tick {};  // at next_deadline

// In the order in which the shell carries them out; nothing of it may wait for another partition.
struct LeaderEffects {
  // The high watermark rose to this: the log is told, and fetches that wait for it are woken.
  std::optional<Offset> high_watermark;
  std::optional<AlterPartitionAsk> ask;
  // Of a ReplicaFetched that came too late to count: what the follower is answered.
  protocol::ErrorCode error = protocol::ErrorCode::none;
};

// Invariant: the high watermark of a leadership never falls, and is never above the log end.
// Invariant: whoever is joining is in the ask in flight, and is not in the committed ISR.
class LeaderState {
 public:
  LeaderState(NodeId self, ReplicationConfig config, std::shared_ptr<const BrokerDirectory> brokers)
      : self_{self}, config_{config}, brokers_{std::move(brokers)} {}

  // ---- metadata and configuration: called by PartitionCore, which has judged that `registration` is news ----
  // A leadership begins at `log.log_end`. What is known of the followers' offsets holds only if it continues this leader's own
  // epoch, the very one before: had somebody else led in between, followers may have cut for it what we saw them have.
  [[nodiscard]] LeaderEffects begin(Instant now, const PartitionRegistration& registration, const LocalLog& log);
  // The same leader epoch, a newer partition epoch: whatever was asked is either this or will be refused.
  [[nodiscard]] LeaderEffects update(Instant now, const PartitionRegistration& registration);
  // The same partition epoch, learnt first from the controller's answer: only the assignment may be news.
  [[nodiscard]] LeaderEffects update_assignment(Instant now, const PartitionRegistration& registration);
  // The brokers, as of the metadata that comes next.
  void know(std::shared_ptr<const BrokerDirectory> brokers) { brokers_ = std::move(brokers); }
  // min.insync.replicas has changed.
  [[nodiscard]] LeaderEffects hold_to(Instant now, std::int32_t min_in_sync);

  // ---- events ----
  [[nodiscard]] LeaderEffects step(Instant now, const LocalLogMoved& event);
  [[nodiscard]] LeaderEffects step(Instant now, const ReplicaFetched& event);
  [[nodiscard]] LeaderEffects step(Instant now, const AlterPartitionAnswered& event);
  [[nodiscard]] LeaderEffects step(Instant now, const BrokersChanged& event);
  [[nodiscard]] LeaderEffects step(Instant now, const IsrCheck& event);
  [[nodiscard]] LeaderEffects step(Instant now, const Tick& event);

  // ---- questions ----
  // Whether a produce request may be appended: NOT_ENOUGH_REPLICAS if it wants all and the committed ISR is too small.
  [[nodiscard]] protocol::ErrorCode admit_produce(std::int16_t acks) const;
  // What became of an append of acks=all that ended at `end` under this leadership; empty: it is not known yet. It is committed
  // when the high watermark has reached its end; but if the ISR has become too small since, the promise was not kept:
  // NOT_ENOUGH_REPLICAS_AFTER_APPEND.
  [[nodiscard]] std::optional<protocol::ErrorCode> outcome(Offset end) const;
  // Whether a follower's fetch may be read. `leader_epoch` is no_epoch if the request did not state one (KIP-320).
  [[nodiscard]] protocol::ErrorCode admit_fetch(NodeId replica, LeaderEpoch leader_epoch, BrokerEpoch broker_epoch) const;
  // Whether a follower tells the high watermark that it knows (Fetch v18), to hear of a higher one at once (KIP-1166). The
  // others hear of it with their next answer, for which they wait replica.fetch.wait.max.ms at most (KAFKA-9952).
  [[nodiscard]] bool owes_high_watermarks() const;
  // The lowest log start of all live replicas: DeleteRecords is done when it has reached what was asked for.
  [[nodiscard]] Offset low_watermark() const;
  // Whether an IsrCheck could find anything now: nothing if all followers have the whole log.
  [[nodiscard]] bool needs_isr_check() const;
  // When `Tick` is due; end_of_time if it is not.
  [[nodiscard]] Instant next_deadline() const { return retry_at_.value_or(end_of_time); }

  [[nodiscard]] LeaderEpoch leader_epoch() const { return leader_epoch_; }
  [[nodiscard]] PartitionEpoch partition_epoch() const { return partition_epoch_; }
  [[nodiscard]] Offset epoch_start() const { return epoch_start_; }
  [[nodiscard]] Offset high_watermark() const { return high_watermark_; }
  [[nodiscard]] Offset log_end() const { return log_.log_end; }
  // The committed ISR.
  [[nodiscard]] const std::vector<NodeId>& in_sync() const { return in_sync_; }
  [[nodiscard]] bool in_maximal(NodeId id) const { return contains(in_sync_, id) || contains(joining_, id); }
  [[nodiscard]] bool asking() const { return pending_.has_value(); }
  [[nodiscard]] const std::vector<ReplicaProgress>& followers() const { return followers_; }
  [[nodiscard]] const ReplicaProgress* follower(NodeId id) const;
  [[nodiscard]] RecoveryState recovery() const { return recovery_; }
  // min.insync.replicas, but no more than there are replicas.
  [[nodiscard]] std::int32_t effective_min_in_sync() const;
  [[nodiscard]] bool under_min_in_sync() const;
  // Registered, not fenced, not shutting down, and in the life in which it fetches (KIP-841, KIP-903).
  [[nodiscard]] bool may_join(const ReplicaProgress& replica) const;
  void check_invariants() const;

 private:
  void assign(const PartitionRegistration& registration);
  void drop_pending();
  void see_log_end(Instant now, Offset end);
  void propose(const std::vector<NodeId>& in_sync, std::vector<NodeId> joining, LeaderEffects& effects);
  void send(LeaderEffects& effects);
  void maybe_expand(Instant now, const ReplicaProgress& replica, LeaderEffects& effects);
  void maybe_shrink(Instant now, LeaderEffects& effects);
  void maybe_recover(LeaderEffects& effects);
  void commit(const AlterPartitionAnswered& answer);
  void refuse(Instant now, protocol::ErrorCode error);
  void advance(Instant now, LeaderEffects& effects);
  [[nodiscard]] BrokerEpoch broker_epoch_of(NodeId id) const;
  [[nodiscard]] ReplicaProgress* find(NodeId id);
  [[nodiscard]] bool is_of_this_log(LeaderEpoch issued_under) const {
    return issued_under >= first_epoch_ && issued_under <= leader_epoch_;
  }

  struct Pending {
    AskTag tag;
    // As asked for. A sending that repeats it carries the same broker epochs: it is those lives that were judged (KAFKA-15221).
    std::vector<IsrMember> in_sync;
    // A sending got no answer, or one that does not tell whether it was done: until then metadata may tell that it was.
    Instant unsure_until;
  };

  NodeId self_;
  ReplicationConfig config_;
  std::shared_ptr<const BrokerDirectory> brokers_;
  LeaderEpoch leader_epoch_ = no_epoch;
  LeaderEpoch first_epoch_ = no_epoch;  // since it, nothing was cut off our log: we have followed nobody
  PartitionEpoch partition_epoch_ = no_partition_epoch;
  Offset epoch_start_ = no_offset;
  LocalLog log_;
  Offset high_watermark_ = no_offset;
  std::vector<ReplicaProgress> followers_;  // in the order of the assignment, without ourselves
  std::vector<NodeId> in_sync_;             // committed
  std::vector<NodeId> joining_;             // asked to be added
  RecoveryState recovery_ = RecoveryState::recovered;
  std::optional<Pending> pending_;
  std::optional<Instant> retry_at_;
  Instant expand_not_before_{};  // the controller knows better than we do who may join: our metadata is behind
  std::uint32_t serial_ = 0;
};

}  // namespace squall::broker
