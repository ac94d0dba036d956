// One peer: what becomes of requests to a node that answers, is silent, is away, or is at another place by now.
#include "raft/shell/peer.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "protocol/messages/headers.h"
#include "protocol/request.h"
#include "protocol/writer.h"
#include "raft/shell/wire.h"
#include "runtime/deadline.h"
#include "sim/simulation.h"

namespace squall::raft {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view cluster = "MkU3OEVBNTcwNTJENDM2Qg";

class PeerTest : public testing::Test {
 protected:
  PeerTest() : simulation{sim::SimulationOptions{.seed = 4}} {
    server = &simulation.add_node({.name = "server"});
    client = &simulation.add_node({.name = "client"});
    server->start("server", [this](runtime::World& world) {
      world.spawn("second listener", [this, &world] { listen(world, 9094); });
      listen(world, 9093);
    });
  }

  void listen(runtime::World& world, std::uint16_t port) {
    auto listener = world.listen({.host = "", .port = port});
    for (;;) {
      auto accepted = (*listener)->accept();
      if (!accepted) return;
      connections.push_back(port);
      world.spawn("session", [this, io = std::move(*accepted)]() mutable { serve(*io); });
    }
  }
  // Votes are granted, but for those of epochs that are to be passed over in silence.
  void serve(runtime::Connection& io) {
    ByteBuffer frame;
    for (;;) {
      std::uint8_t length[4];
      if (!runtime::read_exactly(io, length)) return;
      frame.resize(static_cast<std::size_t>(load_be<std::int32_t>(length)));
      if (!runtime::read_exactly(io, frame)) return;
      protocol::Reader reader{frame};
      protocol::RequestHeader header;
      if (!protocol::decode_request_header(reader, header)) return;
      if (header.request_api_key == protocol::ApiVersionsRequest::api_key) {
        protocol::ApiVersionsResponse response;
        response.api_keys.push_back({.api_key_ = 18, .min_version = 0, .max_version = 4});
        response.api_keys.push_back({.api_key_ = 52, .min_version = 0, .max_version = vote_max});
        if (!answer(io, header, response, header.request_api_version, false)) return;
        continue;
      }
      protocol::VoteRequest message;
      if (!decode(reader, header.request_api_version, message)) return;
      const auto request = read(message, {.cluster_id = cluster, .version = header.request_api_version});
      if (!request || request->epoch < silent_below) continue;
      const VoteResponse vote{
          .error = ErrorCode::none, .current = {.leader = no_node, .epoch = request->epoch}, .granted = true};
      const auto response = write(vote, {.cluster_id = cluster, .version = header.request_api_version});
      if (!answer(io, header, response, header.request_api_version, true)) return;
    }
  }
  template <class Response>
  static bool answer(runtime::Connection& io, const protocol::RequestHeader& header, const Response& response,
                     std::int16_t version, bool flexible) {
    ByteBuffer out;
    {
      protocol::Writer writer{out};
      writer.integer(std::int32_t{0});
      writer.integer(header.correlation_id);
      if (flexible) writer.unsigned_varint(0);
      if (!encode(writer, version, response)) return false;
    }
    store_be(out.data(), static_cast<std::int32_t>(out.size() - 4));
    return runtime::write_all(io, out).has_value();
  }

  static OutboundRequest vote(std::uint64_t id, bool pre_vote = false) {
    return {.id = RequestId{id},
            .to = NodeId{2},
            .body = VoteRequest{.voter = {},
                                .epoch = LeaderEpoch{static_cast<std::int32_t>(id)},
                                .candidate = {.id = NodeId{1}},
                                .last = {LeaderEpoch{0}, Offset{0}},
                                .pre_vote = pre_vote}};
  }

  // "3+": request 3 was answered; "4-": it failed.
  void run(const std::function<void(runtime::World&, Peer&)>& body) {
    bool finished = false;
    client->start("client", [&](runtime::World& world) {
      world.sleep_until(world.now() + 10ms);
      PeerOptions options{.client_id = "quorum-1",
                          .cluster_id = std::string{cluster},
                          .listener = "CONTROLLER",
                          .request_timeout = 2s,
                          .fetch_wait_max = 500ms,
                          .fetch_bytes_max = 1 << 20};
      Peer peer{world, std::move(options),
                [&](PeerReply reply) { replies.push_back(std::to_string(reply.id.value()) + (reply.body ? "+" : "-")); }};
      body(world, peer);
      peer.stop();
      peer.wait();
      finished = true;
    });
    (void)simulation.run_while([&] { return !finished; }, Instant{60s});
    EXPECT_TRUE(finished);
    simulation.run_for(1s);
    EXPECT_EQ(client->leaks().total(), 0U);
  }

