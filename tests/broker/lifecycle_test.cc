// A broker's life against a scripted controller, in the virtual world.
#include "broker/lifecycle.h"

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "raft/metadata/image_builder.h"
#include "raft/metadata/record_version.h"
#include "runtime/condition.h"
#include "sim/simulation.h"

namespace squall::broker {
namespace {

using namespace std::chrono_literals;
using protocol::ErrorCode;

constexpr NodeId self{4};
constexpr Uuid incarnation{1, 77};

// Answers as a controller does, and publishes metadata when the test says so.
struct FakeController {
  explicit FakeController(runtime::World& the_world) : world{the_world}, published{the_world} {}

  runtime::World& world;
  runtime::Condition published;
  std::vector<protocol::BrokerRegistrationRequest> registrations;
  std::vector<protocol::BrokerHeartbeatRequest> heartbeats;
  std::deque<ErrorCode> registration_errors;  // of the answers to come
  std::deque<ErrorCode> heartbeat_failures;   // no answer at all
  bool refuses_all = false;
  std::shared_ptr<const raft::MetadataImage> image = std::make_shared<const raft::MetadataImage>();
  std::int64_t epoch = -1;
  std::int64_t next_epoch = 5;
  bool fenced = true;
  bool leads = false;

  ControllerResult<protocol::BrokerRegistrationResponse> take(const protocol::BrokerRegistrationRequest& request) {
    registrations.push_back(request);
    protocol::BrokerRegistrationResponse answer;
    if (refuses_all) answer.error_code = protocol::to_wire(ErrorCode::duplicate_broker_registration);
    if (!registration_errors.empty()) {
      answer.error_code = protocol::to_wire(registration_errors.front());
      registration_errors.pop_front();
    }
    if (answer.error_code != 0) return answer;
    if (epoch < 0) epoch = next_epoch;
    answer.broker_epoch = epoch;
    return answer;
  }
  ControllerResult<protocol::BrokerHeartbeatResponse> take(const protocol::BrokerHeartbeatRequest& request) {
    heartbeats.push_back(request);
    if (!heartbeat_failures.empty()) {
      const ErrorCode failure = heartbeat_failures.front();
      heartbeat_failures.pop_front();
      return std::unexpected(failure);
    }
    protocol::BrokerHeartbeatResponse answer;
    if (request.broker_epoch != epoch) {
      answer.error_code = protocol::to_wire(ErrorCode::stale_broker_epoch);
      return answer;
    }
    answer.is_caught_up = request.current_metadata_offset >= epoch;
    if (request.want_fence) fenced = true;
    if (!request.want_fence && !request.want_shut_down && answer.is_caught_up) fenced = false;
    answer.should_shut_down = request.want_shut_down && !leads;
    answer.is_fenced = fenced;
    return answer;
  }
  void forget_broker() {
    next_epoch = image->end_offset.value() + 3;
    epoch = -1;
    fenced = true;
  }
  // The image now ends at `end`; with the broker's registration in it if that lies below.
  void publish(std::int64_t end) {
    raft::ImageBuilder builder{*image};
    if (epoch >= 0 && epoch < end) {
      protocol::RegisterBrokerRecord record;
      record.broker_id = self.value();
      record.broker_epoch = epoch;
      record.incarnation_id = incarnation;
      EXPECT_TRUE(builder.replay(record, Offset{epoch}));
    }
    image = builder.finish(Offset{end});
    published.notify_all();
  }
  LifecycleSurroundings surroundings() {
    return {.register_broker = [this](const protocol::BrokerRegistrationRequest& request, Instant) { return take(request); },
            .heartbeat = [this](const protocol::BrokerHeartbeatRequest& request, Instant) { return take(request); },
            .image = [this] { return image; },
            .wait_until_published =
                [this](Offset offset, Instant deadline) {
                  return published.wait_until(deadline, [&] { return image->end_offset >= offset; });
                }};
  }
};

struct BrokerLifecycleTest : testing::Test {
  // One process: a lifecycle and the controller that it speaks to.
  void run(const std::function<void(runtime::World&, FakeController&, BrokerLifecycle&)>& body) {
    bool ended = false;
    node.start("broker", [&](runtime::World& world) {
      FakeController controller{world};
      LifecycleOptions options;
      options.node_id = self;
      options.cluster_id = "cluster";
      options.incarnation = incarnation;
      options.listeners = {{.listener = "PLAINTEXT", .host = "broker", .port = 9092}};
      options.log_dirs = {Uuid{400, 1}};
      options.previous_epoch = 3;
      options.on_failure = [this](std::string reason) { failures.push_back(std::move(reason)); };
      {
        BrokerLifecycle lifecycle{world, controller.surroundings(), options};
        body(world, controller, lifecycle);
        lifecycle.stop();
        EXPECT_EQ(lifecycle.state(), LifecycleState::not_running);
      }
      ended = true;
    });
    simulation.run_while([&] { return !ended; }, simulation.now() + 600s);
    EXPECT_TRUE(ended) << "the lifecycle hangs";
  }

