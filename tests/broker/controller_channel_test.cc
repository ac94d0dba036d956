// Requests to the active controller, from it and from others.
#include "broker/controller_channel.h"

#include <gmock/gmock.h>

#include "broker/lifecycle.h"
#include "protocol/messages/principal.h"
#include "protocol/reader.h"
#include "tests/raft/shell/controller_cluster.h"

namespace squall::broker {
namespace {

using namespace std::chrono_literals;
using protocol::ErrorCode;

class ControllerChannelTest : public raft::ControllerCluster {
 protected:
  // Runs `body` on node `index` with a channel of its own.
  void with_channel(std::size_t index, const std::function<void(Running&, ControllerChannel&)>& body,
                    ControllerChannelOptions options = {}) {
    run(index, [&](Running& node) {
      ControllerChannel channel{*node.world, *node.quorum, node.controller, options};
      channel.start();
      body(node, channel);
      channel.stop();
    });
  }
  static ControllerResult<protocol::AllocateProducerIdsResponse> allocate(Running& node, ControllerChannel& channel,
                                                                          Duration patience) {
    protocol::AllocateProducerIdsRequest request;
    request.broker_id = 0;
    request.broker_epoch = node.controller->core().image()->brokers.get(NodeId{0})->epoch;
    return channel.ask(request, node.world->now() + patience);
  }
  // Three controllers that all know broker 0; the active one's index.
  std::size_t start_three() {
    start(3);
    const std::size_t active = wait_for_active();
    EXPECT_LT(active, 3U);
    if (active == 3) return active;
    make_brokers(active, 1);
    for (std::size_t index = 0; index < 3; ++index) {
      EXPECT_TRUE(run_until([&] { return live[index]->controller->core().image()->brokers.get(NodeId{0}) != nullptr; }));
    }
    return active;
  }
};

TEST_F(ControllerChannelTest, TheActiveControllerIsAskedWhereverItIs) {
  const std::size_t active = start_three();
  ASSERT_LT(active, 3U);
  std::vector<std::int64_t> starts;
  for (std::size_t index = 0; index < 3; ++index) {
    with_channel(index, [&](Running& node, ControllerChannel& channel) {
      const auto block = allocate(node, channel, 5s);
      ASSERT_TRUE(block.has_value()) << protocol::to_string(block.error());
      EXPECT_EQ(block->error_code, 0);
      starts.push_back(block->producer_id_start);
    });
  }
  EXPECT_THAT(starts, testing::ElementsAre(0, 1000, 2000));
}

TEST_F(ControllerChannelTest, ARequestOutlivesTheLeaderThatItWasSentTo) {
  const std::size_t first = start_three();
  ASSERT_LT(first, 3U);
  const std::size_t other = (first + 1) % 3;
  const auto crash = [&] {
    live[first] = nullptr;
    nodes[first]->crash();
  };
  with_channel(other, [&](Running& node, ControllerChannel& channel) {
    ASSERT_TRUE(allocate(node, channel, 5s).has_value());
    simulation.after(1us, crash);
    const auto block = allocate(node, channel, 20s);
    ASSERT_TRUE(block.has_value()) << protocol::to_string(block.error());
    EXPECT_EQ(block->error_code, 0);
    EXPECT_GE(block->producer_id_start, 1000);
  });
}

TEST_F(ControllerChannelTest, WhoCeasedToLeadWhileItWasConnectedToIsNotAsked) {
  const std::size_t first = start_three();
  ASSERT_LT(first, 3U);
  const std::size_t other = (first + 1) % 3;
  // Two round trips of 600 ms open a connection. In the second another is elected, and the old leader freezes behind its
  // answer.
  simulation.network().set_latency(*nodes[other], *nodes[first], 300ms, 0ms);
  simulation.after(650ms, [&] { live[first]->quorum->resign(live[first]->quorum->core().epoch()); });
  simulation.after(1050ms, [&] { nodes[first]->pause(60s); });
  with_channel(other, [&](Running& node, ControllerChannel& channel) {
    const Instant begin = node.world->now();
    const auto block = allocate(node, channel, 50s);
    ASSERT_TRUE(block.has_value()) << protocol::to_string(block.error());
    EXPECT_LT(node.world->now() - begin, 5s);
  });
}

// With a back-off that outlasts the deadline, only a reason can end it.
TEST_F(ControllerChannelTest, ABackOffEndsWhenThereIsAReasonToAskAgain) {
  start(1);
  ASSERT_TRUE(run_until([&] { return live[0] != nullptr; }));
  ControllerChannelOptions options;
  options.retry_backoff = 3600s;
  with_channel(
      0,
      [&](Running& node, ControllerChannel& channel) {
        ASSERT_FALSE(node.controller->is_active()) << "it has to read its log first";
        node.world->spawn("active", [&] {
          while (!node.controller->is_active()) node.world->sleep_until(node.world->now() + 1ms);
          channel.retry_now();
        });
        protocol::AllocateProducerIdsRequest request;
        request.broker_id = 7;
        const Instant begin = node.world->now();
        const auto answer = channel.ask(request, begin + 10s);
        ASSERT_TRUE(answer.has_value()) << protocol::to_string(answer.error());
        EXPECT_EQ(answer->error_code, protocol::to_wire(ErrorCode::stale_broker_epoch));
        EXPECT_LT(node.world->now() - begin, 1s);
      },
      options);
}

TEST_F(ControllerChannelTest, WithoutALeaderTheDeadlineEndsTheWait) {
  const std::size_t active = start_three();
  ASSERT_LT(active, 3U);
  const std::size_t left = (active + 1) % 3;
  for (std::size_t index = 0; index < 3; ++index) {
    if (index == left) continue;
    live[index] = nullptr;
    nodes[index]->crash();
  }
  simulation.run_for(10s);
  with_channel(left, [&](Running& node, ControllerChannel& channel) {
    const Instant begin = node.world->now();
    const auto block = allocate(node, channel, 3s);
    ASSERT_FALSE(block.has_value());
    EXPECT_EQ(block.error(), ErrorCode::not_controller);
    EXPECT_EQ(node.world->now() - begin, 3s);
  });
}

TEST_F(ControllerChannelTest, AnEnvelopeCarriesTheFrameAndWhoItIsFrom) {
  const std::size_t active = start_three();
  ASSERT_LT(active, 3U);
  const ByteBuffer frame{1, 2, 3};
  const ByteBuffer address{10, 0, 0, 7};
  ControllerChannelOptions options;
  options.serve = [](ByteView request, const Principal& principal, ByteView client_address,
                     Instant) -> ControllerResult<ByteBuffer> {
    EXPECT_EQ(principal.name, "ANONYMOUS");
    EXPECT_EQ(client_address.size(), 4U);
    return ByteBuffer{request.begin(), request.end()};
  };
  for (std::size_t index = 0; index < 3; ++index) {
    with_channel(
        index,
        [&](Running& node, ControllerChannel& channel) {
          const auto answer = channel.forward(frame, {}, address, node.world->now() + 5s);
          ASSERT_TRUE(answer.has_value()) << protocol::to_string(answer.error());
          EXPECT_EQ(*answer, frame) << "these controllers say it back";
        },
        options);
  }
}

TEST_F(ControllerChannelTest, AChannelThatIsStoppedAnswersThoseWhoWait) {
  const std::size_t active = start_three();
  ASSERT_LT(active, 3U);
  const std::size_t other = (active + 1) % 3;
  for (std::size_t index = 0; index < 3; ++index) {
    if (index != other) simulation.network().partition(*nodes[other], *nodes[index]);
  }
  run(other, [&](Running& node) {
    ControllerChannel channel{*node.world, *node.quorum, node.controller, {}};
    channel.start();
    std::optional<ErrorCode> refused;
    node.world->spawn("asker", [&] { refused = allocate(node, channel, 60s).error(); });
    node.world->sleep_until(node.world->now() + 100ms);
    EXPECT_FALSE(refused.has_value());
    channel.stop();
    node.world->sleep_until(node.world->now() + 3s);
    EXPECT_EQ(refused, ErrorCode::not_controller);
  });
}

TEST_F(ControllerChannelTest, ABrokerLivesThroughAFailoverAndLeavesWithPermission) {
  start(3);
  const std::size_t first = wait_for_active();
  ASSERT_LT(first, 3U);
  const std::size_t other = (first + 1) % 3;
  const auto crash = [&] {
    live[first] = nullptr;
    nodes[first]->crash();
  };
  with_channel(other, [&](Running& node, ControllerChannel& channel) {
    LifecycleOptions options;
    options.node_id = NodeId{7};
    options.cluster_id = std::string{raft::test_cluster};
    options.incarnation = Uuid{1, 7};
    options.listeners = {{.listener = "PLAINTEXT", .host = "broker", .port = 9092}};
    options.features = raft::test_features();
    options.log_dirs = {Uuid{700, 1}};
    BrokerLifecycle lifecycle{*node.world, LifecycleSurroundings::of(channel, *node.loader), options};
    lifecycle.start();
    lifecycle.set_ready();
    ASSERT_TRUE(lifecycle.wait_until_unfenced(node.world->now() + 5s));
    simulation.after(1ms, crash);
    for (int second = 0; second < 30; ++second) {
      node.world->sleep_until(node.world->now() + 1s);
      const raft::BrokerImage* broker = node.loader->image()->brokers.get(NodeId{7});
      ASSERT_NE(broker, nullptr);
      EXPECT_TRUE(broker->is_active()) << "after " << second << " s";
      EXPECT_EQ(broker->epoch, lifecycle.broker_epoch());
    }
    EXPECT_TRUE(lifecycle.begin_controlled_shutdown(node.world->now() + 10s));
    lifecycle.stop();
  });
  EXPECT_THAT(failures, testing::IsEmpty());
}

TEST(PrincipalTest, StandsBehindItsVersion) {
  const ByteBuffer bytes = encode_principal({});
  ASSERT_GT(bytes.size(), 2U);
  EXPECT_EQ(load_be<std::int16_t>(bytes.data()), 0);
  protocol::Reader reader{ByteView{bytes}.subspan(2)};
  protocol::DefaultPrincipalData data;
  ASSERT_TRUE(decode(reader, 0, data).has_value());
  EXPECT_EQ(data.type, "User");
  EXPECT_EQ(data.name, "ANONYMOUS");
  EXPECT_FALSE(data.token_authenticated);
  EXPECT_EQ(reader.remaining(), 0U);
}

}  // namespace
}  // namespace squall::broker
