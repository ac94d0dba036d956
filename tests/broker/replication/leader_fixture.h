// A partition that node 1 leads, with followers 2 and 3; short words for what happens to it.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "broker/replication/partition_core.h"

namespace squall::broker {

inline Instant at_ms(std::int64_t ms) { return Instant{std::chrono::milliseconds{ms}}; }
inline std::vector<NodeId> nodes(std::initializer_list<std::int32_t> ids) {
  std::vector<NodeId> list;
  for (const std::int32_t id : ids) list.push_back(NodeId{id});
  return list;
}

struct LeaderFixture : testing::Test {
  static constexpr std::int64_t lag_ms = 30'000;
  ReplicationConfig config;
  std::vector<BrokerStanding> brokers{{.id = NodeId{1}, .epoch = BrokerEpoch{11}},
                                      {.id = NodeId{2}, .epoch = BrokerEpoch{12}},
                                      {.id = NodeId{3}, .epoch = BrokerEpoch{13}}};
  PartitionRegistration registration{.replicas = nodes({1, 2, 3}),
                                     .in_sync = nodes({1, 2, 3}),
                                     .adding = {},
                                     .removing = {},
                                     .leader = NodeId{1},
                                     .leader_epoch = LeaderEpoch{5},
                                     .partition_epoch = PartitionEpoch{7},
                                     .recovery = RecoveryState::recovered};
  LocalLog log;
  std::unique_ptr<PartitionCore> core;

  LeaderState& leader() { return *core->leader(); }
  std::shared_ptr<const BrokerDirectory> directory() const { return std::make_shared<const BrokerDirectory>(brokers); }

  PartitionEffects metadata(std::int64_t ms = 0) {
    if (core == nullptr) core = std::make_unique<PartitionCore>(NodeId{1}, config);
    return core->step(at_ms(ms), {.registration = registration, .brokers = directory(), .log = log});
  }
  LeaderEffects know_brokers(std::int64_t ms = 0) { return leader().step(at_ms(ms), BrokersChanged{directory()}); }
  LeaderEffects append_to(std::int64_t end, std::int64_t ms = 0) {
    log.log_end = log.policy_end = Offset{end};
    return leader().step(at_ms(ms), LocalLogMoved{leader().leader_epoch(), log});
  }
  LeaderEffects fetch(std::int32_t replica, std::int64_t offset, std::int64_t ms = 0, std::int64_t broker_epoch = -2) {
    const BrokerEpoch epoch{broker_epoch == -2 ? 10 + replica : broker_epoch};
    return leader().step(at_ms(ms), ReplicaFetched{leader().leader_epoch(),
                                                   NodeId{replica},
                                                   {.fetch_offset = Offset{offset},
                                                    .log_start = Offset{0},
                                                    .broker_epoch = epoch,
                                                    .stated_high_watermark = no_offset,
                                                    .leader_end = log.log_end}});
  }
  LeaderEffects answer(const AskTag& tag, std::vector<NodeId> in_sync, std::int64_t ms = 0) {
    AlterPartitionAnswered answered;
    answered.tag = tag;
    answered.leader_epoch = tag.leader_epoch;
    answered.partition_epoch = tag.partition_epoch + 1;
    answered.in_sync = std::move(in_sync);
    return leader().step(at_ms(ms), answered);
  }
  LeaderEffects refuse(const AskTag& tag, protocol::ErrorCode error, std::int64_t ms = 0) {
    AlterPartitionAnswered answered;
    answered.tag = tag;
    answered.error = error;
    return leader().step(at_ms(ms), answered);
  }
};

}  // namespace squall::broker
