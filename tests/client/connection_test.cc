#include "client/connection.h"

#include "client/admin.h"
#include "runtime/task.h"
#include "tests/client/fixture.h"

namespace squall::client {
namespace {

protocol::ProduceRequest an_empty_produce() {
  protocol::ProduceRequest request;
  request.acks = 1;
  return request;
}

using ConnectionTest = ClientTest;

TEST_F(ConnectionTest, AgreesOnVersionsWithABrokerThatKnowsOnlyTheFirst) {
  cluster.api_versions_max = 0;
  cluster.produce_max = 9;
  run([&](runtime::World& world) {
    const auto connection = Connection::open(world, cluster.nodes[0], {});
    ASSERT_TRUE(connection) << connection.error().to_string();
    EXPECT_EQ((*connection)->versions().choose<protocol::ProduceRequest>(), 9);
    EXPECT_EQ((*connection)->versions().choose<protocol::DescribeClusterRequest>(), std::nullopt);
    EXPECT_EQ(requests(18), 2) << "one that is refused, one in the version that was named";
    const auto refused = (*connection)->call(protocol::DescribeClusterRequest{});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().failure, Failure::unsupported);
  });
}

TEST_F(ConnectionTest, CarriesManyCallsAtOnceAndGivesEachItsAnswer) {
  run([&](runtime::World& world) {
    const auto connection = Connection::open(world, cluster.nodes[0], {});
    ASSERT_TRUE(connection);
    std::vector<runtime::Task<bool>> calls;
    for (int index = 0; index < 20; ++index) {
      cluster.add_topic("topic" + std::to_string(index), index + 1);
      calls.push_back(runtime::start_task(world, "call", [&, index] {
        protocol::MetadataRequest request;
        request.topics.emplace().emplace_back().name = "topic" + std::to_string(index);
        const auto answer = (*connection)->call(request);
        return answer && answer->topics.at(0).partitions.size() == static_cast<std::size_t>(index) + 1;
      }));
    }
    for (auto& call : calls) EXPECT_EQ(call.join(), true);
  });
}

TEST_F(ConnectionTest, GivesUpACallAtItsDeadlineAndStaysUsable) {
  cluster.produce_script = {{.kind = Step::hold, .pause = 5s}};
  run([&](runtime::World& world) {
    const auto connection = Connection::open(world, cluster.nodes[0], {});
    ASSERT_TRUE(connection);
    const auto late = (*connection)->call(an_empty_produce(), world.now() + 1s);
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().failure, Failure::timed_out);
    EXPECT_TRUE((*connection)->call(protocol::MetadataRequest{}));
  });
}

TEST_F(ConnectionTest, BreaksWhenARequestIsNotAnsweredInTime) {
  cluster.produce_script = {{.kind = Step::hold, .pause = 50s}};
  run([&](runtime::World& world) {
    const auto connection = Connection::open(world, cluster.nodes[0], {.request_timeout = 2s});
    ASSERT_TRUE(connection);
    const Instant before = world.now();
    const auto late = (*connection)->call(an_empty_produce());
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().failure, Failure::timed_out);
    EXPECT_LT(world.now() - before, 3s);
    EXPECT_TRUE((*connection)->broken());
  });
}

TEST_F(ConnectionTest, DropsTheAnswerOfACancelledCall) {
  cluster.produce_script = {{.kind = Step::hold, .pause = 100ms}};
  run([&](runtime::World& world) {
    const auto connection = Connection::open(world, cluster.nodes[0], {});
    ASSERT_TRUE(connection);
    {
      auto call = runtime::start_task(world, "call", [&] { (void)(*connection)->call(an_empty_produce()); });
      world.sleep_until(world.now() + 20ms);
    }
    EXPECT_TRUE((*connection)->call(protocol::MetadataRequest{})) << "the answers behind it still find their requests";
  });
}