  std::vector<std::string> replies;
  std::vector<std::uint16_t> connections;  // by port, in the order in which they were made
  LeaderEpoch silent_below{0};
  std::int16_t vote_max = 2;
  sim::Simulation simulation;
  sim::Node* server = nullptr;
  sim::Node* client = nullptr;
  const runtime::Endpoint first{.host = "server", .port = 9093};
  const runtime::Endpoint second{.host = "server", .port = 9094};
};

using Told = std::vector<std::string>;

TEST_F(PeerTest, RequestsFollowEachOtherOnOneConnection) {
  run([&](runtime::World& world, Peer& peer) {
    for (std::uint64_t id = 1; id <= 3; ++id) {
      peer.send(vote(id), first);
      runtime::sleep_for(world, 50ms);
    }
  });
  EXPECT_EQ(replies, (Told{"1+", "2+", "3+"}));
  EXPECT_EQ(connections.size(), 1U);
}

TEST_F(PeerTest, ANewerRequestTakesThePlaceOfOneThatIsNotAnswered) {
  silent_below = LeaderEpoch{2};
  run([&](runtime::World& world, Peer& peer) {
    peer.send(vote(1), first);
    runtime::sleep_for(world, 100ms);
    peer.send(vote(2), first);
    runtime::sleep_for(world, 5s);
  });
  EXPECT_EQ(replies, Told{"2+"}) << "nothing is told of what was given up";
  EXPECT_EQ(connections.size(), 2U) << "the old answer would not be told from the new one";
}

TEST_F(PeerTest, ARequestThatIsNotAnsweredInTimeFails) {
  silent_below = LeaderEpoch{2};
  run([&](runtime::World& world, Peer& peer) {
    peer.send(vote(1), first);
    runtime::sleep_for(world, 1900ms);
    EXPECT_EQ(replies, Told{});
    runtime::sleep_for(world, 200ms);
    EXPECT_EQ(replies, Told{"1-"});
    peer.send(vote(2), first);
    runtime::sleep_for(world, 100ms);
  });
  EXPECT_EQ(replies, (Told{"1-", "2+"}));
}

TEST_F(PeerTest, ANodeThatRefusesConnectionsFailsTheRequestAtOnce) {
  run([&](runtime::World& world, Peer& peer) {
    peer.send(vote(1), {.host = "server", .port = 1});
    runtime::sleep_for(world, 50ms);
  });
  EXPECT_EQ(replies, Told{"1-"});
}

// A host that does not resolve, a port that refuses, a node that is silent: each with its reason, and once a minute.
TEST_F(PeerTest, AVoterThatCannotBeReachedIsToldOnceAMinute) {
  std::vector<std::string> told;
  simulation.on_event([&](const sim::ProductEvent& event) {
    if (event.name == runtime::EventName::voter_unreachable) told.push_back(to_string(event));
  });
  run([&](runtime::World& world, Peer& peer) {
    for (std::uint64_t id = 1; id <= 50; ++id) {
      peer.send(vote(id), {.host = "nobody.invalid", .port = 9093});
      runtime::sleep_for(world, 1s);
    }
  });
  ASSERT_EQ(told.size(), 1U);
  EXPECT_TRUE(told[0].contains("nobody.invalid")) << told[0];
  EXPECT_TRUE(told[0].contains("9093")) << told[0];
}

TEST_F(PeerTest, AVoterThatIsGivenUpBeforeItAnswersIsToldToo) {
  std::size_t told = 0;
  simulation.on_event(
      [&](const sim::ProductEvent& event) { told += event.name == runtime::EventName::voter_unreachable ? 1U : 0U; });
  simulation.network().partition(*client, *server);
  run([&](runtime::World& world, Peer& peer) {
    peer.send(vote(1), first);
    runtime::sleep_for(world, 100ms);
    peer.send(vote(2), first);
    runtime::sleep_for(world, 100ms);
  });
  EXPECT_EQ(told, 1U);
}

TEST_F(PeerTest, ANodeThatIsSilentHoldsNothingUpThatIsForAnotherPlace) {
  simulation.network().partition(*client, *server);
  run([&](runtime::World& world, Peer& peer) {
    peer.send(vote(1), first);
    runtime::sleep_for(world, 100ms);
    simulation.network().heal_all();
    peer.send(vote(2), second);
    runtime::sleep_for(world, 500ms);
  });
  EXPECT_EQ(replies, Told{"2+"});
}

TEST_F(PeerTest, APeerThatMovedIsFoundAtItsNewPlace) {
  run([&](runtime::World& world, Peer& peer) {
    peer.send(vote(1), first);
    runtime::sleep_for(world, 50ms);
    peer.send(vote(2), second);
    runtime::sleep_for(world, 50ms);
  });
  EXPECT_EQ(replies, (Told{"1+", "2+"}));
  EXPECT_EQ(connections, (std::vector<std::uint16_t>{9093, 9094}));
}

TEST_F(PeerTest, WhatAPeerIsTooOldForFailsAndTheConnectionStays) {
  vote_max = 1;
  run([&](runtime::World& world, Peer& peer) {
    peer.send(vote(1, true), first);
    runtime::sleep_for(world, 50ms);
    peer.send(vote(2), first);
    runtime::sleep_for(world, 50ms);
  });
  EXPECT_EQ(replies, (Told{"1-", "2+"}));
  EXPECT_EQ(connections.size(), 1U);
}

TEST_F(PeerTest, AConnectionThatBrokeIsMadeAnew) {
  run([&](runtime::World& world, Peer& peer) {
    peer.send(vote(1), first);
    runtime::sleep_for(world, 50ms);
    simulation.network().reset_connections(*client, *server);
    runtime::sleep_for(world, 50ms);
    peer.send(vote(2), first);
    runtime::sleep_for(world, 50ms);
  });
  EXPECT_EQ(replies, (Told{"1+", "2+"}));
}

TEST_F(PeerTest, NothingIsToldAfterAStop) {
  silent_below = LeaderEpoch{9};
  run([&](runtime::World& world, Peer& peer) {
    peer.send(vote(1), first);
    runtime::sleep_for(world, 100ms);
    peer.stop();
    peer.send(vote(2), first);
    runtime::sleep_for(world, 3s);
  });
  EXPECT_EQ(replies, Told{});
}

}  // namespace
}  // namespace squall::raft
