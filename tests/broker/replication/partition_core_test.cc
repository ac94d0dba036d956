#include "broker/replication/partition_core.h"

#include <gtest/gtest.h>

#include "tests/broker/replication/leader_fixture.h"

namespace squall::broker {
namespace {

struct Roles : LeaderFixture {
  void next(std::int32_t leader_id, std::int32_t leader_epoch_more) {
    registration.leader = NodeId{leader_id};
    registration.leader_epoch += leader_epoch_more;
    ++registration.partition_epoch;
  }
};

// KIP-279
TEST_F(Roles, ALeaderNotesWhereItsEpochBeginsBeforeAnythingElse) {
  log.log_end = log.policy_end = Offset{42};
  const PartitionEffects effects = metadata();
  EXPECT_EQ(effects.role, RoleChange::became_leader);
  ASSERT_TRUE(effects.begin_epoch);
  EXPECT_EQ(effects.begin_epoch->epoch, LeaderEpoch{5});
  EXPECT_EQ(effects.begin_epoch->start, Offset{42});
  EXPECT_EQ(leader().epoch_start(), Offset{42});
}

TEST_F(Roles, StaleMetadataChangesNothing) {
  (void)metadata();
  const PartitionRegistration before = registration;
  registration.partition_epoch = PartitionEpoch{6};
  registration.leader = NodeId{2};
  EXPECT_TRUE(metadata().stale);
  registration = before;
  registration.partition_epoch = PartitionEpoch{8};
  registration.leader_epoch = LeaderEpoch{4};
  EXPECT_TRUE(metadata().stale) << "a leader epoch never falls";
  EXPECT_EQ(core->registration(), before);
  EXPECT_NE(core->leader(), nullptr);
}

TEST_F(Roles, AShrinkByTheControllerKeepsTheEpochAndTheFollowersProgress) {
  (void)metadata();
  (void)append_to(10);
  (void)fetch(2, 10);
  next(1, 0);
  registration.in_sync = nodes({1, 2});
  const PartitionEffects effects = metadata();
  EXPECT_EQ(effects.role, RoleChange::none);
  EXPECT_FALSE(effects.begin_epoch);
  EXPECT_EQ(effects.leader.high_watermark, Offset{10}) << "3 is no longer waited for";
}

TEST_F(Roles, ElectedAgainItKeepsWhatItKnowsOfOffsets) {
  (void)metadata();
  (void)append_to(10);
  (void)fetch(2, 10);
  next(1, 1);
  registration.in_sync = nodes({1, 2});
  log.high_watermark = Offset{0};
  const PartitionEffects effects = metadata();
  EXPECT_EQ(effects.begin_epoch->start, Offset{10});
  EXPECT_EQ(effects.leader.high_watermark, Offset{10});
  next(2, 1);
  (void)metadata();
  next(1, 1);
  (void)metadata();
  EXPECT_EQ(leader().follower(NodeId{2})->log_end(), no_offset) << "what it knew as an earlier leader is forgotten";
}

// Kafka keeps the followers' offsets whenever a leader is elected again. But metadata may tell of several elections at once.
TEST_F(Roles, ElectedAgainAfterAnEpochThatItMissedItForgetsTheFollowersOffsets) {
  (void)metadata();
  (void)append_to(20);
  (void)fetch(2, 16);
  (void)fetch(3, 11);
  next(1, 2);  // 3 led in between, and 2 cut its log to 12 for it
  registration.in_sync = nodes({1, 2});
  EXPECT_FALSE(metadata().leader.high_watermark) << "16 is what 2 had";
  EXPECT_EQ(leader().follower(NodeId{2})->log_end(), no_offset);
  EXPECT_EQ(fetch(2, 12).high_watermark, Offset{12});
}

TEST_F(Roles, AFollowerFetchesFromItsLogEndUnderTheNewEpoch) {
  registration.leader = NodeId{2};
  log = {.log_start = Offset{3}, .log_end = Offset{9}, .policy_end = Offset{9}, .high_watermark = Offset{4}};
  log.latest_epoch = LeaderEpoch{4};
  const PartitionEffects effects = metadata(50);
  EXPECT_EQ(effects.role, RoleChange::became_follower);
  const auto position = core->follower()->position();
  ASSERT_TRUE(position);
  EXPECT_EQ(position->tag.leader_epoch, LeaderEpoch{5});
  EXPECT_EQ(position->tag.fetch_offset, Offset{9});
  EXPECT_EQ(position->last_fetched_epoch, LeaderEpoch{4});
  EXPECT_EQ(position->log_start, Offset{3});
}

TEST_F(Roles, AFollowerGoesOnFetchingThroughChangesOfTheIsr) {
  registration.leader = NodeId{2};
  log.latest_epoch = LeaderEpoch{4};
  (void)metadata();
  const auto before = core->follower()->position();
  next(2, 0);
  registration.in_sync = nodes({2, 3});
  EXPECT_EQ(metadata().role, RoleChange::none);
  EXPECT_EQ(core->follower()->position(), before);
  EXPECT_FALSE(core->is_in_sync());
  next(2, 1);
  EXPECT_EQ(metadata().role, RoleChange::became_follower) << "the same leader, a new epoch";
  EXPECT_NE(core->follower()->position(), before);
}

TEST_F(Roles, WithoutALeaderNothingIsFetched) {
  registration.leader = no_node;
  (void)metadata();
  EXPECT_EQ(core->follower()->stage(), FollowerStage::leaderless);
  EXPECT_FALSE(core->follower()->position());
}

TEST_F(Roles, AReassignmentAddsAndRemovesFollowers) {
  (void)metadata();
  (void)append_to(10);
  (void)fetch(2, 10);
  (void)fetch(3, 10);
  brokers.push_back({.id = NodeId{4}, .epoch = BrokerEpoch{14}});
  next(1, 0);
  registration.replicas = nodes({1, 2, 3, 4});
  registration.adding = nodes({4});
  registration.removing = nodes({3});
  (void)metadata();
  EXPECT_EQ(leader().follower(NodeId{3})->log_end(), Offset{10});
  const LeaderEffects joined = fetch(4, 10);
  ASSERT_TRUE(joined.ask);
  // The controller finishes the reassignment with this very change: its answer tells of the ISR, metadata of the replicas.
  (void)answer(joined.ask->tag, nodes({1, 2, 4}));
  EXPECT_EQ(leader().in_sync(), nodes({1, 2, 4}));
  ++registration.partition_epoch;
  registration.replicas = registration.in_sync = nodes({1, 2, 4});
  registration.adding = registration.removing = {};
  EXPECT_FALSE(metadata().stale);
  EXPECT_EQ(leader().follower(NodeId{3}), nullptr);
}

TEST_F(Roles, AnAskForAReplicaThatAReassignmentHasRemovedIsDropped) {
  brokers.push_back({.id = NodeId{4}, .epoch = BrokerEpoch{14}});
  registration.replicas = nodes({1, 2, 3, 4});
  registration.adding = nodes({4});
  registration.removing = nodes({3});
  (void)metadata();
  const LeaderEffects joined = fetch(4, 0);
  ASSERT_TRUE(joined.ask);
  (void)answer(joined.ask->tag, nodes({1, 2, 4}));
  const LeaderEffects removed = fetch(3, 0);  // it has not heard of it, and nor have we
  ASSERT_TRUE(removed.ask);
  (void)refuse(removed.ask->tag, protocol::ErrorCode::invalid_request);
  ++registration.partition_epoch;
  registration.replicas = registration.in_sync = nodes({1, 2, 4});
  registration.adding = registration.removing = {};
  (void)metadata();
  EXPECT_FALSE(leader().asking()) << "no other news of the partition need ever come";
  EXPECT_TRUE(leader().step(at_ms(lag_ms + 1), IsrCheck{}).ask) << "2 has never fetched";
}

TEST_F(Roles, WhoIsNoLongerAReplicaLeaves) {
  (void)metadata();
  (void)append_to(10);
  next(2, 1);
  registration.replicas = registration.in_sync = nodes({2, 3});
  const PartitionEffects effects = metadata();
  EXPECT_EQ(effects.role, RoleChange::left);
  EXPECT_EQ(core->leader(), nullptr);
  EXPECT_EQ(core->follower(), nullptr);
}

}  // namespace
}  // namespace squall::broker
