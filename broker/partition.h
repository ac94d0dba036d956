// One partition of which this broker holds a replica: its log, its role, its high watermark, and who waits for it.
//
// The role and all that follows from it is decided by PartitionCore; this is the shell that carries its effects out on the log.
// Everything that consumers see is below the high watermark. Of a partition without followers it moves here, with what the
// log's flush policy has met, after the append has finished; of any other the core moves it.
//
// What writes to the log (appends, truncation, deletion) counts as a writer. A change of role closes the partition to new
// writers, waits for those under way, and only then steps the core: so no order to the log outlives the role that gave it, and
// no append ends up in another epoch than it was admitted in.
//
// Invariant: while `changing_`, the core is stepped by nobody but `apply` and the writers that it waits for, and nothing is
// served as a leader.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/types.h"
#include "base/uuid.h"
#include "broker/fetch_watch.h"
#include "broker/replication/fetch_source.h"
#include "broker/replication/partition_core.h"
#include "broker/topic_config.h"
#include "log/log.h"
#include "protocol/error_code.h"
#include "runtime/wait_queue.h"
#include "runtime/world.h"

namespace squall::broker {

class Partition;

// What a partition tells the node around it. Must not wait.
class PartitionHost {
 public:
  // Nothing more is to be fetched for it: its role ends, or changes.
  virtual void role_ends(const Partition& partition) = 0;
  // Its role, its registration or its configuration may be another one now.
  virtual void role_begun(const std::shared_ptr<Partition>& partition) = 0;
  // A leader asks the controller for another ISR.
  virtual void ask_controller(Partition& partition, const AlterPartitionAsk& ask) = 0;

 protected:
  ~PartitionHost() = default;
};

struct PartitionSetup {
  NodeId self = no_node;
  ReplicationConfig replication;
  PartitionHost* host = nullptr;  // null: nobody to ask; outlives the partition
};

using Brokers = std::shared_ptr<const BrokerDirectory>;

class Partition : public std::enable_shared_from_this<Partition> {
 public:
  // `log` is null if its directory could not hold it: then every use is answered with KAFKA_STORAGE_ERROR. It has no role until
  // `apply`.
  Partition(runtime::World& world, log::TopicPartition name, Uuid topic_id, std::shared_ptr<log::Log> log,
            const PartitionSetup& setup);
  Partition(const Partition&) = delete;
  Partition& operator=(const Partition&) = delete;

  [[nodiscard]] const log::TopicPartition& name() const { return name_; }
  [[nodiscard]] Uuid topic_id() const { return topic_id_; }
  [[nodiscard]] ReplicaKey key() const { return {topic_id_, name_.partition}; }
  [[nodiscard]] bool online() const { return log_ != nullptr && !failed_ && !log_->quarantined() && !removed_; }
  // Its directory failed: it leads and follows nothing any more; wakes all waiters.
  void fail();
  // Set once, when the replica goes from this broker; wakes all waiters.
  void remove();
  [[nodiscard]] bool removed() const { return removed_; }
  // The directory that it stands in, failed or not; zero if there is no log.
  [[nodiscard]] Uuid directory() const { return log_ == nullptr ? Uuid{} : log_->directory_id(); }
  // Only while online.
  [[nodiscard]] log::Log& log() { return *log_; }
  [[nodiscard]] const log::Log& log() const { return *log_; }

  // ---- configuration ----
  // compression.type, as the topic has it now.
  [[nodiscard]] TopicCompression compression() const { return compression_; }
  // compression.<codec>.level, for that codec.
  [[nodiscard]] std::int32_t compression_level() const { return compression_level_; }
  [[nodiscard]] bool recompresses() const { return compression_ != TopicCompression::producer; }
  void configure(const TopicConfig& config);
  // KIP-73: this replica is listed for throttling.
  [[nodiscard]] bool throttled_as_leader() const { return throttled_as_leader_; }
  [[nodiscard]] bool throttled_as_follower() const { return throttled_as_follower_; }

  // ---- role ----
  // Takes over what metadata says, if it is news. May wait: for writers under way, and for the log. One at a time.
  RoleChange apply(const PartitionRegistration& registration, const Brokers& brokers);
  void brokers_changed(const Brokers& brokers);
  // Serves as the leader of `leader_epoch`.
  [[nodiscard]] bool leads() const { return leads_; }
  [[nodiscard]] LeaderEpoch leader_epoch() const { return core_.registration().leader_epoch; }
  // Counts how often this broker has ceased to lead the partition.
  [[nodiscard]] std::uint64_t leaderships_ended() const { return leaderships_ended_; }
  [[nodiscard]] const PartitionCore& core() const { return core_; }
  // Where its leadership began; no_offset of no leader.
  [[nodiscard]] Offset epoch_start() const;

