// Topics, placement, configurations.
#include <map>
#include <set>

#include "raft/controller/placement.h"
#include "tests/raft/controller/fixture.h"

namespace squall::raft {
namespace {

using protocol::ErrorCode;

protocol::CreateTopicsResponse create(Cluster& cluster, const std::string& name, std::int32_t partitions, std::int16_t factor,
                                      bool validate_only = false) {
  protocol::CreateTopicsRequest request;
  request.topics.push_back(
      {.name = name, .num_partitions = partitions, .replication_factor = factor, .assignments = {}, .configs = {}});
  request.validate_only = validate_only;
  return cluster.submit(request);
}

TEST(CreateTopics, FencedBrokersAreReplicasButNotInSync) {
  Cluster cluster;
  cluster.start_brokers(3);
  cluster.fence(1);
  cluster.create("t", {{1, 0, 2}});
  EXPECT_EQ(told(cluster.partition("t")), "leader 0 isr[0,2] replicas[1,0,2]");
  EXPECT_EQ(code(cluster.create("u", {{1}}).topics[0].error_code), ErrorCode::invalid_replica_assignment);
}

TEST(CreateTopics, OnlyValidatedLeavesNoTrace) {
  Cluster cluster;
  cluster.start_brokers(1);
  const auto answer = create(cluster, "t", 2, 1, true);
  EXPECT_EQ(code(answer.topics[0].error_code), ErrorCode::none);
  EXPECT_TRUE(answer.topics[0].topic_id.is_zero());
  EXPECT_EQ(cluster.controller.image()->find("t"), nullptr);
}

TEST(CreateTopics, AreRefused) {
  struct Row {
    const char* name;
    std::int32_t partitions;
    std::int16_t factor;
    ErrorCode error;
  };
  const std::vector<Row> table{
      {"a b", 1, 1, ErrorCode::invalid_topic_exception},
      {"..", 1, 1, ErrorCode::invalid_topic_exception},
      {"a_b", 1, 1, ErrorCode::invalid_topic_exception},  // there is a.b
      {"a.b", 1, 1, ErrorCode::topic_already_exists},
      {"__cluster_metadata", 1, 1, ErrorCode::topic_authorization_failed},
      {"t", 0, 1, ErrorCode::invalid_partitions},
      {"t", 1, 0, ErrorCode::invalid_replication_factor},
      {"t", 1, 3, ErrorCode::invalid_replication_factor},
      {"t", 10'001, 1, ErrorCode::policy_violation},
      {"t", -1, -1, ErrorCode::none},
  };
  Cluster cluster;
  cluster.start_brokers(2);
  ASSERT_EQ(code(create(cluster, "a.b", 1, 1).topics[0].error_code), ErrorCode::none);
  for (const Row& row : table) {
    EXPECT_EQ(code(create(cluster, row.name, row.partitions, row.factor).topics[0].error_code), row.error) << row.name;
  }
}

TEST(CreateTopics, WithoutAnyUnfencedBrokerIsRefused) {
  Cluster cluster;
  cluster.start_brokers(1);
  cluster.fence(0);
  EXPECT_EQ(code(create(cluster, "t", 1, 1).topics[0].error_code), ErrorCode::invalid_replication_factor);
}

TEST(DeleteTopics, FreesTheNameAndWhatCollidesWithIt) {
  Cluster cluster;
  cluster.start_brokers(1);
  create(cluster, "a.b", 3, 1);
  protocol::DeleteTopicsRequest request;
  request.topics.emplace_back().name = "a.b";
  EXPECT_EQ(code(cluster.submit(request).responses[0].error_code), ErrorCode::none);
  EXPECT_EQ(code(cluster.submit(request).responses[0].error_code), ErrorCode::unknown_topic_or_partition);
  EXPECT_EQ(code(create(cluster, "a_b", 1, 1).topics[0].error_code), ErrorCode::none);
  EXPECT_FALSE(wrong_with(*cluster.controller.image()));
}

TEST(CreatePartitions, GrowATopicWithItsReplicationFactor) {
  Cluster cluster;
  cluster.start_brokers(3);
  create(cluster, "t", 2, 2);
  protocol::CreatePartitionsRequest request;
  request.topics.push_back({.name = "t", .count = 20, .assignments = std::nullopt});
  EXPECT_EQ(code(cluster.submit(request).results[0].error_code), ErrorCode::none);
  EXPECT_EQ(cluster.controller.image()->find("t")->partitions.size(), 20U);
  EXPECT_EQ(cluster.partition("t", 19).replicas.size(), 2U);
  EXPECT_EQ(code(cluster.submit(request).results[0].error_code), ErrorCode::invalid_partitions);
  request.topics[0].count = 21;
  request.topics[0].assignments.emplace();
  request.topics[0].assignments->push_back({.broker_ids = {0}});
  EXPECT_EQ(code(cluster.submit(request).results[0].error_code), ErrorCode::invalid_replica_assignment) << "two replicas each";
}

TEST(Placement, SpreadsReplicasOverRacksAndLeadersOverBrokers) {
  Cluster cluster;
  for (std::int32_t id = 0; id < 6; ++id) {
    cluster.register_broker(id, 1, -1, "rack" + std::to_string(id % 3));
    cluster.heartbeat(id);
  }
  create(cluster, "t", 60, 3);
  std::map<NodeId, int> leaders;
  std::map<NodeId, int> replicas;
  for (const PartitionImage& partition : cluster.controller.image()->find("t")->partitions) {
    ++leaders[partition.leader];
    std::set<std::int32_t> racks;
    for (const NodeId node : partition.replicas) {
      racks.insert(node.value() % 3);
      ++replicas[node];
    }
    EXPECT_EQ(racks.size(), 3U);
  }
  for (std::int32_t id = 0; id < 6; ++id) {
    EXPECT_EQ(leaders[NodeId{id}], 10) << id;
    EXPECT_EQ(replicas[NodeId{id}], 30) << id;
  }
}

// With as many racks as brokers in each (or a multiple), turns by partition would always meet the same broker.
TEST(Placement, LetsEveryBrokerLeadAlikeInTwoRacksOfTwo) {
  Cluster cluster;
  for (std::int32_t id = 0; id < 4; ++id) {
    cluster.register_broker(id, 1, -1, "rack" + std::to_string(id % 2));
    cluster.heartbeat(id);
  }
  create(cluster, "t", 40, 3);
  std::map<NodeId, int> leaders;
  for (const PartitionImage& partition : cluster.controller.image()->find("t")->partitions) ++leaders[partition.leader];
  for (std::int32_t id = 0; id < 4; ++id) EXPECT_EQ(leaders[NodeId{id}], 10) << id;
}

TEST(Placement, SpreadsTheLeadershipsOfABrokerThatFailsOverAllOthers) {
  Cluster cluster;
  cluster.start_brokers(6);
  create(cluster, "t", 600, 3);
  cluster.fence(0);
  std::map<NodeId, int> leaders;
  for (const PartitionImage& partition : cluster.controller.image()->find("t")->partitions) ++leaders[partition.leader];
  for (std::int32_t id = 1; id < 6; ++id) {
    EXPECT_GE(leaders[NodeId{id}], 110) << id;
    EXPECT_LE(leaders[NodeId{id}], 130) << id;
  }
}

TEST(Placement, TakesFencedBrokersOnlyWhenThereAreTooFewOthersAndNeverFirst) {
  Cluster cluster;
  cluster.start_brokers(4);
  cluster.fence(3);
  Random random{5};
  ReplicaPlacer placer{*cluster.controller.image(), random};
  for (int i = 0; i < 30; ++i) {
    const auto three = placer.place(3);
    EXPECT_EQ(std::ranges::count(three, 3), 0);
    const auto four = placer.place(4);
    EXPECT_EQ(four.back(), 3);
  }
}

ErrorCode alter(Cluster& cluster, ConfigResource type, const std::string& resource, const std::string& key,
                std::int8_t operation, std::optional<std::string> value) {
  protocol::IncrementalAlterConfigsRequest request;
  auto& wanted = request.resources.emplace_back();
  wanted.resource_type = static_cast<std::int8_t>(type);
  wanted.resource_name = resource;
  wanted.configs.push_back({.name = key, .config_operation = operation, .value = std::move(value)});
  return code(cluster.submit(request).responses.at(0).error_code);
}

TEST(AlterConfigs, SetRemoveAppendSubtract) {
  Cluster cluster;
  cluster.start_brokers(1);
  create(cluster, "t", 1, 1);
  const auto topic = ConfigResource::topic;
  const auto policy = [&] {
    const ConfigValues& values = cluster.controller.image()->config_of(topic, "t");
    const auto at = values.find("cleanup.policy");
    return at == values.end() ? std::string{"-"} : at->second;
  };
  EXPECT_EQ(alter(cluster, topic, "t", "cleanup.policy", 2, "compact"), ErrorCode::none);
  EXPECT_EQ(policy(), "delete,compact") << "added to what holds";
  EXPECT_EQ(alter(cluster, topic, "t", "cleanup.policy", 3, "delete"), ErrorCode::none);
  EXPECT_EQ(policy(), "compact");
  EXPECT_EQ(alter(cluster, topic, "t", "cleanup.policy", 1, std::nullopt), ErrorCode::none);
  EXPECT_EQ(policy(), "-");
  EXPECT_EQ(alter(cluster, topic, "t", "min.insync.replicas", 0, "x"), ErrorCode::invalid_config);
  EXPECT_EQ(alter(cluster, topic, "t", "min.insync.replicas", 2, "1"), ErrorCode::invalid_config) << "it is no list";
  EXPECT_EQ(alter(cluster, topic, "t", "nope", 0, "1"), ErrorCode::invalid_config);
  EXPECT_EQ(alter(cluster, topic, "u", "min.insync.replicas", 0, "1"), ErrorCode::unknown_topic_or_partition);
  EXPECT_EQ(alter(cluster, topic, "t", "min.insync.replicas", 7, "1"), ErrorCode::invalid_request);
}

// KIP-966: a leader that goes by a smaller minimum than the controller commits what an eligible replica may lack.
TEST(AlterConfigs, KeepTheMinimumTheSameForAllBrokersWhileEligibleReplicasMayLead) {
  Cluster cluster{elr_features};
  cluster.start_brokers(1);
  const auto broker = ConfigResource::broker;
  EXPECT_EQ(alter(cluster, broker, "0", "min.insync.replicas", 0, "2"), ErrorCode::invalid_config);
  EXPECT_EQ(alter(cluster, broker, "0", "min.insync.replicas", 1, std::nullopt), ErrorCode::invalid_config);
  EXPECT_EQ(alter(cluster, broker, "", "min.insync.replicas", 1, std::nullopt), ErrorCode::invalid_config);
  EXPECT_EQ(alter(cluster, broker, "", "min.insync.replicas", 0, "2"), ErrorCode::none);
}

TEST(AlterConfigs, OfBrokersAreByNumberOrForAll) {
  Cluster cluster;
  cluster.start_brokers(1);
  const auto broker = ConfigResource::broker;
  EXPECT_EQ(alter(cluster, broker, "", "min.insync.replicas", 0, "2"), ErrorCode::none);
  EXPECT_EQ(min_in_sync_replicas(cluster.schema, *cluster.controller.image(), "any"), 2U);
  EXPECT_EQ(alter(cluster, broker, "0", "min.insync.replicas", 0, "2"), ErrorCode::none);
  EXPECT_EQ(alter(cluster, broker, "9", "min.insync.replicas", 0, "2"), ErrorCode::broker_id_not_registered);
  EXPECT_EQ(alter(cluster, broker, "x", "min.insync.replicas", 0, "2"), ErrorCode::invalid_request);
}

}  // namespace
}  // namespace squall::raft
