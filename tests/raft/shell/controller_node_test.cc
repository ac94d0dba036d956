// The controller and the loader over a real quorum, in the virtual world.
#include "raft/shell/controller_node.h"

#include <gmock/gmock.h>

#include "raft/metadata/record_version.h"
#include "tests/raft/shell/controller_cluster.h"

namespace squall::raft {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
struct ControllerNodeTest : ControllerCluster {
  // The epoch of a broker that registers is the offset of its registration.
  static void expect_epoch_is_offset(Running& node, std::int32_t id) {
    protocol::BrokerRegistrationRequest request;
    request.broker_id = id;
    request.cluster_id = test_cluster;
    request.incarnation_id = Uuid{2, static_cast<std::uint64_t>(id)};
    request.listeners.push_back({.name = "PLAINTEXT", .host = "broker", .port = 9092, .security_protocol = 0});
    for (const auto& [name, levels] : test_features()) {
      request.features.push_back({.name = name, .min_supported_version = levels.min, .max_supported_version = levels.max});
    }
    request.log_dirs = {Uuid{900, static_cast<std::uint64_t>(id)}};
    Offset end = no_offset;
    const auto answer = node.controller->submit(request, node.world->now() + 5s, &end);
    ASSERT_TRUE(answer.has_value());
    ASSERT_EQ(answer->error_code, 0);
    EXPECT_EQ(answer->broker_epoch, (end - 1).value());
  }
};

TEST_F(ControllerNodeTest, TheFirstLeaderWritesWhatTheClusterBeginsWith) {
  start(1);
  ASSERT_EQ(wait_for_active(), 0U);
  ASSERT_TRUE(run_until([&] { return image(0).feature(metadata_version_feature) == 29; }));
  const auto knows = [&] { return live[0]->controller->core().committed_image()->feature(metadata_version_feature) == 29; };
  EXPECT_TRUE(run_until(knows)) << "that it is committed";
  EXPECT_THAT(failures, IsEmpty());
}

TEST_F(ControllerNodeTest, AnOperationIsAnsweredWhenItIsCommittedAndThenPublished) {
  start(1);
  ASSERT_EQ(wait_for_active(), 0U);
  make_brokers(0, 1);
  run(0, [](Running& node) {
    EXPECT_EQ(create_topic(node, "orders"), ErrorCode::none);
    EXPECT_NE(node.controller->core().committed_image()->find("orders"), nullptr);
    protocol::AllocateProducerIdsRequest request;
    request.broker_id = 0;
    request.broker_epoch = node.controller->core().image()->brokers.get(NodeId{0})->epoch;
    Offset end = no_offset;
    const auto block = node.controller->submit(request, node.world->now() + 5s, &end);
    ASSERT_TRUE(block.has_value());
    EXPECT_EQ(block->error_code, 0);
    ASSERT_TRUE(node.loader->wait_until_published(end, node.world->now() + 5s));
    EXPECT_EQ(node.loader->image()->next_producer_id, block->producer_id_start + block->producer_id_len);
    EXPECT_NE(node.loader->image()->find("orders"), nullptr);
    EXPECT_EQ(node.loader->lag(), 0);
  });
  bool told = false;
  for (const MetadataDelta& delta : deltas[0]) told = told || delta.topics == std::vector<std::string>{"orders"};
  EXPECT_TRUE(told) << "the loader names the topics that changed";
}

TEST_F(ControllerNodeTest, WhatDoesNotFitTheLogIsRefusedBeforeAnythingIsProposed) {
  start(1, {.limits = {.records_max = 10'000, .bytes_max = 4'000}});
  ASSERT_EQ(wait_for_active(), 0U);
  make_brokers(0, 1);
  run(0, [](Running& node) {
    const Offset before = node.quorum->core().log().end();
    EXPECT_EQ(create_topic(node, "huge", 5s, 1'000), ErrorCode::policy_violation);
    EXPECT_EQ(node.quorum->core().log().end(), before);
    EXPECT_EQ(create_topic(node, "small"), ErrorCode::none);
    EXPECT_EQ(node.controller->core().image()->find("huge"), nullptr);
  });
}

TEST_F(ControllerNodeTest, TheVersionOfTheQuorumIsRaisedByTheQuorum) {
  start(1);
  ASSERT_EQ(wait_for_active(), 0U);
  run(0, [](Running& node) {
    ASSERT_EQ(node.quorum->core().kraft_version(), 0);
    protocol::UpdateFeaturesRequest request;
    auto& update = request.feature_updates.emplace_back();
    update.feature = kraft_version_feature;
    update.max_version_level = 1;
    const auto raised = node.controller->submit(request, node.world->now() + 5s);
    ASSERT_TRUE(raised.has_value());
    EXPECT_EQ(raised->error_code, 0) << raised->error_message.value_or("");
    EXPECT_EQ(node.quorum->core().kraft_version(), 1);
    EXPECT_EQ(node.quorum->core().high_watermark(), node.quorum->core().log().end()) << "answered when it was committed";
    const auto again = node.controller->submit(request, node.world->now() + 5s);
    ASSERT_TRUE(again.has_value());
    EXPECT_TRUE(node.controller->is_active());
  });
  EXPECT_THAT(failures, IsEmpty());
}

TEST_F(ControllerNodeTest, ABrokersEpochIsWhereItsRegistrationStandsAlsoRightAfterAFailover) {
  start(3);
  const std::size_t first = wait_for_active();
  ASSERT_LT(first, 3U);
  for (std::size_t index = 0; index < 3; ++index) {
    ASSERT_TRUE(run_until([&] { return image(index).feature(metadata_version_feature) == 29; }));
  }
  live[first] = nullptr;
  nodes[first]->crash();
  const std::size_t second = wait_for_active();
  ASSERT_LT(second, 3U);
  run(second, [](Running& node) { expect_epoch_is_offset(node, 8); });
  EXPECT_THAT(failures, IsEmpty());
}

TEST_F(ControllerNodeTest, ABrokersEpochIsWhereItsRegistrationStandsAlsoBehindTheQuorumsOwnRecords) {
  start(1);
  ASSERT_EQ(wait_for_active(), 0U);
  run(0, [](Running& node) {
    expect_epoch_is_offset(node, 7);
    protocol::UpdateFeaturesRequest request;
    auto& update = request.feature_updates.emplace_back();
    update.feature = kraft_version_feature;
    update.max_version_level = 1;
    ASSERT_TRUE(node.controller->submit(request, node.world->now() + 5s).has_value());
    ASSERT_EQ(node.quorum->core().kraft_version(), 1);
    expect_epoch_is_offset(node, 8);
  });
  EXPECT_THAT(failures, IsEmpty());
}

struct PausedControllerTest : ControllerCluster, testing::WithParamInterface<std::uint64_t> {
  PausedControllerTest() : ControllerCluster{GetParam()} {}
};
INSTANTIATE_TEST_SUITE_P(Seeds, PausedControllerTest, testing::Range<std::uint64_t>(1, 9));

// A single voter loses nothing by a pause but time: what was in its sockets meanwhile counts first.
TEST_P(PausedControllerTest, BrokersThatWereHeardDuringThePauseAreNotFencedByIt) {
  start(1);
  ASSERT_EQ(wait_for_active(), 0U);
  make_brokers(0, 3);
  const auto running = live[0];
  sim::Node& broker = simulation.add_node({.name = "broker"});
  broker.start("brokers", [&](runtime::World& world) {
    for (std::int32_t id = 0; id < 3; ++id) {
      world.spawn("heartbeats", [&world, id, running, host = nodes[0]->host()] {
        auto opened = client::Connection::open(world, {host, 9093}, {});
        ASSERT_TRUE(opened.has_value());
        while (true) {
          protocol::BrokerHeartbeatRequest heartbeat;
          heartbeat.broker_id = id;
          heartbeat.broker_epoch = running->controller->core().image()->brokers.get(NodeId{id})->epoch;
          heartbeat.current_metadata_offset = running->loader->image()->end_offset.value() - 1;
          (void)(*opened)->call(heartbeat, world.now() + 20s);
          world.sleep_until(world.now() + 2s);
        }
      });
    }
    world.sleep_until(end_of_time);
  });
  simulation.run_for(5s);
  std::size_t fenced = 0;
  on_image = [&](std::size_t, const std::shared_ptr<const MetadataImage>& image) {
    for (std::int32_t id = 0; id < 3; ++id) fenced += image->is_active(NodeId{id}) ? 0 : 1;
  };
  nodes[0]->pause(12s);
  simulation.run_for(20s);
  ASSERT_TRUE(live[0]->controller->is_active());
  EXPECT_EQ(fenced, 0U);
}

TEST_F(ControllerNodeTest, AllOfTheControllersFollowWhatOneOfThemDecides) {
  start(3);
  const std::size_t active = wait_for_active();
  ASSERT_LT(active, 3U);
  make_brokers(active, 3);
  run(active, [](Running& node) { EXPECT_EQ(create_topic(node, "orders", 5s, 4), ErrorCode::none); });
  for (std::size_t index = 0; index < 3; ++index) {
    ASSERT_TRUE(run_until([&] { return image(index).find("orders") != nullptr; })) << index;
    EXPECT_TRUE(run_until([&] { return live[index]->controller->core().committed_image()->find("orders") != nullptr; }));
    if (index == active) continue;
    run(index, [](Running& node) { EXPECT_EQ(create_topic(node, "other"), ErrorCode::not_controller); });
  }
  EXPECT_THAT(failures, IsEmpty());
}

TEST_F(ControllerNodeTest, TopicsSurviveTheCrashOfTheActiveController) {
  start(3);
  const std::size_t first = wait_for_active();
  ASSERT_LT(first, 3U);
  make_brokers(first, 3);
  run(first, [](Running& node) { EXPECT_EQ(create_topic(node, "before"), ErrorCode::none); });
  live[first] = nullptr;
  nodes[first]->crash();
  const Instant crashed = simulation.now();
  const std::size_t second = wait_for_active();
  ASSERT_LT(second, 3U);
  EXPECT_NE(second, first);
  EXPECT_LT(simulation.now() - crashed, 6s);
  run(second, [](Running& node) {
    EXPECT_NE(node.controller->core().image()->find("before"), nullptr);
    EXPECT_EQ(create_topic(node, "before"), ErrorCode::topic_already_exists);
    EXPECT_EQ(create_topic(node, "after"), ErrorCode::none);
  });
  nodes[first]->restart();
  ASSERT_TRUE(run_until([&] { return live[first] && image(first).find("after") != nullptr; }));
  EXPECT_NE(image(first).find("before"), nullptr);
  EXPECT_THAT(failures, IsEmpty());
}

TEST_F(ControllerNodeTest, WhatIsNotCommittedIsAnsweredWithNotControllerAndNeverHappened) {
  start(3);
  const std::size_t first = wait_for_active();
  ASSERT_LT(first, 3U);
  make_brokers(first, 3);
  for (std::size_t other = 0; other < 3; ++other) {
    if (other != first) simulation.network().partition(*nodes[first], *nodes[other]);
  }
  ErrorCode answered = ErrorCode::none;
  ErrorCode timed_out = ErrorCode::none;
  run(first, [&](Running& node) {
    timed_out = create_topic(node, "hasty", 200ms);
    answered = create_topic(node, "lost", 60s);
  });
  EXPECT_EQ(timed_out, ErrorCode::request_timed_out);
  EXPECT_EQ(answered, ErrorCode::not_controller);
  EXPECT_FALSE(live[first]->controller->is_active());
  EXPECT_EQ(live[first]->controller->core().image()->find("lost"), nullptr);
  const std::size_t second = wait_for_active();
  ASSERT_LT(second, 3U);
  run(second, [](Running& node) { EXPECT_EQ(create_topic(node, "kept"), ErrorCode::none); });
  simulation.network().heal_all();
  ASSERT_TRUE(run_until([&] { return image(first).find("kept") != nullptr; }));
  for (std::size_t index = 0; index < 3; ++index) {
    EXPECT_EQ(image(index).find("lost"), nullptr);
    EXPECT_EQ(image(index).find("hasty"), nullptr);
  }
  EXPECT_THAT(failures, IsEmpty());
}

TEST_F(ControllerNodeTest, ASnapshotAndTheLogBehindItGiveTheSameImageAgain) {
  start(1, {.snapshot_bytes = 2'000});
  ASSERT_EQ(wait_for_active(), 0U);
  make_brokers(0, 3);
  run(0, [](Running& node) {
    for (int number = 0; number < 40; ++number) {
      EXPECT_EQ(create_topic(node, "topic-" + std::to_string(number)), ErrorCode::none);
    }
    ASSERT_TRUE(node.loader->wait_until_published(node.controller->core().image()->end_offset, node.world->now() + 5s));
  });
  const auto before = live[0]->controller->core().committed_image();
  ASSERT_TRUE(live[0]->quorum->core().log().latest_snapshot().has_value());
  nodes[0]->request_stop();
  ASSERT_TRUE(run_until([&] { return nodes[0]->state() == sim::NodeState::off; }));
  deltas.clear();
  nodes[0]->restart();
  ASSERT_TRUE(run_until([&] { return live[0] && live[0]->controller->is_active() && live[0]->loader->lag() == 0; }));
  MetadataImage after = image(0);
  EXPECT_TRUE(deltas[0].front().all) << "the snapshot comes first";
  after.end_offset = before->end_offset;
  EXPECT_EQ(difference(after, *before), std::nullopt);
  MetadataImage own = *live[0]->controller->core().image();
  own.end_offset = before->end_offset;
  EXPECT_EQ(difference(own, *before), std::nullopt);
  EXPECT_EQ(wrong_with(after), std::nullopt);
  EXPECT_THAT(failures, IsEmpty());
}

TEST_F(ControllerNodeTest, AStandbyThatLagsBehindTheLogStartLoadsASnapshot) {
  start(3, {.snapshot_bytes = 4'000, .segment_bytes = 2'000, .retention = {.bytes = 1, .ms = -1}});
  const std::size_t active = wait_for_active();
  ASSERT_LT(active, 3U);
  make_brokers(active, 3);
  const std::size_t standby = (active + 1) % 3;
  live[standby] = nullptr;
  nodes[standby]->crash();
  run(active, [](Running& node) {
    for (int number = 0; number < 120; ++number) {
      EXPECT_EQ(create_topic(node, "topic-" + std::to_string(number)), ErrorCode::none);
    }
  });
  ASSERT_GT(live[active]->quorum->log().log_start(), Offset{50}) << "the log was cleaned";
  deltas.clear();
  nodes[standby]->restart();
  ASSERT_TRUE(run_until([&] { return live[standby] && image(standby).find("topic-119") != nullptr; }));
  bool loaded = false;
  for (const MetadataDelta& delta : deltas[standby]) loaded = loaded || delta.all;
  EXPECT_TRUE(loaded);
  ASSERT_TRUE(run_until([&] { return live[standby]->controller->core().image()->find("topic-119") != nullptr; }));
  EXPECT_EQ(wrong_with(image(standby)), std::nullopt);
  EXPECT_THAT(failures, IsEmpty());
}

TEST_F(ControllerNodeTest, AStopAnswersThoseWhoWaitAndLeaksNothing) {
  start(3);
  const std::size_t active = wait_for_active();
  ASSERT_LT(active, 3U);
  make_brokers(active, 1);
  for (std::size_t other = 0; other < 3; ++other) {
    if (other != active) simulation.network().partition(*nodes[active], *nodes[other]);
  }
  ErrorCode answered = ErrorCode::none;
  const auto running = live[active];
  nodes[active]->spawn("waits", [&answered, running] { answered = create_topic(*running, "orders", 60s); });
  simulation.run_for(100ms);
  nodes[active]->request_stop();
  ASSERT_TRUE(run_until([&] { return nodes[active]->state() == sim::NodeState::off; }));
  EXPECT_EQ(answered, ErrorCode::not_controller);
}

}  // namespace
}  // namespace squall::raft