  // ---- as a leader ----
  [[nodiscard]] protocol::ErrorCode admit_produce(std::int16_t acks) const;
  // Appends a client's batches, then moves the high watermark. Admitted just before, without a wait between. May wait.
  std::expected<log::AppendInfo, log::AppendError> append(MutableBytes batches);
  // What became of an append of acks=all that ended at `end`, when `leaderships_ended` was `leadership`; empty: it is not
  // known yet. REQUEST_TIMED_OUT if it never will be here, for the leadership has ended. Kafka answers NOT_LEADER_OR_FOLLOWER,
  // which librdkafka takes for "not persisted": it puts the records into other batches than before, and if the next leader has
  // them after all, they are a gap to it, and the producer has ended (docs/replication.md).
  [[nodiscard]] std::optional<protocol::ErrorCode> outcome(std::uint64_t leadership, Offset end) const;
  // DeleteRecords here; the replicas follow. May wait.
  std::expected<void, protocol::ErrorCode> delete_records_before(Offset offset);
  // The lowest log start of all live replicas.
  [[nodiscard]] Offset low_watermark() const;
  [[nodiscard]] protocol::ErrorCode admit_fetch(NodeId replica, LeaderEpoch leader_epoch, BrokerEpoch broker_epoch) const;
  // A follower's fetch, admitted in `leader_epoch`, was read and did not diverge.
  protocol::ErrorCode replica_fetched(LeaderEpoch leader_epoch, NodeId replica, const FollowerFetch& fetch);
  void alter_answered(const AlterPartitionAnswered& answer);
  // Whether a check could find anything.
  [[nodiscard]] bool needs_isr_check() const { return leads_ && !alone_ && core_.leader()->needs_isr_check(); }
  void check_isr(std::span<const FollowerRound> rounds);
  void tick();

  // ---- as a follower ----
  // What the next fetch asks for; empty while nothing may be fetched.
  [[nodiscard]] std::optional<FollowerPosition> position() const;
  [[nodiscard]] NodeId fetches_from() const;
  // The leader's answer to a fetch, and its records, which are appended as they lie there. What it returns: the leader is to be
  // asked for its ends. May wait.
  std::optional<FetchTag> fetch_answered(FetchAnswered answer, MutableBytes records);
  std::optional<FetchTag> leader_ends_found(const LeaderEndsFound& found);

  // ---- waiting ----
  [[nodiscard]] Offset high_watermark() const { return log_->high_watermark(); }
  // Hear of all that a consumer could be told: the high watermark, the last stable offset, the log start, the role, failures.
  [[nodiscard]] WatchList& watchers() { return watchers_; }
  // Of the log end and the ISR, too: fetches of followers.
  [[nodiscard]] WatchList& replica_watchers() { return replica_watchers_; }
  // Of the followers' log starts.
  [[nodiscard]] WatchList& low_watermark_watchers() { return low_watermark_watchers_; }
  // Wakes them: the log start moved, or the log failed.
  void notify();

 private:
  class Writing;

  [[nodiscard]] LocalLog local_log() const;
  [[nodiscard]] bool begins_anew(const PartitionRegistration& registration) const;
  void take_over(const PartitionRegistration& registration, const Brokers& brokers, RoleChange& role);
  bool begin_epoch(const EpochBegin& begin);
  void note_role();
  void tell_isr(std::size_t before) const;
  void carry_out(const LeaderEffects& effects);
  void log_moved();
  std::optional<FetchTag> carry_out(FollowerEffects effects, MutableBytes records);
  FollowerEffects obey(const LogOrder& order, MutableBytes records);
  std::expected<void, log::LogError> append_fetched(MutableBytes records, LeaderEpoch epoch);

  runtime::World& world_;
  log::TopicPartition name_;
  Uuid topic_id_;
  std::shared_ptr<log::Log> log_;
  NodeId self_;
  PartitionHost* host_;
  PartitionCore core_;
  TopicCompression compression_ = TopicCompression::producer;
  std::int32_t compression_level_ = 0;
  bool throttled_as_leader_ = false;
  bool throttled_as_follower_ = false;
  bool removed_ = false;
  bool failed_ = false;
  bool leads_ = false;
  bool alone_ = false;  // leads, and there is no other replica: the core is not asked
  bool changing_ = false;
  std::uint32_t writers_ = 0;
  std::uint64_t leaderships_ended_ = 0;
  std::int32_t min_in_sync_;
  runtime::WaitQueue settled_;
  WatchList watchers_;
  WatchList replica_watchers_;
  WatchList low_watermark_watchers_;
};

using PartitionRef = std::shared_ptr<Partition>;

}  // namespace squall::broker
