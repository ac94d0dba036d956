#include "broker/replication/fetch_planner.h"

#include <gtest/gtest.h>

#include "tests/broker/replication/leader_fixture.h"

namespace squall::broker {
namespace {

ReplicaKey key(std::int32_t index) { return {Uuid{1, 2}, PartitionIndex{index}}; }

FetchWish wish(bool throttleable = false) {
  FetchWish wished;
  wished.position.tag = {LeaderEpoch{1}, 0, Offset{0}};
  wished.throttleable = throttleable;
  return wished;
}

struct Planner : testing::Test {
  FetchPlanner planner{1};
  ThrottleWindow quota;
};

TEST_F(Planner, GroupsPartitionsByTheirLeader) {
  (void)planner.follow(key(0), NodeId{1}, wish());
  (void)planner.follow(key(1), NodeId{2}, wish());
  (void)planner.follow(key(2), NodeId{1}, wish());
  EXPECT_EQ(planner.sources(), (std::vector<SourceId>{{NodeId{1}, 0}, {NodeId{2}, 0}}));
  EXPECT_EQ(planner.plan({NodeId{1}, 0}, quota, at_ms(0))->fetch.size(), 2U);
  EXPECT_FALSE(planner.plan({NodeId{1}, 0}, quota, at_ms(0))) << "one request is under way";
  planner.check_invariants();
}

TEST_F(Planner, SpreadsOverTheFetchersOfABroker) {
  FetchPlanner spread{3};
  for (std::int32_t index = 0; index < 30; ++index) (void)spread.follow(key(index), NodeId{1}, wish());
  ASSERT_EQ(spread.sources().size(), 3U);
  for (const SourceId& source : spread.sources()) {
    EXPECT_EQ(spread.plan(source, quota, at_ms(0))->fetch.size(), 10U);
  }
}

// KAFKA-13207
TEST_F(Planner, APartitionThatMovesLeavesItsOldSourceAtOnce) {
  const SourceId old_source = planner.follow(key(0), NodeId{1}, wish());
  (void)planner.follow(key(1), NodeId{1}, wish());
  (void)planner.plan(old_source, quota, at_ms(0));
  const SourceId new_source = planner.follow(key(0), NodeId{2}, wish());
  EXPECT_EQ(planner.source_of(key(0)), new_source);
  const std::vector<ReplicaKey> both{key(0), key(1)};
  EXPECT_TRUE(planner.find(old_source)->answered({.session_id = 7, .partitions = both}));
  EXPECT_EQ(planner.plan(old_source, quota, at_ms(0))->forget, (std::vector<ReplicaKey>{key(0)}));
  EXPECT_EQ(planner.plan(new_source, quota, at_ms(0))->fetch.size(), 1U);
  planner.check_invariants();
}

TEST_F(Planner, ASourceThatIsNotFollowedIsDropped) {
  const SourceId source = planner.follow(key(0), NodeId{1}, wish());
  planner.stop(key(0));
  EXPECT_EQ(planner.source_of(key(0)), std::nullopt);
  planner.drop(source);
  EXPECT_EQ(planner.find(source), nullptr);
  EXPECT_FALSE(planner.plan(source, quota, at_ms(0)));
}

TEST_F(Planner, AThrottledSourceIsPlannedAgainWhenTheRateAllows) {
  quota.set_rate(1000);
  quota.record(at_ms(0), 5000);
  const SourceId source = planner.follow(key(0), NodeId{1}, wish(true));
  EXPECT_FALSE(planner.plan(source, quota, at_ms(0)));
  const Instant next = planner.next_plan(source, quota, at_ms(0));
  EXPECT_GT(next, at_ms(4999));
  EXPECT_LT(next, at_ms(5100));
  EXPECT_TRUE(planner.plan(source, quota, next));
}

}  // namespace
}  // namespace squall::broker
