// What clients ask of brokers, and the controller decides (KIP-590).
#include "protocol/messages/create_topics.h"
#include "protocol/messages/delete_topics.h"
#include "protocol/messages/describe_quorum.h"
#include "tests/broker/replica_fixture.h"

namespace squall::broker {
namespace {

protocol::CreateTopicsRequest create(const std::string& name, std::int32_t timeout_ms) {
  protocol::CreateTopicsRequest request;
  request.timeout_ms = timeout_ms;
  auto& topic = request.topics.emplace_back();
  topic.name = name;
  topic.num_partitions = 1;
  topic.replication_factor = 3;
  return request;
}

ErrorCode created(Caller& caller, const std::string& name, std::int16_t version = 7) {
  const auto answer = caller.ask<protocol::CreateTopicsResponse>(create(name, 5000), version);
  EXPECT_TRUE(answer.has_value());
  return answer ? static_cast<ErrorCode>(answer->topics.at(0).error_code) : ErrorCode::unknown_server_error;
}

TEST(Forwarding, AnyBrokerTakesWhatTheControllerDecidesInEveryVersion) {
  ReplicaCluster cluster;
  cluster.talk([&](runtime::World& world) {
    for (std::int16_t version = 2; version <= 7; ++version) {
      const std::string name = "t" + std::to_string(version);
      Caller caller{world, ReplicaCluster::host(version % broker_count)};
      EXPECT_EQ(created(caller, name, version), ErrorCode::none) << version;
      EXPECT_EQ(created(caller, name, version), ErrorCode::topic_already_exists) << version;
    }
  });
  for (int version = 2; version <= 7; ++version) {
    EXPECT_TRUE(cluster.run_until([&] { return cluster.in_sync("t" + std::to_string(version), 3); }));
  }
}

TEST(Forwarding, ARequestWaitsForTheControllerToComeBack) {
  ReplicaCluster cluster;
  cluster.controller().crash();
  cluster.talk([&](runtime::World& world) {
    cluster.simulation.after(5s, [&] { cluster.controller().restart(); });
    Caller caller{world, "b0"};
    EXPECT_EQ(created(caller, "t"), ErrorCode::none);
    EXPECT_LT(world.now(), Instant{} + 20s);
  });
}

TEST(Forwarding, ARequestWithoutAControllerTimesOutAndIsToldSo) {
  ReplicaCluster cluster;
  cluster.controller().crash();
  cluster.talk([&](runtime::World& world) {
    Caller caller{world, "b0"};
    const Instant asked = world.now();
    EXPECT_EQ(created(caller, "t"), ErrorCode::request_timed_out);
    EXPECT_GE(world.now() - asked, 29s);
    EXPECT_LE(world.now() - asked, 31s);
  });
}

// The request takes effect, and its answer is lost.
TEST(Forwarding, ARequestWhoseAnswerIsLostIsAskedAgain) {
  ReplicaCluster cluster;
  cluster.talk([&](runtime::World& world) {
    cluster.simulation.after(1ms, [&] { cluster.simulation.network().partition(cluster.node(0), cluster.controller()); });
    cluster.simulation.after(3s, [&] { cluster.heal(); });
    Caller caller{world, "b0"};
    const ErrorCode code = created(caller, "t");
    EXPECT_TRUE(code == ErrorCode::none || code == ErrorCode::topic_already_exists) << protocol::to_string(code);
  });
  EXPECT_NE(cluster.image()->find("t"), nullptr);
}

TEST(Forwarding, AnotherConnectionIsNotHeldUp) {
  ReplicaCluster cluster;
  cluster.create("t");
  cluster.controller().crash();
  cluster.talk([&](runtime::World& world) {
    Caller waiting{world, "b0"};
    waiting.send(waiting.frame(create("u", 5000), 7));
    Caller caller{world, "b0"};
    const ByteBuffer batch = batch_of(1);
    const auto produced = caller.ask<protocol::ProduceResponse>(produce_of("t", batch, -1), 12);
    ASSERT_TRUE(produced.has_value());
    EXPECT_EQ(produced->responses.at(0).partition_responses.at(0).error_code, 0);
  });
}

}  // namespace
}  // namespace squall::broker
