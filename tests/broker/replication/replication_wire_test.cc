#include "broker/replication/replication_wire.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/broker/replication/leader_fixture.h"

namespace squall::broker {
namespace {

TEST(ReplicationWire, AFetchPlanIsAFetchRequestOfAReplica) {
  const FollowerPosition position{.tag = {LeaderEpoch{5}, 3, Offset{42}},
                                  .last_fetched_epoch = LeaderEpoch{4},
                                  .log_start = Offset{7},
                                  .high_watermark = Offset{40},
                                  .ready_at = {}};
  const Uuid topic{1, 2};
  const Uuid other{3, 4};
  const FetchPlan plan{.session_id = 9,
                       .session_epoch = 2,
                       .fetch = {{{topic, PartitionIndex{0}}, position}, {{topic, PartitionIndex{1}}, position}},
                       .forget = {{other, PartitionIndex{6}}}};
  ReplicaFetchLimits limits;
  const auto request = fetch_request_of(plan, limits, NodeId{2}, BrokerEpoch{77});
  EXPECT_EQ(request.session_id, 9);
  EXPECT_EQ(request.session_epoch, 2);
  EXPECT_EQ(request.max_wait_ms, 500);
  EXPECT_EQ(request.max_bytes, 10 << 20);
  ASSERT_EQ(request.topics.size(), 1U);
  ASSERT_EQ(request.topics[0].partitions.size(), 2U);
  const auto& partition = request.topics[0].partitions[1];
  EXPECT_EQ(partition.partition, 1);
  EXPECT_EQ(partition.fetch_offset, 42);
  EXPECT_EQ(partition.current_leader_epoch, 5);
  EXPECT_EQ(partition.last_fetched_epoch, 4);
  EXPECT_EQ(partition.log_start_offset, 7);
  EXPECT_EQ(partition.high_watermark, std::numeric_limits<std::int64_t>::max()) << "not told by default";
  ASSERT_EQ(request.forgotten_topics_data.size(), 1U);
  EXPECT_EQ(request.forgotten_topics_data[0].partitions, (std::vector<std::int32_t>{6}));
  limits.state_high_watermark = true;
  const auto stating = fetch_request_of(plan, limits, NodeId{2}, BrokerEpoch{77});
  EXPECT_EQ(stating.topics[0].partitions[0].high_watermark, 40);
}

TEST(ReplicationWire, AnAnswerDivergesOnlyIfItSaysSo) {
  protocol::FetchResponse::PartitionData data;
  data.high_watermark = 12;
  data.log_start_offset = 3;
  FetchAnswered answer = fetch_answer_of(data, {});
  EXPECT_FALSE(answer.diverging);
  EXPECT_FALSE(answer.has_records);
  EXPECT_EQ(answer.high_watermark, Offset{12});
  EXPECT_EQ(answer.log_start, Offset{3});
  data.diverging_epoch = {.epoch = 2, .end_offset = 9};
  answer = fetch_answer_of(data, {});
  EXPECT_EQ(answer.diverging, (EpochEndOffset{LeaderEpoch{2}, Offset{9}}));
}

TEST(ReplicationWire, AnAskIsAnAlterPartitionAndItsAnswerKeepsTheTag) {
  const AlterPartitionAsk ask{.tag = {LeaderEpoch{5}, PartitionEpoch{7}, 3},
                              .in_sync = {{NodeId{1}, BrokerEpoch{11}}, {NodeId{2}, no_broker_epoch}},
                              .recovery = RecoveryState::recovered};
  const auto data = alter_request_of(ask, PartitionIndex{4});
  EXPECT_EQ(data.partition_index, 4);
  EXPECT_EQ(data.leader_epoch, 5);
  EXPECT_EQ(data.partition_epoch, 7);
  ASSERT_EQ(data.new_isr_with_epochs.size(), 2U);
  EXPECT_EQ(data.new_isr_with_epochs[0].broker_id, 1);
  EXPECT_EQ(data.new_isr_with_epochs[0].broker_epoch, 11);
  EXPECT_EQ(data.new_isr_with_epochs[1].broker_epoch, -1);
  protocol::AlterPartitionResponse::PartitionData told;
  told.leader_epoch = 5;
  told.partition_epoch = 8;
  told.isr = {1, 2};
  told.leader_recovery_state = 1;
  const AlterPartitionAnswered answered = alter_answer_of(told, ask.tag);
  EXPECT_EQ(answered.tag, ask.tag);
  EXPECT_EQ(answered.partition_epoch, PartitionEpoch{8});
  EXPECT_EQ(answered.in_sync, nodes({1, 2}));
  EXPECT_EQ(answered.recovery, RecoveryState::recovering);
}

}  // namespace
}  // namespace squall::broker
