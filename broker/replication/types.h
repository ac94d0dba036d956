// What the replication cores share: what metadata says of a partition, of brokers, and what a local log looks like.
//
// Everything in this folder is pure: no I/O, no clock, no fiber, no log. Events and time come in, effects go out; the shell
// carries the effects out and reports back with the tag that it was given.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.h"
#include "base/types.h"

namespace squall::broker {

// The offset of a broker's registration in the metadata log: another one is another life of the broker; -1 is "not told".
using BrokerEpoch = Strong<struct BrokerEpochTag, std::int64_t>;
// Counts the changes of a partition's registration (leader, ISR, assignment).
using PartitionEpoch = Strong<struct PartitionEpochTag, std::int32_t>;
inline constexpr BrokerEpoch no_broker_epoch{-1};
inline constexpr PartitionEpoch no_partition_epoch{-1};

// Whether the leader was elected outside the ISR and has not yet said that it is done with what that needs (KIP-704).
enum class RecoveryState : std::int8_t { recovered = 0, recovering = 1 };

// A partition as the metadata log tells of it.
// Invariant: `in_sync` is a part of `replicas`; so is `leader`, unless it is no_node.
struct PartitionRegistration {
  std::vector<NodeId> replicas;  // all that hold it, those of a reassignment under way included
  std::vector<NodeId> in_sync;
  std::vector<NodeId> adding;
  std::vector<NodeId> removing;
  NodeId leader = no_node;
  LeaderEpoch leader_epoch = no_epoch;
  PartitionEpoch partition_epoch = no_partition_epoch;
  RecoveryState recovery = RecoveryState::recovered;
  bool operator==(const PartitionRegistration&) const = default;
};

// A broker as the metadata log tells of it.
struct BrokerStanding {
  NodeId id = no_node;
  BrokerEpoch epoch = no_broker_epoch;
  bool fenced = false;
  bool shutting_down = false;  // in controlled shutdown
};

// All registered brokers at one point of the metadata log. Immutable: shared by all partitions of a node.
class BrokerDirectory {
 public:
  BrokerDirectory() = default;
  explicit BrokerDirectory(std::vector<BrokerStanding> brokers);
  // Null if it is not registered.
  [[nodiscard]] const BrokerStanding* find(NodeId id) const;

 private:
  std::vector<BrokerStanding> brokers_;  // by id
};

// The local log at the moment of an event.
struct LocalLog {
  Offset log_start{0};
  Offset log_end{0};
  // Up to where the leader may count itself for the high watermark: the log end, or what the flush policy has synced.
  Offset policy_end{0};
  Offset high_watermark{0};
  LeaderEpoch latest_epoch = no_epoch;  // no_epoch: the log knows of no epoch
};

// Where an epoch ended in a log; {no_epoch, no_offset} if the log cannot tell (KIP-101, KIP-279).
struct EpochEndOffset {
  LeaderEpoch epoch = no_epoch;
  Offset end_offset = no_offset;
  bool operator==(const EpochEndOffset&) const = default;
};

struct ReplicationConfig {
  Duration lag_max = std::chrono::seconds{30};                   // replica.lag.time.max.ms
  std::int32_t min_in_sync = 1;                                  // min.insync.replicas of the topic
  Duration alter_retry_backoff = std::chrono::milliseconds{50};  // before AlterPartition is sent again
  Duration fetch_backoff = std::chrono::seconds{1};              // replica.fetch.backoff.ms
};

// How often the shell sends `IsrCheck` to the partitions that it leads.
[[nodiscard]] constexpr Duration isr_check_interval(const ReplicationConfig& config) { return config.lag_max / 2; }

[[nodiscard]] bool contains(const std::vector<NodeId>& nodes, NodeId id);

}  // namespace squall::broker
