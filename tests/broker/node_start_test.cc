// A node that starts, or cannot; and what it says of its quorum.
#include <optional>

#include "broker/format.h"
#include "protocol/messages/describe_quorum.h"
#include "runtime/deadline.h"
#include "runtime/task.h"
#include "tests/broker/fixture.h"

namespace squall::broker {
namespace {

struct NodeStartTest : BrokerTest {
  // A broker whose voter is nowhere, formatted.
  static BrokerConfig lonely(runtime::World& world, ConfigValues more = {}) {
    ConfigValues values{{"process.roles", "broker"},
                        {"node.id", "1"},
                        {"listeners", "PLAINTEXT://broker:9092"},
                        {"log.dirs", "/data"},
                        {"controller.listener.names", "CONTROLLER"},
                        {"controller.quorum.voters", "101@client:9093"}};
    values.merge(more);
    auto parsed = broker_config_from(values);
    EXPECT_TRUE(parsed.has_value()) << parsed.error();
    const FormatOptions format{.cluster_id = new_cluster_id(world), .ignore_formatted = false};
    EXPECT_TRUE(format_node(world, parsed->config, format).has_value());
    return std::move(parsed->config);
  }
};

TEST_F(NodeStartTest, AStopEndsAStartThatWaitsForItsQuorum) {
  std::optional<StartError> why;
  broker_node->start("broker", [&](runtime::World& world) {
    Broker broker{world, lonely(world)};
    auto starter = runtime::start_task(world, "start", [&] { return broker.start(); });
    runtime::sleep_for(world, 3s);
    EXPECT_FALSE(starter.done());
    const Instant asked = world.now();
    broker.stop();
    EXPECT_LT(world.now() - asked, 1s);
    const auto started = starter.join();
    if (started && !*started) why = started->error();
  });
  simulation.run_for(20s);
  EXPECT_EQ(broker_node->state(), sim::NodeState::off);
  ASSERT_TRUE(why.has_value());
  EXPECT_EQ(why->code, ExitCode::not_admitted);
}

TEST_F(NodeStartTest, ABrokerThatFindsNoControllerInTimeGivesUpAndCanBeStopped) {
  std::optional<StartError> why;
  broker_node->start("broker", [&](runtime::World& world) {
    Broker broker{world, lonely(world, {{"initial.broker.registration.timeout.ms", "4000"}})};
    const auto started = broker.start();
    if (!started) why = started.error();
    broker.stop();
  });
  simulation.run_for(20s);
  EXPECT_EQ(broker_node->state(), sim::NodeState::off);
  ASSERT_TRUE(why.has_value());
  EXPECT_EQ(why->code, ExitCode::not_admitted);
  EXPECT_NE(why->message.find("no active controller was found"), std::string::npos) << why->message;
}

TEST_F(NodeStartTest, TheQuorumIsDescribedInEveryVersion) {
  start();
  talk([](Caller& caller) {
    protocol::DescribeQuorumRequest request;
    auto& topic = request.topics.emplace_back();
    topic.topic_name = "__cluster_metadata";
    topic.partitions.emplace_back().partition_index = 0;
    for (std::int16_t version = 0; version <= 2; ++version) {
      const auto answer = caller.ask<protocol::DescribeQuorumResponse>(request, version);
      ASSERT_TRUE(answer.has_value()) << "version " << version;
      const auto& partition = answer->topics.at(0).partitions.at(0);
      EXPECT_EQ(partition.error_code, 0);
      ASSERT_EQ(partition.current_voters.size(), 1U);
      EXPECT_EQ(partition.current_voters[0].replica_directory_id == Uuid{}, version < 2) << "version " << version;
      EXPECT_EQ(answer->nodes.empty(), version < 2) << "version " << version;
    }
  });
}

}  // namespace
}  // namespace squall::broker
