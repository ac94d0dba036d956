#include "broker/replica_manager.h"

#include "protocol/messages/alter_partition_reassignments.h"
#include "protocol/messages/delete_records.h"
#include "protocol/messages/describe_configs.h"
#include "protocol/messages/incremental_alter_configs.h"
#include "protocol/messages/list_offsets.h"
#include "protocol/messages/produce.h"
#include "tests/broker/replica_fixture.h"

namespace squall::broker {
namespace {

using runtime::EventName;
using testing::ElementsAre;
using testing::IsSubsetOf;
using testing::SizeIs;

client::ProducerRecord record_of(const std::string& value) {
  client::ProducerRecord record;
  record.topic = "t";
  record.partition = PartitionIndex{0};
  record.value = as_bytes(value);
  return record;
}

// Sends "<prefix><i>" for each i below `count`, one after the other; those that were acknowledged.
std::vector<std::string> produce(ReplicaCluster& cluster, runtime::World& world, const std::string& prefix, int count,
                                 client::Acks acks = client::Acks::all) {
  client::ProducerOptions options;
  options.acks = acks;
  options.linger = 0ms;
  options.request_timeout = 5s;
  options.delivery_timeout = 30s;
  client::Producer producer{world, cluster.bootstrap(), options};
  std::vector<std::string> acknowledged;
  for (int i = 0; i < count; ++i) {
    const std::string value = prefix + std::to_string(i);
    const auto sent = producer.send_and_wait(record_of(value));
    if (sent) acknowledged.push_back(value);
  }
  return acknowledged;
}

std::vector<std::vector<std::string>> logs_of(ReplicaCluster& cluster) {
  std::vector<std::vector<std::string>> logs;
  cluster.talk([&](runtime::World& world) {
    for (std::int32_t id = 0; id < broker_count; ++id) logs.push_back(values_at(world, ReplicaCluster::host(id), "t"));
  });
  return logs;
}

using ProduceAnswer = protocol::ProduceResponse::PartitionProduceResponse;

ProduceAnswer produce_by_hand(Caller& caller, const ByteBuffer& batch, std::int16_t acks) {
  const auto answer = caller.ask<protocol::ProduceResponse>(produce_of("t", batch, acks), 12);
  ProduceAnswer lost;
  lost.error_code = -1;
  return answer ? answer->responses.at(0).partition_responses.at(0) : lost;
}

void set(ReplicaCluster& cluster, raft::ConfigResource resource, const std::string& of, const std::string& name,
         const std::string& value) {
  protocol::IncrementalAlterConfigsRequest request;
  auto& changed = request.resources.emplace_back();
  changed.resource_type = static_cast<std::int8_t>(resource);
  changed.resource_name = of;
  changed.configs.emplace_back();
  changed.configs[0].name = name;
  changed.configs[0].value = value;
  cluster.talk([&](runtime::World& world) {
    Caller caller{world, "b1"};
    const auto altered = caller.ask<protocol::IncrementalAlterConfigsResponse>(request, 1);
    ASSERT_TRUE(altered.has_value());
    EXPECT_EQ(altered->responses.at(0).error_code, 0) << altered->responses.at(0).error_message.value_or("");
  });
}

void reassign(ReplicaCluster& cluster, const std::vector<std::int32_t>& replicas) {
  protocol::AlterPartitionReassignmentsRequest request;
  auto& topic = request.topics.emplace_back();
  topic.name = "t";
  auto& partition = topic.partitions.emplace_back();
  partition.replicas = replicas;
  cluster.talk([&](runtime::World& world) {
    Caller caller{world, "b1"};
    const auto altered = caller.ask<protocol::AlterPartitionReassignmentsResponse>(request, 0);
    ASSERT_TRUE(altered.has_value());
    EXPECT_EQ(altered->error_code, 0);
    EXPECT_EQ(altered->responses.at(0).partitions.at(0).error_code, 0);
  });
}

TEST(Replicas, WhatIsAcknowledgedByAllIsReadFromAll) {
  ReplicaCluster cluster;
  cluster.create("t");
  std::vector<std::string> acknowledged;
  cluster.talk([&](runtime::World& world) { acknowledged = produce(cluster, world, "v", 50); });
  EXPECT_THAT(acknowledged, SizeIs(50));
  cluster.run_for(600ms);
  for (const auto& log : logs_of(cluster)) EXPECT_EQ(log, acknowledged);
  EXPECT_EQ(cluster.count(EventName::leader_elected), 1U);
}

// ELR (KIP-966) works by what the controller pinned for the whole cluster; the brokers' own files count for less.
TEST(Replicas, WhatHoldsForTheClusterCountsMoreThanABrokersOwnFile) {
  ReplicaCluster cluster{1, {{"min.insync.replicas", "3"}}};
  cluster.create("t");
  cluster.node(2).crash();
  ASSERT_TRUE(cluster.run_until([&] { return cluster.in_sync("t", 2); }));
  cluster.talk([&](runtime::World& world) { EXPECT_THAT(produce(cluster, world, "v", 1), SizeIs(1)); });
  protocol::DescribeConfigsRequest request;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = static_cast<std::int8_t>(raft::ConfigResource::topic);
  resource.resource_name = "t";
  resource.configuration_keys = {{"min.insync.replicas"}};
  cluster.talk([&](runtime::World& world) {
    Caller caller{world, "b1"};
    const auto described = caller.ask<protocol::DescribeConfigsResponse>(request, 4);
    ASSERT_TRUE(described.has_value());
    const auto& config = described->results.at(0).configs.at(0);
    EXPECT_EQ(config.value, "1");
    constexpr std::int8_t dynamic_default_broker_config = 3;
    EXPECT_EQ(config.config_source, dynamic_default_broker_config);
  });
}

TEST(Replicas, AcksOfOneDoNotWaitAndAreReplicatedAllTheSame) {
  ReplicaCluster cluster;
  cluster.create("t");
  cluster.cut_off(2);
  cluster.cut_off(1);
  std::vector<std::string> acknowledged;
  cluster.talk([&](runtime::World& world) { acknowledged = produce(cluster, world, "v", 5, client::Acks::leader); });
  EXPECT_THAT(acknowledged, SizeIs(5));
  cluster.heal();
  cluster.run_for(5s);
  for (const auto& log : logs_of(cluster)) EXPECT_EQ(log, acknowledged);
}

TEST(Replicas, AFollowerThatIsGoneLeavesTheIsrAndComesBackToIt) {
  ReplicaCluster cluster;
  cluster.create("t");
  cluster.simulation.network().partition(cluster.node(0), cluster.node(2));
  std::vector<std::string> acknowledged;
  cluster.talk([&](runtime::World& world) { acknowledged = produce(cluster, world, "v", 3); });
  EXPECT_THAT(acknowledged, SizeIs(3));
  EXPECT_TRUE(cluster.in_sync("t", 2));
  EXPECT_EQ(cluster.count(EventName::isr_shrunk), 1U);
  cluster.heal();
  EXPECT_TRUE(cluster.run_until([&] { return cluster.in_sync("t", 3); }));
  cluster.run_for(1s);
  EXPECT_EQ(cluster.count(EventName::isr_expanded), 1U);
  for (const auto& log : logs_of(cluster)) EXPECT_EQ(log, acknowledged);
}

TEST(Replicas, TooSmallAnIsrRefusesAcksOfAllAndTakesThoseOfOne) {
  ReplicaCluster cluster;
  cluster.create("t", {{"min.insync.replicas", "3"}});
  cluster.node(2).crash();
  EXPECT_TRUE(cluster.run_until([&] { return cluster.in_sync("t", 2); }));
  cluster.run_for(100ms);
  cluster.talk([&](runtime::World& world) {
    Caller caller{world, "b0"};
    EXPECT_EQ(produce_by_hand(caller, batch_of(1), -1).error_code, wire(ErrorCode::not_enough_replicas));
    EXPECT_EQ(produce_by_hand(caller, batch_of(1), 1).error_code, 0);
  });
  cluster.node(2).restart();
  EXPECT_TRUE(cluster.run_until([&] { return cluster.in_sync("t", 3); }));
  cluster.run_for(1s);
  for (const auto& log : logs_of(cluster)) EXPECT_THAT(log, ElementsAre("value 0"));
}

TEST(Replicas, AProduceThatWaitsIsAnsweredWhenTheLeadershipEnds) {
  ReplicaCluster cluster;
  cluster.create("t");
  cluster.cut_off(0);
  ProduceAnswer answer;
  cluster.talk([&](runtime::World& world) {
    Caller caller{world, "b0"};
    const ByteBuffer batch = batch_of(1);
    auto request = produce_of("t", batch, -1);
    request.timeout_ms = 50'000;
    cluster.simulation.after(8s, [&] { cluster.heal(); });
    const auto answered = caller.ask<protocol::ProduceResponse>(request, 12);
    ASSERT_TRUE(answered.has_value());
    answer = answered->responses.at(0).partition_responses.at(0);
    EXPECT_EQ(answer.error_code, wire(ErrorCode::request_timed_out)) << "it is in the log: what becomes of it others decide";
    answer = produce_by_hand(caller, batch, -1);
  });
  EXPECT_EQ(answer.error_code, wire(ErrorCode::not_leader_or_follower)) << "this one is not in the log";
  EXPECT_EQ(answer.current_leader.leader_id, cluster.partition("t").leader.value());
  EXPECT_NE(answer.current_leader.leader_id, 0);
}

TEST(Replicas, AnOldLeaderCutsOffWhatTheNewOneNeverHad) {
  ReplicaCluster cluster;
  cluster.create("t");
  std::vector<std::string> acknowledged;
  cluster.talk([&](runtime::World& world) { acknowledged = produce(cluster, world, "before ", 3); });
  cluster.cut_off(0);
  cluster.talk([&](runtime::World& world) {
    Caller caller{world, "b0"};
    for (int i = 0; i < 4; ++i) EXPECT_EQ(produce_by_hand(caller, batch_of(2), 1).error_code, 0);
  });
  EXPECT_TRUE(cluster.run_until([&] { return cluster.partition("t").leader != NodeId{0}; }));
  cluster.run_for(1s);
  cluster.talk([&](runtime::World& world) {
    for (const std::string& value : produce(cluster, world, "after ", 3)) acknowledged.push_back(value);
  });
  EXPECT_THAT(acknowledged, SizeIs(6));
  cluster.heal();
  EXPECT_TRUE(cluster.run_until([&] { return cluster.in_sync("t", 3); }));
  cluster.run_for(1s);
  EXPECT_GE(cluster.count(EventName::log_truncated), 1U);
  for (const auto& log : logs_of(cluster)) EXPECT_EQ(log, acknowledged);
}

ByteBuffer batch_at(std::int32_t sequence) {
  return batch_of(1, {.producer_id = ProducerId{1000}, .producer_epoch = ProducerEpoch{0}, .base_sequence = sequence});
}

std::int16_t fetch_by_hand(Caller& caller, std::int64_t offset) {
  const auto answer = caller.ask<protocol::FetchResponse>(consumer_fetch("t", offset), 12);
  return answer ? answer->responses.at(0).partitions.at(0).error_code : std::int16_t{-1};
}

constexpr std::int16_t no_leader = wire(ErrorCode::not_leader_or_follower);

// Of the producer of `batch_at`; all have it.
void produce_first(ReplicaCluster& cluster) {
  cluster.talk([&](runtime::World& world) {
    Caller caller{world, "b0"};
    EXPECT_EQ(produce_by_hand(caller, batch_at(0), -1).error_code, 0);
  });
}

// Runs until another one than the first leads, and a while more; who that is.
std::int32_t next_leader(ReplicaCluster& cluster) {
  EXPECT_TRUE(cluster.run_until([&] { return cluster.partition("t").leader != NodeId{0}; }));
  cluster.run_for(1s);
  return cluster.partition("t").leader.value();
}

TEST(Replicas, WhoIsNoLeaderAnyMoreDoesNotRuleOnGaps) {
  ReplicaCluster cluster;
  cluster.create("t");
  produce_first(cluster);
  cluster.cut_off(0);
  const std::int32_t leader = next_leader(cluster);
  cluster.talk([&](runtime::World& world) {
    Caller now{world, ReplicaCluster::host(leader)};
    EXPECT_EQ(produce_by_hand(now, batch_at(1), -1).error_code, 0);
    EXPECT_EQ(produce_by_hand(now, batch_at(5), -1).error_code, wire(ErrorCode::out_of_order_sequence_number));
    EXPECT_EQ(fetch_by_hand(now, 3), wire(ErrorCode::offset_out_of_range));
    Caller before{world, "b0"};
    EXPECT_EQ(produce_by_hand(before, batch_at(2), -1).error_code, no_leader);
    EXPECT_EQ(produce_by_hand(before, batch_at(2), 1).error_code, no_leader);
    EXPECT_EQ(fetch_by_hand(before, 2), no_leader);
  });
}

TEST(Replicas, AFollowerSaysAtOnceThatItCannotTellWhatLiesBeyondItsEnd) {
  ReplicaCluster cluster;
  cluster.create("t");
  produce_first(cluster);
  cluster.talk([&](runtime::World& world) {
    Caller follower{world, "b1"};
    const Instant asked = world.now();
    EXPECT_EQ(fetch_by_hand(follower, 7), no_leader);
    EXPECT_LT(world.now() - asked, 50ms);
  });
}

// What librdkafka 2.0 does: it states no epoch, and goes back to a frozen leader that answered its Metadata request when it
// woke.
TEST(Replicas, AFrozenLeaderDoesNotRuleOnGapsWhenItWakes) {
  ReplicaCluster cluster;
  cluster.create("t");
  produce_first(cluster);
  cluster.node(0).pause(15s);
  const std::int32_t leader = next_leader(cluster);
  cluster.talk([&](runtime::World& world) {
    Caller now{world, ReplicaCluster::host(leader)};
    EXPECT_EQ(produce_by_hand(now, batch_at(1), -1).error_code, 0);
    EXPECT_TRUE(cluster.node(0).paused());
    Caller producer{world, "b0"};
    Caller consumer{world, "b0"};
    const ByteBuffer batch = batch_at(2);
    producer.send(producer.frame(produce_of("t", batch, -1), 12));  // they wait in the frozen node's sockets
    EXPECT_EQ(fetch_by_hand(consumer, 2), no_leader);
    const auto answer = producer.receive<protocol::ProduceResponse>(12);
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->responses.at(0).partition_responses.at(0).error_code, no_leader);
  });
}

TEST(Replicas, AFollowerBehindTheLeadersLogStartBeginsAnew) {
  ReplicaCluster cluster;
  cluster.create("t");
  std::vector<std::string> acknowledged;
  cluster.talk([&](runtime::World& world) { (void)produce(cluster, world, "old ", 3); });
  cluster.node(2).crash();
  EXPECT_TRUE(cluster.run_until([&] { return cluster.in_sync("t", 2); }));
  cluster.talk([&](runtime::World& world) {
    (void)produce(cluster, world, "deleted ", 5);
    Caller caller{world, "b0"};
    protocol::DeleteRecordsRequest request;
    request.timeout_ms = 5000;
    auto& topic = request.topics.emplace_back();
    topic.name = "t";
    topic.partitions.push_back({.partition_index = 0, .offset = -1});
    const auto deleted = caller.ask<protocol::DeleteRecordsResponse>(request, 2);
    ASSERT_TRUE(deleted.has_value());
    EXPECT_EQ(deleted->topics.at(0).partitions.at(0).error_code, 0);
    EXPECT_EQ(deleted->topics.at(0).partitions.at(0).low_watermark, 8) << "the live follower has deleted, too";
    acknowledged = produce(cluster, world, "new ", 2);
  });
  cluster.node(2).restart();
  EXPECT_TRUE(cluster.run_until([&] { return cluster.in_sync("t", 3); }));
  cluster.run_for(1s);
  cluster.talk([&](runtime::World& world) {
    Caller caller{world, "b2"};
    const auto fetched = caller.ask<protocol::FetchResponse>(consumer_fetch("t", 8), 12);
    ASSERT_TRUE(fetched.has_value());
    EXPECT_EQ(fetched->responses.at(0).partitions.at(0).log_start_offset, 8);
    EXPECT_EQ(fetched->responses.at(0).partitions.at(0).high_watermark, 10);
  });
}

TEST(Replicas, WhoAsksTheWrongBrokerIsToldOfTheRightOne) {
  ReplicaCluster cluster;
  cluster.create("t");
  cluster.talk([&](runtime::World& world) {
    Caller caller{world, "b1"};
    const ByteBuffer batch = batch_of(1);
    const auto produced = caller.ask<protocol::ProduceResponse>(produce_of("t", batch, 1), 12);
    ASSERT_TRUE(produced.has_value());
    const auto& answer = produced->responses.at(0).partition_responses.at(0);
    EXPECT_EQ(answer.error_code, wire(ErrorCode::not_leader_or_follower));
    EXPECT_EQ(answer.current_leader.leader_id, 0);
    ASSERT_THAT(produced->node_endpoints, SizeIs(1));
    EXPECT_EQ(produced->node_endpoints[0].host, "b0");
    auto old = consumer_fetch("t", 0);
    const auto refused = caller.ask<protocol::FetchResponse>(old, 10);  // from before followers served consumers
    ASSERT_TRUE(refused.has_value());
    EXPECT_EQ(refused->responses.at(0).partitions.at(0).error_code, wire(ErrorCode::not_leader_or_follower));
    protocol::ListOffsetsRequest offsets;
    offsets.replica_id = -1;
    auto& topic = offsets.topics.emplace_back();
    topic.name = "t";
    topic.partitions.push_back({.partition_index = 0, .current_leader_epoch = -1, .timestamp = -1});
    const auto found = caller.ask<protocol::ListOffsetsResponse>(offsets, 7);
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->topics.at(0).partitions.at(0).error_code, wire(ErrorCode::not_leader_or_follower));
  });
}

