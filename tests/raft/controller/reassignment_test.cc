// Reassignment (KIP-455).
#include "tests/raft/controller/fixture.h"

namespace squall::raft {
namespace {

using protocol::ErrorCode;

ErrorCode reassign(Cluster& cluster, const std::string& topic, std::optional<Assignment> target,
                   bool factor_may_change = true) {
  protocol::AlterPartitionReassignmentsRequest request;
  request.allow_replication_factor_change = factor_may_change;
  auto& wanted = request.topics.emplace_back();
  wanted.name = topic;
  wanted.partitions.push_back({.partition_index = 0, .replicas = std::move(target)});
  return code(cluster.submit(request).responses.at(0).partitions.at(0).error_code);
}

std::size_t listed(Cluster& cluster) { return cluster.submit(protocol::ListPartitionReassignmentsRequest{}).topics.size(); }

TEST(Reassignment, AddsFirstAndRemovesWhenAllThatStayAreInSync) {
  Cluster cluster;
  cluster.start_brokers(5);
  cluster.create("t", {{0, 1, 2}});
  ASSERT_EQ(reassign(cluster, "t", Assignment{3, 4, 2}), ErrorCode::none);
  EXPECT_EQ(told(cluster.partition("t")), "leader 0 isr[0,1,2] replicas[3,4,2,0,1] +[3,4] -[0,1]");
  EXPECT_EQ(listed(cluster), 1U);
  cluster.change_isr("t", {0, 1, 2, 3});
  EXPECT_EQ(listed(cluster), 1U);
  // KAFKA-15665: broker 2 stays and has to be in sync too.
  cluster.change_isr("t", {0, 3, 4});
  EXPECT_EQ(listed(cluster), 1U);
  const auto answer = cluster.change_isr("t", {0, 3, 4, 2});
  EXPECT_EQ(code(answer.error_code), ErrorCode::new_leader_elected) << "the leader is one that goes";
  EXPECT_EQ(told(cluster.partition("t")), "leader 3 isr[3,4,2] replicas[3,4,2]");
  EXPECT_EQ(listed(cluster), 0U);
  EXPECT_EQ(cluster.partition("t").directories.size(), 3U);
  EXPECT_EQ(cluster.partition("t").directories[0], (Uuid{500, 3}));
}

TEST(Reassignment, ThatOnlyRemovesIsCompleteAtOnceAndBumpsTheLeaderEpoch) {
  Cluster cluster;
  cluster.start_brokers(3);
  cluster.create("t", {{0, 1, 2}});
  ASSERT_EQ(reassign(cluster, "t", Assignment{0, 1}), ErrorCode::none);
  EXPECT_EQ(told(cluster.partition("t")), "leader 0 isr[0,1] replicas[0,1]");
  EXPECT_EQ(cluster.partition("t").leader_epoch, LeaderEpoch{1});
}

TEST(Reassignment, IsCancelled) {
  Cluster cluster;
  cluster.start_brokers(4);
  cluster.create("t", {{0, 1}});
  EXPECT_EQ(reassign(cluster, "t", std::nullopt), ErrorCode::no_reassignment_in_progress);
  ASSERT_EQ(reassign(cluster, "t", Assignment{2, 3}), ErrorCode::none);
  cluster.change_isr("t", {0, 1, 2});
  EXPECT_EQ(reassign(cluster, "t", std::nullopt), ErrorCode::none);
  EXPECT_EQ(told(cluster.partition("t")), "leader 0 isr[0,1] replicas[0,1]");
}

TEST(Reassignment, IsNotCancelledIfOnlyAddedReplicasAreInSync) {
  Cluster cluster;
  cluster.start_brokers(3);
  cluster.create("t", {{0, 1}});
  ASSERT_EQ(reassign(cluster, "t", Assignment{2, 1}), ErrorCode::none);
  cluster.change_isr("t", {0, 2});
  cluster.fence(0);
  ASSERT_EQ(told(cluster.partition("t")), "leader 2 isr[2] replicas[2,1,0] +[2] -[0]");
  EXPECT_EQ(reassign(cluster, "t", std::nullopt), ErrorCode::invalid_replica_assignment);
}

TEST(Reassignment, AnotherTargetTakesThePlaceOfTheFirst) {
  Cluster cluster;
  cluster.start_brokers(5);
  cluster.create("t", {{0, 1}});
  ASSERT_EQ(reassign(cluster, "t", Assignment{2, 3}), ErrorCode::none);
  ASSERT_EQ(reassign(cluster, "t", Assignment{2, 4}), ErrorCode::none);
  EXPECT_EQ(told(cluster.partition("t")), "leader 0 isr[0,1] replicas[2,4,0,1] +[2,4] -[0,1]");
  EXPECT_EQ(reassign(cluster, "t", std::nullopt), ErrorCode::none);
  EXPECT_EQ(told(cluster.partition("t")), "leader 0 isr[0,1] replicas[0,1]");
}

TEST(Reassignment, OfALeaderlessPartitionKeepsWhoMayHaveTheLastRecords) {
  Cluster cluster{elr_features};
  cluster.start_brokers(4);
  cluster.create("t", {{0, 1}}, {{"min.insync.replicas", "2"}});
  ASSERT_EQ(reassign(cluster, "t", Assignment{2, 1}), ErrorCode::none);
  cluster.change_isr("t", {0, 2});
  cluster.fence(0);
  cluster.fence(2);
  ASSERT_EQ(told(cluster.partition("t")), "leader -1 elr[0,2] last[2] replicas[2,1,0] +[2] -[0]");
  ASSERT_EQ(reassign(cluster, "t", Assignment{3, 1}), ErrorCode::none);
  EXPECT_EQ(told(cluster.partition("t")), "leader -1 elr[0,2] last[2] replicas[3,1,2,0] +[3] -[0,2]");
  cluster.heartbeat(2);
  EXPECT_EQ(told(cluster.partition("t")), "leader 2 isr[2] elr[0] replicas[3,1,2,0] +[3] -[0,2]");
}

TEST(Reassignment, ToWhatItAlreadyIsChangesNothing) {
  Cluster cluster;
  cluster.start_brokers(2);
  cluster.create("t", {{0, 1}});
  const std::size_t before = cluster.log.size();
  EXPECT_EQ(reassign(cluster, "t", Assignment{0, 1}), ErrorCode::none);
  EXPECT_EQ(cluster.log.size(), before);
}

TEST(Reassignment, IsRefused) {
  Cluster cluster;
  cluster.start_brokers(3);
  cluster.create("t", {{0, 1}});
  EXPECT_EQ(reassign(cluster, "u", Assignment{0}), ErrorCode::unknown_topic_or_partition);
  EXPECT_EQ(reassign(cluster, "t", Assignment{}), ErrorCode::invalid_replica_assignment);
  EXPECT_EQ(reassign(cluster, "t", Assignment{0, 0}), ErrorCode::invalid_replica_assignment);
  EXPECT_EQ(reassign(cluster, "t", Assignment{0, 9}), ErrorCode::invalid_replica_assignment);
  EXPECT_EQ(reassign(cluster, "t", Assignment{0, 1, 2}, false), ErrorCode::invalid_replication_factor);
}

}  // namespace
}  // namespace squall::raft
