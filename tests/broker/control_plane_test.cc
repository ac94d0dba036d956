// A broker and the controllers of its cluster: what waits for what, and what comes when the cluster's features rise.
#include "broker/control_plane.h"

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "broker/broker.h"
#include "broker/format.h"
#include "client/connection.h"
#include "log/files.h"
#include "log/meta_properties.h"
#include "raft/controller/decision.h"
#include "raft/metadata/record_version.h"
#include "raft/shell/format.h"
#include "runtime/deadline.h"
#include "runtime/wait_queue.h"
#include "sim/simulation.h"

namespace squall::broker {
namespace {

using namespace std::chrono_literals;
using protocol::ErrorCode;

const std::string cluster = Uuid{1, 2}.to_string();

// Node 1, "a", is a broker and a controller; node 2, "b", if it is started, a controller. The metadata is on a disk of its own.
struct ControlPlaneTest : testing::Test {
  ControlPlaneTest() {
    for (const char* name : {"a", "b"}) {
      sim::NodeOptions options;
      options.name = name;
      options.disks.push_back({.mount = "/logs", .capacity_bytes = 0});
      nodes.push_back(&simulation.add_node(std::move(options)));
    }
    client = &simulation.add_node({.name = "client"});
  }

  [[nodiscard]] static ConfigValues values_of(std::size_t index, const std::string& voters) {
    ConfigValues values{{"node.id", std::to_string(index + 1)},
                        {"controller.listener.names", "CONTROLLER"},
                        {"controller.quorum.voters", voters},
                        {"metadata.log.dir", "/meta"},
                        {"log.dirs", "/logs/data"}};
    values["process.roles"] = index == 0 ? "broker,controller" : "controller";
    values["listeners"] = index == 0 ? "PLAINTEXT://a:9092,CONTROLLER://a:9093" : "CONTROLLER://b:9093";
    return values;
  }

  // `prepare` runs in the node's process before its broker starts.
  void start(std::size_t index, const ConfigValues& values, const std::function<void(runtime::World&)>& prepare = {}) {
    nodes[index]->start("node", [this, index, values, prepare](runtime::World& world) {
      auto parsed = broker_config_from(values);
      ASSERT_TRUE(parsed.has_value()) << parsed.error();
      if (prepare) prepare(world);
      const FormatOptions options{.cluster_id = cluster, .ignore_formatted = true};
      const bool formatted = prepare != nullptr || format_node(world, parsed->config, options).has_value();
      ASSERT_TRUE(formatted);
      Broker broker{world, std::move(parsed->config)};
      const auto started = broker.start();
      ASSERT_TRUE(started.has_value()) << started.error().message;
      brokers[index] = &broker;
      bool stop = false;
      runtime::WaitQueue stopped{world};
      nodes[index]->set_stop_handler([&] {
        stop = true;
        stopped.wake_all();
      });
      while (!stop) (void)stopped.wait();
      brokers[index] = nullptr;
      broker.stop();
    });
  }
  void start_alone(const std::function<void(runtime::World&)>& prepare = {}) {
    start(0, values_of(0, "1@a:9093"), prepare);
    ASSERT_TRUE(run_until([&] { return brokers[0] != nullptr; }));
  }
  // Both controllers, of which one is lost then: nobody can lead.
  void start_and_lose_the_quorum() {
    for (std::size_t index = 0; index < 2; ++index) start(index, values_of(index, "1@a:9093,2@b:9093"));
    ASSERT_TRUE(run_until([&] { return brokers[0] != nullptr; }));
    nodes[1]->crash();
    simulation.run_for(10s);
  }

  bool run_until(const std::function<bool()>& holds, Duration limit = 60s) {
    (void)simulation.run_while([&] { return !holds(); }, simulation.now() + limit);
    return holds();
  }
  // On the client's machine, to its end.
  void talk(const std::function<void(runtime::World&)>& talk) {
    bool ended = false;
    client->start("client", [&](runtime::World& world) {
      talk(world);
      ended = true;
    });
    EXPECT_TRUE(run_until([&] { return ended; }, 120s)) << "the conversation hangs";
  }
  template <class Request>
  static std::optional<typename client::Api<Request>::Response> ask(runtime::World& world, std::uint16_t port,
                                                                    const Request& request) {
    client::ConnectionOptions options;
    options.request_timeout = 60s;
    const auto connection = client::Connection::open(world, {"a", port}, options);
    if (!connection) return std::nullopt;
    auto answer = (*connection)->call(request, runtime::deadline_in(world, 60s));
    if (!answer) return std::nullopt;
    return std::move(*answer);
  }
  static protocol::CreateTopicsRequest topic_of(const std::string& name, Duration patience) {
    protocol::CreateTopicsRequest request;
    auto& topic = request.topics.emplace_back();
    topic.name = name;
    topic.num_partitions = 1;
    topic.replication_factor = 1;
    request.timeout_ms = static_cast<std::int32_t>(to_ms(patience));
    return request;
  }