TEST(Replicas, AConsumerIsSentToTheReplicaOfItsRack) {
  ReplicaCluster cluster{1, {{"replica.selector.class", "org.apache.kafka.common.replica.RackAwareReplicaSelector"}}};
  cluster.create("t");
  cluster.talk([&](runtime::World& world) {
    EXPECT_THAT(produce(cluster, world, "v", 3), SizeIs(3));
    const auto preferred = [&](const std::string& at, const std::string& rack) {
      Caller caller{world, at};
      auto request = consumer_fetch("t", 0);
      request.rack_id = rack;
      const auto fetched = caller.ask<protocol::FetchResponse>(request, 12);
      return fetched ? fetched->responses.at(0).partitions.at(0).preferred_read_replica : -2;
    };
    EXPECT_EQ(preferred("b0", "rack2"), 2);
    EXPECT_EQ(preferred("b0", "rack0"), -1) << "the leader is as near as any";
    EXPECT_EQ(preferred("b0", "rack9"), -1) << "nobody is there";
    EXPECT_EQ(preferred("b2", "rack2"), -1) << "it is there already";
  });
}

// KAFKA-9952, KIP-1166
TEST(Replicas, AFollowerHearsOfAHighWatermarkAtOnceOnlyWhereConsumersAreSentToIt) {
  const auto is_read_after = [](const ConfigValues& config, Duration pause) {
    ReplicaCluster cluster{1, config};
    cluster.create("t");
    cluster.run_for(2s);
    std::vector<std::string> read;
    cluster.talk([&](runtime::World& world) {
      EXPECT_THAT(produce(cluster, world, "v", 1), SizeIs(1));
      world.sleep_until(world.now() + pause);
      read = values_at(world, "b1", "t");
    });
    return read.size() == 1;
  };
  const ConfigValues selects{{"replica.selector.class", "org.apache.kafka.common.replica.RackAwareReplicaSelector"}};
  EXPECT_TRUE(is_read_after(selects, 20ms));
  EXPECT_FALSE(is_read_after({}, 20ms));
  EXPECT_TRUE(is_read_after({}, 520ms)) << "replica.fetch.wait.max.ms has passed";
}

