// Who leads: clean, preferred and unclean elections, eligible leader replicas (KIP-966), AlterPartition (KIP-841, KIP-903).
#include <set>

#include "tests/raft/controller/fixture.h"

namespace squall::raft {
namespace {

using protocol::ErrorCode;
using std::chrono::seconds;

constexpr std::int8_t preferred = 0;
constexpr std::int8_t unclean = 1;

ErrorCode elect(Cluster& cluster, std::int8_t type, const std::string& topic) {
  protocol::ElectLeadersRequest request;
  request.election_type = type;
  request.topic_partitions.emplace();
  request.topic_partitions->push_back({.topic = topic, .partitions = {0}});
  return code(cluster.submit(request).replica_election_results.at(0).partition_result.at(0).error_code);
}

TEST(AlterPartition, IsRefusedInThisOrder) {
  struct Row {
    const char* why;
    void (*spoil)(protocol::AlterPartitionRequest&);
    ErrorCode error;
  };
  const std::vector<Row> table{
      {"no such topic", [](auto& r) { r.topics[0].topic_id = Uuid{1, 2}; }, ErrorCode::unknown_topic_id},
      {"no such partition", [](auto& r) { r.topics[0].partitions[0].partition_index = 9; },
       ErrorCode::unknown_topic_or_partition},
      {"leader epoch ahead (KAFKA-14154)",
       [](auto& r) {
         r.topics[0].partitions[0].leader_epoch += 1;
         r.topics[0].partitions[0].partition_epoch -= 1;
       },
       ErrorCode::not_controller},
      {"partition epoch ahead", [](auto& r) { r.topics[0].partitions[0].partition_epoch += 1; }, ErrorCode::not_controller},
      {"leader epoch behind", [](auto& r) { r.topics[0].partitions[0].leader_epoch -= 1; }, ErrorCode::fenced_leader_epoch},
      {"partition epoch behind", [](auto& r) { r.topics[0].partitions[0].partition_epoch -= 1; },
       ErrorCode::invalid_update_version},
      {"nobody in sync", [](auto& r) { r.topics[0].partitions[0].new_isr_with_epochs.clear(); }, ErrorCode::invalid_request},
      {"without the leader",
       [](auto& r) {
         r.topics[0].partitions[0].new_isr_with_epochs.erase(r.topics[0].partitions[0].new_isr_with_epochs.begin());
       },
       ErrorCode::invalid_request},
      {"a member twice",
       [](auto& r) {
         auto& isr = r.topics[0].partitions[0].new_isr_with_epochs;
         isr.push_back(isr[0]);
       },
       ErrorCode::invalid_request},
      {"a stranger", [](auto& r) { r.topics[0].partitions[0].new_isr_with_epochs.push_back({3, -1}); },
       ErrorCode::invalid_request},
      {"back to recovering", [](auto& r) { r.topics[0].partitions[0].leader_recovery_state = 1; }, ErrorCode::invalid_request},
      {"a member of another epoch (KIP-903)",
       [](auto& r) { r.topics[0].partitions[0].new_isr_with_epochs[1].broker_epoch += 1; }, ErrorCode::ineligible_replica},
      {"a fenced member (KIP-841)", [](auto& r) { r.topics[0].partitions[0].new_isr_with_epochs.push_back({0, -1}); },
       ErrorCode::ineligible_replica},
      {"nothing", [](auto&) {}, ErrorCode::none},
  };
  for (const Row& row : table) {
    Cluster cluster;
    cluster.start_brokers(4);
    cluster.create("t", {{0, 1, 2}});
    cluster.fence(0);
    auto request = cluster.alter("t", {1, 2});
    row.spoil(request);
    const auto answer = cluster.submit(request);
    EXPECT_EQ(code(answer.topics.at(0).partitions.at(0).error_code), row.error) << row.why;
  }
}

TEST(AlterPartition, FromWhoIsNotTheLeaderOrNotRegisteredSoIsRefused) {
  Cluster cluster;
  cluster.start_brokers(3);
  cluster.create("t", {{0, 1, 2}});
  auto request = cluster.alter("t", {0, 1});
  request.broker_id = 1;
  EXPECT_EQ(code(cluster.submit(request).error_code), ErrorCode::stale_broker_epoch) << "it is the epoch of broker 0";
  request.broker_epoch = cluster.epoch_of(1);
  EXPECT_EQ(code(cluster.submit(request).topics[0].partitions[0].error_code), ErrorCode::invalid_request);
}

TEST(AlterPartition, ShrinksAndGrowsWithoutANewLeaderEpoch) {
  Cluster cluster;
  cluster.start_brokers(3);
  cluster.create("t", {{0, 1, 2}});
  auto answer = cluster.change_isr("t", {0, 2});
  EXPECT_EQ(answer.partition_epoch, 1);
  EXPECT_EQ(answer.leader_epoch, 0);
  EXPECT_THAT(answer.isr, testing::ElementsAre(0, 2));
  answer = cluster.change_isr("t", {0, 2, 1});
  EXPECT_EQ(answer.partition_epoch, 2);
  // KAFKA-14144: the answer was lost, and the leader asks for what it has.
  EXPECT_EQ(code(cluster.change_isr("t", {0, 2, 1}).error_code), ErrorCode::none);
  EXPECT_EQ(cluster.partition("t").partition_epoch, 2);
}

TEST(AlterPartition, BelowMetadataVersion12AShrinkBumpsTheLeaderEpoch) {
  Cluster cluster{{{"metadata.version", 11}}};
  cluster.start_brokers(2);
  cluster.create("t", {{0, 1}});
  EXPECT_EQ(cluster.change_isr("t", {0}).leader_epoch, 1);
}

TEST(PreferredElection, GivesLeadershipBackOnceTheFirstReplicaIsInSync) {
  Cluster cluster;
  cluster.start_brokers(2);
  cluster.create("t", {{0, 1}});
  EXPECT_EQ(elect(cluster, preferred, "t"), ErrorCode::election_not_needed);
  cluster.fence(0);
  cluster.heartbeat(0);
  EXPECT_EQ(elect(cluster, preferred, "t"), ErrorCode::preferred_leader_not_available);
  cluster.change_isr("t", {1, 0});
  EXPECT_EQ(elect(cluster, preferred, "t"), ErrorCode::none);
  EXPECT_EQ(told(cluster.partition("t")), "leader 0 isr[1,0] replicas[0,1]");
  EXPECT_EQ(elect(cluster, preferred, "no-such"), ErrorCode::unknown_topic_or_partition);
}

TEST(PreferredElection, OfAllPartitionsTellsOfThoseWhereItMatters) {
  Cluster cluster;
  cluster.start_brokers(3);
  cluster.create("a", {{1, 2}});
  cluster.create("b", {{1, 2}, {0, 1}, {0, 2}});
  cluster.create("c", {{0}});
  cluster.fence(0);
  protocol::ElectLeadersRequest request;
  request.topic_partitions.reset();
  const auto told_of = [&](std::int8_t type) {
    request.election_type = type;
    std::set<std::string> partitions;
    for (const auto& topic : cluster.submit(request).replica_election_results) {
      for (const auto& partition : topic.partition_result) {
        partitions.insert(topic.topic + std::to_string(partition.partition_id) + " " + std::to_string(partition.error_code));
      }
    }
    return partitions;
  };
  const std::string not_available = std::to_string(protocol::to_wire(ErrorCode::preferred_leader_not_available));
  const std::string nobody = std::to_string(protocol::to_wire(ErrorCode::eligible_leaders_not_available));
  EXPECT_THAT(told_of(preferred), testing::ElementsAre("b1 " + not_available, "b2 " + not_available, "c0 " + not_available));
  EXPECT_THAT(told_of(unclean), testing::ElementsAre("c0 " + nobody));
}

TEST(PreferredElection, IsHeldEvery300Seconds) {
  Cluster cluster;
  cluster.start_brokers(2);
  cluster.create("t", {{0, 1}, {0, 1}});
  cluster.fence(0);
  cluster.heartbeat(0);
  cluster.change_isr("t", {1, 0});
  for (int i = 0; i < 60; ++i) {
    cluster.pass(seconds{5});
    cluster.heartbeat(0);
    cluster.heartbeat(1);
    cluster.tick();
    if (i < 58) {
      EXPECT_EQ(cluster.partition("t").leader, NodeId{1});
    }
  }
  EXPECT_EQ(cluster.partition("t").leader, NodeId{0});
  EXPECT_EQ(cluster.partition("t", 1).leader, NodeId{1}) << "there, broker 0 is not in sync";
}

TEST(PreferredElection, HoldsNoMoreThanItsLimitInOnePass) {
  auto settings = test_settings();
  settings.elections_per_pass_max = 3;
  Cluster cluster{plain_features, settings};
  cluster.start_brokers(2);
  cluster.create("t", std::vector<Assignment>(7, {0, 1}));
  cluster.fence(0);
  cluster.heartbeat(0);
  auto request = cluster.alter("t", {1, 0});
  const auto first = request.topics[0].partitions[0];
  for (std::int32_t i = 1; i < 7; ++i) {
    request.topics[0].partitions.push_back(first);
    request.topics[0].partitions.back().partition_index = i;
  }
  cluster.submit(request);
  cluster.pass(seconds{300});
  cluster.heartbeat(0);
  cluster.heartbeat(1);
  std::vector<std::size_t> passes;
  while (cluster.controller.next_deadline() <= cluster.now) {
    const Records records = cluster.controller.tick(cluster.now);
    if (!records.empty() && std::holds_alternative<protocol::PartitionChangeRecord>(records[0]))
      passes.push_back(records.size());
    cluster.take(records);
  }
  EXPECT_THAT(passes, testing::ElementsAre(3, 3, 1));
}

TEST(UncleanElection, OnRequestTakesAnybodyActiveAndMarksItRecovering) {
  Cluster cluster;
  cluster.start_brokers(2);
  cluster.create("t", {{0, 1}});
  cluster.change_isr("t", {0});
  cluster.fence(0);
  EXPECT_EQ(told(cluster.partition("t")), "leader -1 isr[0] replicas[0,1]");
  EXPECT_EQ(elect(cluster, unclean, "t"), ErrorCode::none);
  EXPECT_EQ(told(cluster.partition("t")), "leader 1 isr[1] replicas[0,1] recovering");
  EXPECT_EQ(elect(cluster, unclean, "t"), ErrorCode::election_not_needed);
  // Alone until it says that it has recovered.
  cluster.heartbeat(0);
  auto request = cluster.alter("t", {1, 0});
  request.topics[0].partitions[0].leader_recovery_state = 1;
  EXPECT_EQ(code(cluster.submit(request).topics[0].partitions[0].error_code), ErrorCode::invalid_request);
  EXPECT_EQ(code(cluster.change_isr("t", {1}).error_code), ErrorCode::none);
  EXPECT_EQ(told(cluster.partition("t")), "leader 1 isr[1] replicas[0,1]");
}

TEST(UncleanElection, WithNobodyActiveFindsNobody) {
  Cluster cluster;
  cluster.start_brokers(1);
  cluster.create("t", {{0}});
  cluster.fence(0);
  EXPECT_EQ(elect(cluster, unclean, "t"), ErrorCode::eligible_leaders_not_available);
}

TEST(UncleanElection, IsTakenAtOnceWhereATopicAllowsIt) {
  Cluster cluster;
  cluster.start_brokers(2);
  cluster.create("t", {{0, 1}}, {{"unclean.leader.election.enable", "true"}});
  cluster.change_isr("t", {0});
  cluster.fence(0);
  EXPECT_EQ(told(cluster.partition("t")), "leader 1 isr[1] replicas[0,1] recovering");
}

TEST(UncleanElection, ComesWithThePeriodicCheckWhenItIsAllowedLater) {
  Cluster cluster;
  cluster.start_brokers(2);
  cluster.create("t", {{0, 1}});
  cluster.change_isr("t", {0});
  cluster.fence(0);
  protocol::IncrementalAlterConfigsRequest request;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = 2;
  resource.resource_name = "t";
  resource.configs.push_back({.name = "unclean.leader.election.enable", .config_operation = 0, .value = "true"});
  cluster.submit(request);
  EXPECT_EQ(cluster.partition("t").leader, no_node);
  cluster.pass(seconds{300});
  cluster.heartbeat(1);
  cluster.tick();
  EXPECT_EQ(told(cluster.partition("t")), "leader 1 isr[1] replicas[0,1] recovering");
}

// What happens step by step, and the partition after it.
TEST(EligibleLeaderReplicas, Transcript) {
  Cluster cluster{elr_features};
  cluster.start_brokers(3);
  cluster.create("t", {{0, 1, 2}}, {{"min.insync.replicas", "2"}});
  const auto is = [&] { return told(cluster.partition("t")); };
  cluster.fence(0);
  EXPECT_EQ(is(), "leader 1 isr[1,2] replicas[0,1,2]") << "two are enough: who leaves may miss what they commit";
  cluster.fence(1);
  EXPECT_EQ(is(), "leader 2 isr[2] elr[1] replicas[0,1,2]") << "nothing is committed without broker 1";
  cluster.fence(2);
  EXPECT_EQ(is(), "leader -1 elr[1,2] last[2] replicas[0,1,2]");
  cluster.heartbeat(0);
  EXPECT_EQ(is(), "leader -1 elr[1,2] last[2] replicas[0,1,2]") << "broker 0 may lack records";
  cluster.heartbeat(1);
  EXPECT_EQ(is(), "leader 1 isr[1] elr[2] replicas[0,1,2]");
  cluster.change_isr("t", {1, 0});
  EXPECT_EQ(is(), "leader 1 isr[1,0] replicas[0,1,2]") << "two in sync: the ELR is no longer needed";
}

TEST(EligibleLeaderReplicas, WhoWasShutDownUncleanlyIsNotEligible) {
  Cluster cluster{elr_features};
  cluster.start_brokers(2);
  cluster.create("t", {{0, 1}}, {{"min.insync.replicas", "2"}});
  cluster.fence(0);
  cluster.fence(1);
  ASSERT_EQ(told(cluster.partition("t")), "leader -1 elr[0,1] last[1] replicas[0,1]");
  cluster.pass(seconds{10});
  const std::int64_t before = cluster.epoch_of(0);
  cluster.register_broker(0, 2, before);
  EXPECT_EQ(told(cluster.partition("t")), "leader -1 elr[0,1] last[1] replicas[0,1]")
      << "it names its epoch: shut down cleanly";
  cluster.register_broker(0, 3, -1);
  cluster.pass(seconds{10});
  cluster.register_broker(0, 4, -1);
  EXPECT_EQ(told(cluster.partition("t")), "leader -1 elr[1] last[1] replicas[0,1]");
}

// KAFKA-19522
TEST(EligibleLeaderReplicas, TheLastKnownLeaderLeadsAgainWhenNobodyIsEligibleButNotWhileItIsFenced) {
  Cluster cluster{elr_features};
  cluster.start_brokers(2);
  cluster.create("t", {{0, 1}}, {{"min.insync.replicas", "2"}});
  cluster.fence(1);
  cluster.fence(0);
  ASSERT_EQ(told(cluster.partition("t")), "leader -1 elr[0,1] last[0] replicas[0,1]");
  for (const std::int32_t id : {0, 1}) {
    cluster.pass(seconds{10});
    cluster.register_broker(id, 2, -1);
  }
  ASSERT_EQ(told(cluster.partition("t")), "leader -1 last[0] replicas[0,1]");
  cluster.heartbeat(1);
  EXPECT_EQ(told(cluster.partition("t")), "leader -1 last[0] replicas[0,1]") << "broker 0 is fenced";
  cluster.heartbeat(0);
  EXPECT_EQ(told(cluster.partition("t")), "leader 0 isr[0] replicas[0,1] recovering");
}

TEST(EligibleLeaderReplicas, AreClearedWhenTheirMeasureChanges) {
  Cluster cluster{elr_features};
  cluster.start_brokers(2);
  cluster.create("t", {{0, 1}}, {{"min.insync.replicas", "2"}});
  cluster.fence(1);
  ASSERT_EQ(told(cluster.partition("t")), "leader 0 isr[0] elr[1] replicas[0,1]");
  protocol::IncrementalAlterConfigsRequest request;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = 2;
  resource.resource_name = "t";
  resource.configs.push_back({.name = "min.insync.replicas", .config_operation = 0, .value = "1"});
  cluster.submit(request);
  EXPECT_EQ(told(cluster.partition("t")), "leader 0 isr[0] replicas[0,1]");
}

// Otherwise the feature, turned on again, would find replicas eligible that lack what was committed in the meantime.
TEST(EligibleLeaderReplicas, AreClearedWhenTheirMeasureChangesWhileTheyMayNotLead) {
  Cluster cluster{elr_features};
  cluster.start_brokers(2);
  cluster.create("t", {{0, 1}}, {{"min.insync.replicas", "2"}});
  cluster.fence(1);
  ASSERT_EQ(told(cluster.partition("t")), "leader 0 isr[0] elr[1] replicas[0,1]");
  const auto set_feature = [&](std::int16_t level, std::int8_t type) {
    protocol::UpdateFeaturesRequest request;
    request.feature_updates.push_back(
        {.feature = "eligible.leader.replicas.version", .max_version_level = level, .upgrade_type = type});
    ASSERT_EQ(code(cluster.submit(request).error_code), ErrorCode::none);
  };
  set_feature(0, 2);
  protocol::IncrementalAlterConfigsRequest request;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = 2;
  resource.resource_name = "t";
  resource.configs.push_back({.name = "min.insync.replicas", .config_operation = 0, .value = "1"});
  cluster.submit(request);
  set_feature(1, 1);
  cluster.fence(0);
  EXPECT_EQ(told(cluster.partition("t")), "leader -1 elr[0] last[0] replicas[0,1]");
}

TEST(EligibleLeaderReplicas, TheMinimumIsNoMoreThanThereAreReplicas) {
  Cluster cluster{elr_features};
  cluster.start_brokers(1);
  cluster.create("t", {{0}}, {{"min.insync.replicas", "3"}});
  cluster.fence(0);
  EXPECT_EQ(told(cluster.partition("t")), "leader -1 elr[0] last[0] replicas[0]");
  cluster.heartbeat(0);
  EXPECT_EQ(told(cluster.partition("t")), "leader 0 isr[0] replicas[0]");
}

}  // namespace
}  // namespace squall::raft