  sim::Simulation simulation{{}};
  std::vector<sim::Node*> nodes;
  sim::Node* client = nullptr;
  Broker* brokers[2] = {nullptr, nullptr};  // that serve
};

TEST_F(ControlPlaneTest, HeartbeatsAreAnsweredThoughTheControllersOwnBrokerHangsOnItsDisk) {
  start_alone();
  talk([&](runtime::World& world) {
    protocol::BrokerRegistrationRequest registration;
    registration.broker_id = 5;
    registration.cluster_id = cluster;
    registration.incarnation_id = Uuid{7, 7};
    registration.listeners.push_back({.name = "PLAINTEXT", .host = "other", .port = 9092, .security_protocol = 0});
    for (const auto& [name, levels] : raft::supported_features()) {
      registration.features.push_back({.name = name, .min_supported_version = levels.min, .max_supported_version = levels.max});
    }
    registration.log_dirs = {Uuid{700, 1}};
    const auto registered = ask(world, 9093, registration);
    ASSERT_TRUE(registered.has_value());
    ASSERT_EQ(registered->error_code, 0);
    (void)nodes[0]->disks().front()->stall(20s);
    world.spawn("creates", [&world] { (void)ask(world, 9092, topic_of("orders", 30s)); });
    runtime::sleep_for(world, 500ms);
    const Instant begin = world.now();
    protocol::BrokerHeartbeatRequest heartbeat;
    heartbeat.broker_id = 5;
    heartbeat.broker_epoch = registered->broker_epoch;
    heartbeat.current_metadata_offset = registered->broker_epoch;
    heartbeat.want_fence = true;
    const auto heard = ask(world, 9093, heartbeat);
    ASSERT_TRUE(heard.has_value());
    EXPECT_EQ(heard->error_code, 0);
    EXPECT_LT(world.now() - begin, 2s);
  });
}

TEST_F(ControlPlaneTest, AStopWaitsForNoControllerThatItsClientsWaitFor) {
  start_and_lose_the_quorum();
  client->start("client", [](runtime::World& world) { (void)ask(world, 9092, topic_of("orders", 600s)); });
  simulation.run_for(1s);
  const Instant begin = simulation.now();
  nodes[0]->request_stop();
  ASSERT_TRUE(run_until([&] { return nodes[0]->state() == sim::NodeState::off; }, 120s));
  EXPECT_LT(simulation.now() - begin, 22s);
}

TEST_F(ControlPlaneTest, WithoutAControllerProducersWaitForOneAnswerAndNotForEachOther) {
  start_and_lose_the_quorum();
  talk([&](runtime::World& world) {
    const Instant begin = world.now();
    int answered = 0;
    for (int producer = 0; producer < 4; ++producer) {
      world.spawn("producer", [&] {
        protocol::InitProducerIdRequest request;
        request.transactional_id = std::nullopt;
        request.transaction_timeout_ms = 1000;
        const auto answer = ask(world, 9092, request);
        ASSERT_TRUE(answer.has_value());
        EXPECT_EQ(answer->error_code, protocol::to_wire(ErrorCode::coordinator_load_in_progress));
        ++answered;
      });
    }
    while (answered < 4) runtime::sleep_for(world, 100ms);
    EXPECT_LT(world.now() - begin, 7s);
  });
}

TEST_F(ControlPlaneTest, WhatOnlyAControllerKnowsIsRefusedInTimeIfThereIsNone) {
  start_and_lose_the_quorum();
  talk([&](runtime::World& world) {
    protocol::DescribeQuorumRequest request;
    auto& topic = request.topics.emplace_back();
    topic.topic_name = "__cluster_metadata";
    topic.partitions.emplace_back();
    const auto answer = ask(world, 9092, request);
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->error_code, protocol::to_wire(ErrorCode::request_timed_out));
  });
}

// A cluster of Kafka 3.5: its controllers are not registered, and its brokers tell of no directories.
TEST_F(ControlPlaneTest, WhenTheMetadataVersionRisesControllersAndDirectoriesAreRegistered) {
  start_alone([](runtime::World& world) {
    protocol::FeatureLevelRecord level;
    level.name = raft::metadata_version_feature;
    level.feature_level = 11;
    create_dirs(world, "/meta");
    create_dirs(world, "/logs/data");
    ASSERT_TRUE(raft::format_metadata_dir(
        world, {.metadata_log_dir = "/meta", .bootstrap = {level}, .initial_voters = std::nullopt, .now_ms = 1}));
    for (const char* dir : {"/meta", "/logs/data"}) {
      const log::MetaProperties properties{
          .cluster_id = cluster, .node_id = NodeId{1}, .directory_id = Uuid{800, std::string{dir}.size()}};
      const std::string path = std::string{dir} + "/" + std::string{log::meta_properties_name};
      ASSERT_TRUE(log::write_file_atomically(world, path, as_bytes(log::to_text(properties))));
    }
  });
  const auto image = [&] { return brokers[0]->image(); };
  simulation.run_for(5s);
  ASSERT_EQ(image()->feature(raft::metadata_version_feature), 11);
  ASSERT_EQ(image()->controllers.get(NodeId{1}), nullptr);
  ASSERT_TRUE(image()->brokers.get(NodeId{1})->log_dirs.empty());
  const std::int64_t epoch = image()->brokers.get(NodeId{1})->epoch;
  talk([&](runtime::World& world) {
    protocol::UpdateFeaturesRequest request;
    request.timeout_ms = 5000;
    auto& update = request.feature_updates.emplace_back();
    update.feature = raft::metadata_version_feature;
    update.max_version_level = raft::metadata_version_max;
    const auto raised = ask(world, 9092, request);
    ASSERT_TRUE(raised.has_value());
    ASSERT_EQ(raised->error_code, 0) << raised->error_message.value_or("");
  });
  EXPECT_TRUE(run_until([&] { return image()->controllers.get(NodeId{1}) != nullptr; }, 5s));
  EXPECT_TRUE(run_until([&] { return !image()->brokers.get(NodeId{1})->log_dirs.empty(); }, 5s));
  EXPECT_EQ(image()->brokers.get(NodeId{1})->epoch, epoch) << "it is the same life";
  EXPECT_FALSE(image()->brokers.get(NodeId{1})->fenced);
}

}  // namespace
}  // namespace squall::broker