TEST(Replicas, AReassignmentMovesThePartition) {
  ReplicaCluster cluster;
  cluster.create("t", {}, {0, 1});
  std::vector<std::string> acknowledged;
  cluster.talk([&](runtime::World& world) { acknowledged = produce(cluster, world, "v", 5); });
  reassign(cluster, {1, 2});
  EXPECT_TRUE(cluster.run_until([&] { return !cluster.partition("t").is_reassigning(); }));
  cluster.run_for(1s);
  cluster.talk([&](runtime::World& world) {
    for (const std::string& value : produce(cluster, world, "w", 2)) acknowledged.push_back(value);
    world.sleep_until(world.now() + 600ms);
    EXPECT_EQ(values_at(world, "b1", "t"), acknowledged);
    EXPECT_THAT(values_at(world, "b0", "t"), ElementsAre("error 6 from b0"));
  });
  cluster.talk([&](runtime::World& world) { EXPECT_EQ(values_at(world, "b2", "t"), acknowledged); });
}

class ThrottledReplication : public testing::TestWithParam<std::string> {};

TEST_P(ThrottledReplication, TakesItsTime) {
  ReplicaCluster cluster{1, {{"replica.fetch.max.bytes", "5000"}}};
  cluster.create("t", {}, {0, 1});
  const std::string large(1000, 'x');
  cluster.talk([&](runtime::World& world) { EXPECT_THAT(produce(cluster, world, large, 100), SizeIs(100)); });
  set(cluster, raft::ConfigResource::topic, "t", GetParam() + ".replication.throttled.replicas", "*");
  set(cluster, raft::ConfigResource::broker, "", GetParam() + ".replication.throttled.rate", "10000");
  cluster.run_for(100ms);
  reassign(cluster, {0, 1, 2});
  cluster.run_for(4s);
  EXPECT_TRUE(cluster.partition("t").is_reassigning()) << "100 kB at 10 kB/s";
  EXPECT_TRUE(cluster.run_until([&] { return !cluster.partition("t").is_reassigning(); }));
  cluster.run_for(1s);
  for (const auto& log : logs_of(cluster)) EXPECT_THAT(log, SizeIs(100));
}