  sim::Simulation simulation{sim::SimulationOptions{.seed = 5}};
  sim::Node& node = simulation.add_node({.name = "broker"});
  std::vector<std::string> failures;
};

TEST_F(BrokerLifecycleTest, ABrokerIsUnfencedOnceItsMetadataHoldsItsOwnRegistration) {
  run([](runtime::World& world, FakeController& controller, BrokerLifecycle& lifecycle) {
    controller.publish(5);
    lifecycle.start();
    lifecycle.set_ready();
    ASSERT_TRUE(lifecycle.wait_until_registered(world.now() + 1s));
    EXPECT_EQ(lifecycle.broker_epoch(), 5);
    EXPECT_EQ(controller.registrations.at(0).previous_broker_epoch, 3);
    EXPECT_EQ(controller.registrations.at(0).listeners.at(0).host, "broker");
    EXPECT_FALSE(lifecycle.wait_until_unfenced(world.now() + 3s));
    EXPECT_EQ(lifecycle.state(), LifecycleState::recovery);
    for (const auto& heartbeat : controller.heartbeats) EXPECT_TRUE(heartbeat.want_fence);
    const Instant published = world.now();
    controller.publish(6);
    ASSERT_TRUE(lifecycle.wait_until_caught_up(world.now() + 1s));
    ASSERT_TRUE(lifecycle.wait_until_unfenced(world.now() + 1s));
    EXPECT_LT(world.now() - published, 100ms) << "the news is told at once, not with the next heartbeat";
    EXPECT_EQ(lifecycle.state(), LifecycleState::running);
    EXPECT_EQ(controller.heartbeats.back().current_metadata_offset, 5);
  });
}

// metadata.version 17 brings directories (KIP-858): who registered before is to name them, and keeps its epoch.
TEST_F(BrokerLifecycleTest, ARegistrationThatDoesNotNameTheDirectoriesIsMadeAgainOnceItCan) {
  run([](runtime::World& world, FakeController& controller, BrokerLifecycle& lifecycle) {
    lifecycle.start();
    lifecycle.set_ready();
    ASSERT_TRUE(lifecycle.wait_until_registered(world.now() + 1s));
    controller.publish(6);
    ASSERT_TRUE(lifecycle.wait_until_unfenced(world.now() + 1s));
    lifecycle.metadata_changed(*controller.image);
    world.sleep_until(world.now() + 1s);
    EXPECT_EQ(controller.registrations.size(), 1U) << "nothing to tell yet";
    raft::ImageBuilder builder{*controller.image};
    protocol::FeatureLevelRecord level;
    level.name = raft::metadata_version_feature;
    level.feature_level = 17;
    ASSERT_TRUE(builder.replay(level, Offset{6}));
    controller.image = builder.finish(Offset{7});
    controller.registration_errors = {ErrorCode::not_controller};
    lifecycle.metadata_changed(*controller.image);
    world.sleep_until(world.now() + 5s);
    ASSERT_EQ(controller.registrations.size(), 3U) << "again after the failure, and not once it is done";
    EXPECT_EQ(controller.registrations.back().log_dirs, controller.registrations.front().log_dirs);
    EXPECT_EQ(lifecycle.broker_epoch(), 5);
    EXPECT_FALSE(lifecycle.is_fenced());
  });
}

TEST_F(BrokerLifecycleTest, ABrokerThatIsNotReadyStaysFenced) {
  run([](runtime::World& world, FakeController& controller, BrokerLifecycle& lifecycle) {
    lifecycle.start();
    ASSERT_TRUE(lifecycle.wait_until_registered(world.now() + 1s));
    controller.publish(6);
    ASSERT_TRUE(lifecycle.wait_until_caught_up(world.now() + 1s));
    EXPECT_FALSE(lifecycle.wait_until_unfenced(world.now() + 5s));
    lifecycle.set_ready();
    EXPECT_TRUE(lifecycle.wait_until_unfenced(world.now() + 100ms));
  });
}

TEST_F(BrokerLifecycleTest, HeartbeatsComeAsOftenAsTheyAreConfigured) {
  run([](runtime::World& world, FakeController& controller, BrokerLifecycle& lifecycle) {
    lifecycle.start();
    lifecycle.set_ready();
    ASSERT_TRUE(lifecycle.wait_until_registered(world.now() + 1s));
    controller.publish(6);
    ASSERT_TRUE(lifecycle.wait_until_unfenced(world.now() + 1s));
    const std::size_t before = controller.heartbeats.size();
    world.sleep_until(world.now() + 20s);
    EXPECT_EQ(controller.heartbeats.size() - before, 10U);
  });
}

TEST_F(BrokerLifecycleTest, ARegistrationThatIsRefusedIsTriedAgainAsTheSameIncarnation) {
  run([](runtime::World& world, FakeController& controller, BrokerLifecycle& lifecycle) {
    controller.registration_errors.assign(6, ErrorCode::duplicate_broker_registration);
    lifecycle.start();
    EXPECT_TRUE(lifecycle.wait_until_registered(world.now() + 10s));
    EXPECT_EQ(controller.registrations.size(), 7U);
    for (const auto& request : controller.registrations) EXPECT_EQ(request.incarnation_id, incarnation);
  });
}

TEST_F(BrokerLifecycleTest, ABrokerThatCannotRegisterInTimeSaysWhy) {
  run([this](runtime::World& world, FakeController& controller, BrokerLifecycle& lifecycle) {
    controller.refuses_all = true;
    lifecycle.start();
    const Instant begin = world.now();
    EXPECT_FALSE(lifecycle.wait_until_registered(end_of_time));
    EXPECT_GE(world.now() - begin, 60s);
    EXPECT_LT(world.now() - begin, 62s);
    ASSERT_EQ(failures.size(), 1U);
    EXPECT_NE(failures[0].find("within 60000 ms"), std::string::npos) << failures[0];
    EXPECT_NE(failures[0].find("DUPLICATE_BROKER_REGISTRATION"), std::string::npos) << failures[0];
  });
}

TEST_F(BrokerLifecycleTest, ABrokerThatTheControllerForgotRegistersAgainAsTheSameIncarnation) {
  run([](runtime::World& world, FakeController& controller, BrokerLifecycle& lifecycle) {
    lifecycle.start();
    lifecycle.set_ready();
    ASSERT_TRUE(lifecycle.wait_until_registered(world.now() + 1s));
    controller.publish(6);
    ASSERT_TRUE(lifecycle.wait_until_unfenced(world.now() + 1s));
    controller.forget_broker();
    world.sleep_until(world.now() + 3s);
    ASSERT_EQ(controller.registrations.size(), 2U);
    EXPECT_EQ(controller.registrations[1].incarnation_id, incarnation);
    EXPECT_EQ(lifecycle.broker_epoch(), 9);
    EXPECT_TRUE(lifecycle.is_fenced()) << "its metadata holds the old registration";
    EXPECT_TRUE(controller.heartbeats.back().want_fence);
    controller.publish(10);
    EXPECT_TRUE(lifecycle.wait_until_unfenced(world.now() + 1s));
  });
}

TEST_F(BrokerLifecycleTest, AControllerThatFailsOverCostsNothingButTime) {
  run([](runtime::World& world, FakeController& controller, BrokerLifecycle& lifecycle) {
    lifecycle.start();
    lifecycle.set_ready();
    ASSERT_TRUE(lifecycle.wait_until_registered(world.now() + 1s));
    controller.publish(6);
    ASSERT_TRUE(lifecycle.wait_until_unfenced(world.now() + 1s));
    controller.heartbeat_failures = {ErrorCode::not_controller, ErrorCode::request_timed_out, ErrorCode::not_controller};
    world.sleep_until(world.now() + 4s);
    EXPECT_TRUE(controller.heartbeat_failures.empty()) << "failed heartbeats are repeated soon";
    EXPECT_EQ(controller.registrations.size(), 1U);
    EXPECT_FALSE(lifecycle.is_fenced());
    EXPECT_EQ(lifecycle.state(), LifecycleState::running);
  });
}

TEST_F(BrokerLifecycleTest, AControlledShutdownWaitsUntilTheControllerAllowsIt) {
  run([](runtime::World& world, FakeController& controller, BrokerLifecycle& lifecycle) {
    lifecycle.start();
    lifecycle.set_ready();
    ASSERT_TRUE(lifecycle.wait_until_registered(world.now() + 1s));
    controller.publish(6);
    ASSERT_TRUE(lifecycle.wait_until_unfenced(world.now() + 1s));
    controller.leads = true;
    world.spawn("leaderships", [&] {
      world.sleep_until(world.now() + 3s);
      EXPECT_EQ(lifecycle.state(), LifecycleState::pending_controlled_shutdown);
      controller.leads = false;
    });
    const Instant begin = world.now();
    EXPECT_TRUE(lifecycle.begin_controlled_shutdown(world.now() + 60s));
    EXPECT_GE(world.now() - begin, 3s);
    EXPECT_LT(world.now() - begin, 3'500ms);
    EXPECT_EQ(lifecycle.state(), LifecycleState::shutting_down);
  });
}

TEST_F(BrokerLifecycleTest, AControlledShutdownThatIsNotAllowedEndsAtItsDeadline) {
  run([](runtime::World& world, FakeController& controller, BrokerLifecycle& lifecycle) {
    lifecycle.start();
    ASSERT_TRUE(lifecycle.wait_until_registered(world.now() + 1s));
    controller.leads = true;
    const Instant begin = world.now();
    EXPECT_FALSE(lifecycle.begin_controlled_shutdown(begin + 5s));
    EXPECT_EQ(world.now() - begin, 5s);
  });
}

TEST_F(BrokerLifecycleTest, ABrokerThatNeverRegisteredMayGoAtOnce) {
  run([](runtime::World& world, FakeController& controller, BrokerLifecycle& lifecycle) {
    controller.refuses_all = true;
    lifecycle.start();
    world.sleep_until(world.now() + 1s);
    EXPECT_TRUE(lifecycle.begin_controlled_shutdown(world.now() + 5s));
  });
}

}  // namespace
}  // namespace squall::broker
