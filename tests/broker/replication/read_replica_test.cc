#include "broker/replication/read_replica.h"

#include <gtest/gtest.h>

#include "tests/broker/replication/leader_fixture.h"

namespace squall::broker {
namespace {

// KIP-392
struct ReadReplica : LeaderFixture {
  std::vector<ReadCandidate> candidates{{NodeId{1}, "a", true}, {NodeId{2}, "b", true}, {NodeId{3}, "b", true}};
  void SetUp() override {
    (void)metadata();
    (void)append_to(100, 10);
    (void)fetch(2, 90, 10);
    (void)fetch(3, 80, 10);
  }
  std::optional<NodeId> choose(std::string_view rack, std::int64_t offset) {
    return preferred_read_replica(leader(), NodeId{1}, rack, Offset{offset}, candidates);
  }
};

TEST_F(ReadReplica, IsTheLongestInTheConsumersRack) { EXPECT_EQ(choose("b", 50), NodeId{2}); }

TEST_F(ReadReplica, IsTheLeaderWithoutARackOrInItsOwnOrInOneWithoutReplicas) {
  EXPECT_EQ(choose("", 50), std::nullopt);
  EXPECT_EQ(choose("a", 50), std::nullopt);
  EXPECT_EQ(choose("c", 50), std::nullopt);
}

TEST_F(ReadReplica, HoldsWhatTheConsumerAsksFor) {
  EXPECT_EQ(choose("b", 85), NodeId{2});
  EXPECT_EQ(choose("b", 95), std::nullopt);
}

TEST_F(ReadReplica, IsLiveAndInTheIsr) {
  candidates[1].live = false;
  EXPECT_EQ(choose("b", 50), NodeId{3});
  registration.in_sync = nodes({1, 2});
  ++registration.partition_epoch;
  (void)metadata(11);
  EXPECT_EQ(choose("b", 50), std::nullopt);
}

TEST_F(ReadReplica, AmongEqualsWasCaughtUpLast) {
  (void)fetch(2, 100, 20);
  (void)fetch(3, 100, 30);
  EXPECT_EQ(choose("b", 50), NodeId{3});
  (void)fetch(2, 100, 30);
  EXPECT_EQ(choose("b", 50), NodeId{3}) << "then the highest id";
  (void)fetch(2, 100, 40);
  EXPECT_EQ(choose("b", 50), NodeId{2});
}

}  // namespace
}  // namespace squall::broker