INSTANTIATE_TEST_SUITE_P(Sides, ThrottledReplication, testing::Values("leader", "follower"));

TEST(Throttles, AreToldWithTheConfigurationOfABroker) {
  ReplicaCluster cluster;
  set(cluster, raft::ConfigResource::broker, "", "leader.replication.throttled.rate", "10000");
  set(cluster, raft::ConfigResource::broker, "1", "follower.replication.throttled.rate", "500");
  cluster.talk([&](runtime::World& world) {
    const auto told = [&](const std::string& of) {
      Caller caller{world, "b1"};
      protocol::DescribeConfigsRequest request;
      auto& resource = request.resources.emplace_back();
      resource.resource_type = static_cast<std::int8_t>(raft::ConfigResource::broker);
      resource.resource_name = of;
      const auto described = caller.ask<protocol::DescribeConfigsResponse>(request, 4);
      std::vector<std::string> rates;
      if (!described) return rates;
      for (const auto& entry : described->results.at(0).configs) {
        if (entry.name.contains("throttled")) {
          rates.push_back(entry.name + "=" + entry.value.value_or("") + " " + std::to_string(entry.config_source));
        }
      }
      return rates;
    };
    EXPECT_THAT(told(""), ElementsAre("leader.replication.throttled.rate=10000 3"));
    EXPECT_THAT(told("1"), testing::UnorderedElementsAre("follower.replication.throttled.rate=500 2",
                                                         "leader.replication.throttled.rate=10000 3"));
  });
}