TEST_F(ConnectionTest, FailsWhatIsPendingWhenItIsClosed) {
  cluster.produce_script = {{.kind = Step::hold, .pause = 10s}};
  run([&](runtime::World& world) {
    const auto connection = Connection::open(world, cluster.nodes[0], {});
    ASSERT_TRUE(connection);
    std::optional<Failure> failure;
    auto call = runtime::start_task(world, "call", [&] { failure = (*connection)->call(an_empty_produce()).error().failure; });
    world.sleep_until(world.now() + 20ms);
    (*connection)->close();
    (void)call.join();
    EXPECT_EQ(failure, Failure::closed);
  });
}

TEST_F(ConnectionTest, ToNobodyFails) {
  run([](runtime::World& world) {
    const auto connection = Connection::open(world, {.host = "client", .port = 1}, {}, world.now() + 5s);
    ASSERT_FALSE(connection);
    EXPECT_EQ(connection.error().failure, Failure::disconnected);
  });
}

using AdminTest = ClientTest;

TEST_F(AdminTest, FindsTheControllerAndTellsOfEachTopic) {
  cluster.controller = 1;
  run([&](runtime::World& world) {
    Admin admin{world, options()};
    const std::vector<NewTopic> topics{{.name = "new", .partitions = 3, .replication_factor = 1, .configs = {}},
                                       {.name = "orders", .partitions = 1, .replication_factor = 1, .configs = {}}};
    const auto outcomes = admin.create_topics(topics, world.now() + 30s);
    ASSERT_TRUE(outcomes) << outcomes.error().to_string();
    EXPECT_TRUE((*outcomes)[0].done());
    EXPECT_EQ((*outcomes)[1].code, protocol::ErrorCode::topic_already_exists);
    EXPECT_EQ(cluster.topics.at("new").partitions.size(), 3U);
  });
}

TEST_F(AdminTest, LooksForTheControllerAgainWhenItHasMoved) {
  run([&](runtime::World& world) {
    Admin admin{world, options()};
    ASSERT_TRUE(admin.cluster().refresh(world.now() + 30s));
    cluster.controller = 1;
    const std::vector<NewTopic> topics{{.name = "new", .partitions = 1, .replication_factor = 1, .configs = {}}};
    const auto outcomes = admin.create_topics(topics, world.now() + 30s);
    ASSERT_TRUE(outcomes) << outcomes.error().to_string();
    EXPECT_TRUE((*outcomes)[0].done());
  });
}

TEST_F(AdminTest, AsksTheControllerToMovePartitionsAndTheirLeaders) {
  cluster.controller = 1;
  cluster.partition("orders", 1).leader = NodeId{1};
  run([&](runtime::World& world) {
    Admin admin{world, options()};
    const Instant deadline = world.now() + 30s;
    const TopicPartition partition{"orders", PartitionIndex{1}};
    using Replicas = std::vector<NodeId>;
    const auto moved = admin.reassign(partition, Replicas{NodeId{1}, NodeId{0}}, deadline);
    ASSERT_TRUE(moved) << moved.error().to_string();
    EXPECT_TRUE(moved->done());
    EXPECT_EQ(cluster.reassigned.at({"orders", 1}), (std::vector<std::int32_t>{1, 0}));
    EXPECT_TRUE(admin.reassign(partition, std::nullopt, deadline)->done());
    EXPECT_EQ(cluster.reassigned.at({"orders", 1}), std::nullopt) << "the move is called off";
    const auto unknown = admin.reassign({"orders", PartitionIndex{7}}, Replicas{NodeId{0}}, deadline);
    EXPECT_EQ(unknown->code, protocol::ErrorCode::unknown_topic_or_partition);
    EXPECT_TRUE(admin.elect_preferred_leader(partition, deadline)->done());
    EXPECT_EQ(cluster.partition("orders", 1).leader, NodeId{0});
    EXPECT_EQ(admin.elect_preferred_leader(partition, deadline)->code, protocol::ErrorCode::election_not_needed);
  });
}

TEST_F(AdminTest, GivesUpWhenNobodyCanBeReached) {
  for (sim::Node* broker : brokers) broker->crash();
  run([&](runtime::World& world) {
    Admin admin{world, options()};
    const auto outcomes = admin.create_topics({}, world.now() + 3s);
    ASSERT_FALSE(outcomes);
    EXPECT_EQ(outcomes.error().failure, Failure::disconnected);
  });
}

}  // namespace
}  // namespace squall::client
