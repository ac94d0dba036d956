#include <gtest/gtest.h>

#include "tests/broker/replication/leader_fixture.h"

namespace squall::broker {
namespace {

using protocol::ErrorCode;

struct LeaderWatermark : LeaderFixture {};

TEST_F(LeaderWatermark, IsTheLowestEndOfTheIsr) {
  (void)metadata();
  EXPECT_FALSE(append_to(10).high_watermark);
  EXPECT_FALSE(fetch(2, 10).high_watermark) << "3 has not fetched";
  EXPECT_EQ(fetch(3, 6).high_watermark, Offset{6});
  EXPECT_EQ(fetch(3, 10).high_watermark, Offset{10});
  EXPECT_FALSE(fetch(3, 4).high_watermark) << "it never falls";
  EXPECT_EQ(leader().high_watermark(), Offset{10});
}

TEST_F(LeaderWatermark, AloneFollowsWhatTheFlushPolicyHasMet) {
  registration.replicas = registration.in_sync = nodes({1});
  (void)metadata();
  log.log_end = Offset{10};
  log.policy_end = Offset{4};
  EXPECT_EQ(leader().step(at_ms(0), LocalLogMoved{LeaderEpoch{5}, log}).high_watermark, Offset{4});
  EXPECT_EQ(append_to(10).high_watermark, Offset{10});
  log.policy_end = Offset{99};
  EXPECT_FALSE(leader().step(at_ms(0), LocalLogMoved{LeaderEpoch{4}, log}).high_watermark) << "a sync of an earlier epoch";
}

// KIP-497
TEST_F(LeaderWatermark, WaitsForWhoIsJoiningAndForWhoIsLeaving) {
  registration.in_sync = nodes({1, 2});
  (void)metadata();
  (void)append_to(10);
  const LeaderEffects joining = fetch(3, 10);
  ASSERT_TRUE(joining.ask);
  (void)append_to(20);
  EXPECT_EQ(fetch(2, 20).high_watermark, Offset{10}) << "3 may be in the ISR already";
  EXPECT_EQ(fetch(3, 20).high_watermark, Offset{20});
  (void)answer(joining.ask->tag, nodes({1, 2, 3}));
  (void)append_to(30, 1);
  (void)fetch(2, 30, 1);
  (void)fetch(2, 30, lag_ms);
  const LeaderEffects leaving = leader().step(at_ms(lag_ms + 2), IsrCheck{});
  ASSERT_TRUE(leaving.ask);
  EXPECT_FALSE(leaving.high_watermark) << "3 is still in the ISR";
  // KAFKA-13091: the shrink itself commits what waited.
  EXPECT_EQ(answer(leaving.ask->tag, nodes({1, 2}), lag_ms + 3).high_watermark, Offset{30});
}

TEST_F(LeaderWatermark, WaitsForACaughtUpFollowerThatMayJoinButNoLongerThanTheLagTime) {
  registration.in_sync = nodes({1, 2});
  log.log_end = log.policy_end = Offset{10};
  (void)metadata();
  (void)fetch(3, 10, 0);  // asks to join; refused
  (void)refuse({LeaderEpoch{5}, PartitionEpoch{7}, 1}, ErrorCode::ineligible_replica);
  (void)append_to(20, 1);
  EXPECT_EQ(fetch(2, 20, 1).high_watermark, Offset{10});
  brokers[2].fenced = true;
  EXPECT_EQ(know_brokers(2).high_watermark, Offset{20}) << "who may not join is not waited for";
  (void)append_to(30, 3);
  (void)fetch(2, 30, 3);
  brokers[2].fenced = false;
  (void)know_brokers(4);
  (void)append_to(40, 5);
  EXPECT_FALSE(fetch(2, 40, 5).high_watermark) << "it was caught up a moment ago";
  EXPECT_EQ(leader().step(at_ms(lag_ms + 1), IsrCheck{}).high_watermark, Offset{40});
}

TEST_F(LeaderWatermark, WhoTheControllerTookOutIsNotWaitedForUntilItFetchesAgain) {
  (void)metadata();
  (void)append_to(10);
  (void)fetch(2, 10);
  (void)fetch(3, 10);
  (void)append_to(20, 1);
  EXPECT_FALSE(fetch(2, 20, 1).high_watermark);
  registration.in_sync = nodes({1, 2});  // the directory of 3 has failed, and its broker is well
  ++registration.partition_epoch;
  EXPECT_EQ(metadata(2).leader.high_watermark, Offset{20});
  (void)fetch(3, 20, 3);
  (void)append_to(30, 4);
  EXPECT_FALSE(fetch(2, 30, 4).high_watermark) << "it is about to join";
}

// KIP-966
TEST_F(LeaderWatermark, StandsStillUnderMinInSyncReplicas) {
  config.min_in_sync = 2;
  registration.in_sync = nodes({1});
  brokers[1].fenced = brokers[2].fenced = true;
  (void)metadata();
  EXPECT_FALSE(append_to(10).high_watermark);
  EXPECT_EQ(core->step(at_ms(0), MinInSyncChanged{1}).high_watermark, Offset{10});
}

TEST_F(LeaderWatermark, MinInSyncReplicasOutlivesTheLeadership) {
  const auto next = [&](std::int32_t leader_id) {
    registration.leader = NodeId{leader_id};
    ++registration.leader_epoch;
    ++registration.partition_epoch;
    (void)metadata();
  };
  registration.in_sync = nodes({1});
  (void)metadata();
  (void)core->step(at_ms(0), MinInSyncChanged{2});
  next(2);
  next(1);
  EXPECT_EQ(leader().admit_produce(-1), ErrorCode::not_enough_replicas) << "changed while it led";
  next(2);
  (void)core->step(at_ms(0), MinInSyncChanged{1});
  next(1);
  EXPECT_EQ(leader().admit_produce(-1), ErrorCode::none) << "changed while it followed";
}

TEST_F(LeaderWatermark, MinInSyncReplicasIsHeldAgainstTheCommittedIsr) {
  config.min_in_sync = 2;
  registration.in_sync = nodes({1});
  (void)metadata();
  EXPECT_EQ(leader().admit_produce(-1), ErrorCode::not_enough_replicas);
  EXPECT_EQ(leader().admit_produce(1), ErrorCode::none);
  EXPECT_EQ(leader().admit_produce(0), ErrorCode::none);
  const LeaderEffects asked = fetch(2, 0);
  ASSERT_TRUE(asked.ask);
  EXPECT_EQ(leader().admit_produce(-1), ErrorCode::not_enough_replicas) << "joining is not joined";
  (void)answer(asked.ask->tag, nodes({1, 2}));
  EXPECT_EQ(leader().admit_produce(-1), ErrorCode::none);
}

TEST_F(LeaderWatermark, MinInSyncReplicasIsNoMoreThanThereAreReplicas) {
  config.min_in_sync = 3;
  registration.replicas = registration.in_sync = nodes({1, 2});
  (void)metadata();
  EXPECT_EQ(leader().effective_min_in_sync(), 2);
  EXPECT_EQ(leader().admit_produce(-1), ErrorCode::none);
}

TEST_F(LeaderWatermark, AcksAllIsAnsweredWhenAllInSyncHaveIt) {
  (void)metadata();
  (void)append_to(10);
  EXPECT_EQ(leader().outcome(Offset{4}), std::nullopt);
  (void)fetch(2, 10);
  EXPECT_EQ(leader().outcome(Offset{4}), std::nullopt) << "3 has not fetched";
  (void)fetch(3, 7);
  EXPECT_EQ(leader().outcome(Offset{7}), ErrorCode::none);
  EXPECT_EQ(leader().outcome(Offset{8}), std::nullopt);
}

TEST_F(LeaderWatermark, TooFewReplicasAfterTheAppendIsSaid) {
  config.min_in_sync = 2;
  (void)metadata();
  (void)append_to(10);
  (void)fetch(2, 10);
  (void)fetch(3, 10);
  registration.in_sync = nodes({1});
  registration.partition_epoch = PartitionEpoch{8};
  (void)metadata();
  EXPECT_EQ(leader().outcome(Offset{10}), ErrorCode::not_enough_replicas_after_append);
}

TEST_F(LeaderWatermark, WhatWasAppendedBeforeItWasElectedAgainIsStillAnswered) {
  (void)metadata();
  (void)append_to(10);
  registration.leader_epoch = LeaderEpoch{6};
  registration.partition_epoch = PartitionEpoch{8};
  (void)metadata();
  EXPECT_EQ(leader().outcome(Offset{10}), std::nullopt);
  (void)fetch(2, 10);
  (void)fetch(3, 10);
  EXPECT_EQ(leader().outcome(Offset{10}), ErrorCode::none);
}

TEST_F(LeaderWatermark, ASyncThatBeganBeforeTheLeaderWasElectedAgainStillCounts) {
  registration.replicas = registration.in_sync = nodes({1});
  log.log_end = Offset{10};
  log.policy_end = Offset{4};
  (void)metadata();
  ++registration.leader_epoch;
  ++registration.partition_epoch;
  (void)metadata();
  log.policy_end = Offset{10};
  EXPECT_EQ(leader().step(at_ms(0), LocalLogMoved{LeaderEpoch{5}, log}).high_watermark, Offset{10});
}

// KIP-1166
TEST_F(LeaderWatermark, AFollowerThatTellsItsHighWatermarkIsOwedAHigherOne) {
  (void)metadata();
  (void)append_to(10);
  (void)fetch(3, 10);
  EXPECT_FALSE(leader().owes_high_watermarks()) << "it told none";
  FollowerFetch telling{.fetch_offset = Offset{10},
                        .log_start = Offset{0},
                        .broker_epoch = BrokerEpoch{12},
                        .stated_high_watermark = Offset{0},
                        .leader_end = Offset{10}};
  (void)leader().step(at_ms(0), ReplicaFetched{LeaderEpoch{5}, NodeId{2}, telling});
  EXPECT_TRUE(leader().owes_high_watermarks());
  telling.stated_high_watermark = no_offset;
  (void)leader().step(at_ms(0), ReplicaFetched{LeaderEpoch{5}, NodeId{2}, telling});
  EXPECT_FALSE(leader().owes_high_watermarks()) << "it tells none any more";
}

TEST_F(LeaderWatermark, TheLowWatermarkIsTheLowestLogStartOfTheLive) {
  log.log_start = Offset{5};
  log.log_end = log.policy_end = Offset{10};
  log.high_watermark = Offset{5};
  (void)metadata();
  EXPECT_EQ(leader().low_watermark(), no_offset) << "the followers have not told";
  (void)fetch(2, 10);  // begins at 0
  (void)fetch(3, 10);
  EXPECT_EQ(leader().low_watermark(), Offset{0});
  brokers[1].fenced = brokers[2].fenced = true;
  (void)know_brokers();
  EXPECT_EQ(leader().low_watermark(), Offset{5});
}

TEST_F(LeaderWatermark, AFetchMayHaveSeenAnAppendThatIsNotReportedYet) {
  (void)metadata();
  log.log_end = Offset{3};
  EXPECT_FALSE(fetch(2, 3).high_watermark);
  EXPECT_EQ(leader().log_end(), Offset{3});
}

}  // namespace
}  // namespace squall::broker