TEST(Replicas, ABrokerThatIsStoppedLeavesNothingBehind) {
  ReplicaCluster cluster;
  cluster.create("t");
  cluster.talk([&](runtime::World& world) { (void)produce(cluster, world, "v", 3); });
  for (std::int32_t id = 0; id < broker_count; ++id) {
    cluster.node(id).request_stop();
    EXPECT_TRUE(cluster.run_until([&] { return cluster.node(id).state() == sim::NodeState::off; }));
    EXPECT_EQ(cluster.node(id).leaks().total(), 0U);
  }
}

// One thing goes wrong after another while a producer writes. Afterwards all replicas are the same, and have all that was
// acknowledged, once and in order.
class ReplicasUnderFaults : public testing::TestWithParam<std::uint64_t> {};

void hurt(ReplicaCluster& cluster, Random& random) {
  const auto victim = static_cast<std::int32_t>(random.below(broker_count));
  const auto other = (victim + 1) % broker_count;
  switch (random.below(5)) {
    case 0: cluster.node(victim).crash(); break;
    case 1: cluster.node(victim).power_cut(); break;
    case 2: cluster.cut_off(victim); break;
    case 3: cluster.simulation.network().partition(cluster.node(victim), cluster.node(other)); break;
    default: cluster.node(victim).pause(4s); break;
  }
  cluster.run_for(std::chrono::milliseconds{500 + static_cast<std::int64_t>(random.below(6000))});
  cluster.heal();
  if (cluster.node(victim).state() != sim::NodeState::running) cluster.node(victim).restart();
  EXPECT_TRUE(cluster.run_until([&] { return cluster.in_sync("t", broker_count); })) << raft::told(cluster.partition("t"));
  cluster.run_for(2s);
}

TEST_P(ReplicasUnderFaults, KeepWhatIsAcknowledged) {
  ReplicaCluster cluster{GetParam()};
  cluster.create("t", {{"min.insync.replicas", "2"}});
  std::vector<std::string> acknowledged;
  bool stop = false;
  bool ended = false;
  cluster.client->start("client", [&](runtime::World& world) {
    client::ProducerOptions options;
    options.linger = 0ms;
    options.request_timeout = 4s;
    client::Producer producer{world, cluster.bootstrap(), options};
    int next = 0;
    while (!stop) {
      const std::string value = "v" + std::to_string(next++);
      if (producer.send_and_wait(record_of(value))) {
        acknowledged.push_back(value);
      }
      runtime::sleep_for(world, 5ms);
    }
    ended = true;
  });
  Random random = cluster.simulation.fork_random("faults");
  for (int i = 0; i < 5; ++i) hurt(cluster, random);
  stop = true;
  EXPECT_TRUE(cluster.run_until([&] { return ended; }));
  cluster.run_for(3s);
  const auto logs = logs_of(cluster);
  EXPECT_THAT(acknowledged, SizeIs(testing::Gt(100U)));
  EXPECT_EQ(logs[0], logs[1]);
  EXPECT_EQ(logs[0], logs[2]);
  std::size_t at = 0;
  for (const std::string& value : logs[0]) at += at < acknowledged.size() && value == acknowledged[at] ? 1 : 0;
  EXPECT_EQ(at, acknowledged.size()) << "lost or out of order: " << acknowledged[std::min(at, acknowledged.size() - 1)];
  EXPECT_EQ(std::set<std::string>(logs[0].begin(), logs[0].end()).size(), logs[0].size()) << "twice";
}

INSTANTIATE_TEST_SUITE_P(Seeds, ReplicasUnderFaults, testing::Range<std::uint64_t>(1, 25));

}  // namespace
}  // namespace squall::broker
