#include "sim/network.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/sim/fixture.h"

namespace squall::sim {
namespace {

using Conn = std::unique_ptr<runtime::Connection>;

// Two nodes, "server" and "client"; links have 1 ms of latency and no jitter, the NICs carry 1 GB/s.
class NetworkTest : public testing::Test {
 protected:
  explicit NetworkTest(SimulationOptions options = quiet()) : simulation{std::move(options)} {
    HardwareProfile profile = default_profile();
    profile.network = {.bytes_per_second = 1'000'000'000, .latency = 1ms, .jitter = {}};
    server = &simulation.add_node({.name = "server", .profile = profile});
    client = &simulation.add_node({.name = "client", .profile = profile});
  }

  // Runs `serve` on the connections that the server accepts on port 9092, one after another.
  void serve(std::function<void(runtime::World&, Conn)> function) {
    server->start("server", [function](runtime::World& world) {
      auto listener = world.listen({.host = "", .port = 9092});
      while (true) {
        auto accepted = (*listener)->accept();
        if (!accepted) return;
        function(world, std::move(*accepted));
      }
    });
  }
  // Runs `use` on a connection to it.
  void use(std::function<void(runtime::World&, Conn)> function) {
    client->start("client", [this, function](runtime::World& world) {
      world.sleep_until(at(1ms));
      auto connected = world.connect(endpoint, world.now() + 10s);
      ASSERT_TRUE(connected) << to_string(connected.error());
      function(world, std::move(*connected));
      finished = true;
    });
  }
  void run(Duration duration = 60s) {
    simulation.run_for(duration);
    EXPECT_TRUE(finished) << "the client has not come to its end";
  }
  [[nodiscard]] std::uint64_t effects(FaultId fault) { return simulation.ledger().entries()[fault - 1].effects; }

  Simulation simulation;
  Node* server;
  Node* client;
  runtime::Endpoint endpoint{.host = "server", .port = 9092};
  bool finished = false;
};

TEST_F(NetworkTest, BytesArriveInOrderAfterTheLatency) {
  serve([](runtime::World& world, Conn connection) {
    EXPECT_EQ(read_some(*connection), "hello");
    EXPECT_GE(world.now(), at(4ms));
    EXPECT_LT(world.now(), at(4100us));
    EXPECT_EQ(read_some(*connection), " world");
    EXPECT_EQ(read_some(*connection), "");
  });
  use([](runtime::World& world, Conn connection) {
    EXPECT_EQ(world.now(), at(3ms));  // one round trip
    EXPECT_EQ(connection->peer(), (runtime::Endpoint{.host = "server", .port = 9092}));
    EXPECT_TRUE(runtime::write_all(*connection, as_bytes("hello")));
    world.sleep_until(world.now() + 5ms);
    EXPECT_TRUE(runtime::write_all(*connection, as_bytes(" world")));
  });
  run();
}

class ShortCounts : public NetworkTest {
 protected:
  ShortCounts() : NetworkTest{SimulationOptions{.seed = 3, .short_io_one_in = 2}} {}
};

TEST_F(ShortCounts, ReadsAndWritesMayBeShortButNothingIsLost) {
  ByteBuffer sent(300'000);
  Random{1}.fill(sent);
  ByteBuffer received;
  int reads = 0;
  serve([&](runtime::World&, Conn connection) {
    ByteBuffer buffer(64 * 1024);
    while (true) {
      const auto count = connection->read(buffer);
      ASSERT_TRUE(count);
      if (*count == 0) break;
      received.insert(received.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(*count));
      ++reads;
    }
  });
  int short_writes = 0;
  use([&](runtime::World&, Conn connection) {
    for (ByteView left{sent}; !left.empty();) {
      const ByteView part = left.first(std::min<std::size_t>(left.size(), 8192));
      const auto count = connection->writev(std::vector{part.first(part.size() / 2), part.subspan(part.size() / 2)});
      ASSERT_TRUE(count);
      ASSERT_GE(*count, 1U);
      short_writes += *count < part.size() ? 1 : 0;
      left = left.subspan(*count);
    }
  });
  run();
  EXPECT_EQ(received, sent);
  EXPECT_GT(short_writes, 5);
  EXPECT_GT(reads, 5);
}

TEST_F(NetworkTest, WhatIsWrittenWithMoreToComeArrivesTogetherWithIt) {
  std::vector<std::string> arrived;
  serve([&](runtime::World&, Conn connection) {
    for (std::string got = read_some(*connection); !got.empty(); got = read_some(*connection)) arrived.push_back(got);
  });
  use([&](runtime::World& world, Conn connection) {
    EXPECT_EQ(connection->writev(std::array{as_bytes("he")}, runtime::More::yes), 2U);
    world.sleep_until(world.now() + 100ms);
    EXPECT_TRUE(arrived.empty()) << "kept";
    EXPECT_EQ(connection->writev(std::array{as_bytes("llo")}), 3U);
    world.sleep_until(world.now() + 100ms);
    EXPECT_EQ(connection->writev(std::array{as_bytes("bye")}, runtime::More::yes), 3U);
    connection->close();
  });
  run();
  EXPECT_EQ(arrived, (std::vector<std::string>{"hello", "bye"}));
}

TEST_F(NetworkTest, WhatIsKeptGoesOutBeforeAWriterWaitsForRoom) {
  const ByteBuffer all = filled(1'000'000, 3);
  ByteBuffer received(all.size());
  serve([&](runtime::World&, Conn connection) { EXPECT_TRUE(runtime::read_exactly(*connection, received)); });
  use([&](runtime::World&, Conn connection) {
    for (ByteView left{all}; !left.empty();) {
      const auto taken = connection->writev(std::array{left}, runtime::More::yes);
      ASSERT_TRUE(taken);
      left = left.subspan(*taken);
    }
    EXPECT_TRUE(connection->shutdown(runtime::ShutdownSide::write));
    EXPECT_EQ(read_some(*connection), "");
  });
  run();
  EXPECT_EQ(received, all);
}

TEST_F(NetworkTest, AWriterWaitsWhenTheBuffersAreFullAndGoesOnWhenTheReaderReads) {
  serve([&](runtime::World& world, Conn connection) {
    world.sleep_until(at(1s));
    ByteBuffer buffer(1'000'000);
    EXPECT_TRUE(runtime::read_exactly(*connection, buffer));
  });
  use([&](runtime::World& world, Conn connection) {
    connection->set_deadline(world.now() + 500ms);
    const auto all = runtime::write_all(*connection, filled(1'000'000, 7));
    EXPECT_EQ(all.error(), IoError::timed_out);
    EXPECT_EQ(world.now(), at(503ms));
    connection->set_deadline(end_of_time);
    EXPECT_TRUE(runtime::write_all(*connection, filled(1'000'000 - 512 * 1024, 7)));
    EXPECT_GE(world.now(), at(1s));
    EXPECT_EQ(read_some(*connection), "");
  });
  run();
}

TEST_F(NetworkTest, AHalfClosedStreamGoesOnTheOtherWay) {
  serve([](runtime::World&, Conn connection) {
    EXPECT_EQ(read_some(*connection), "question");
    EXPECT_EQ(read_some(*connection), "");
    EXPECT_TRUE(runtime::write_all(*connection, as_bytes("answer")));
  });
  use([](runtime::World&, Conn connection) {
    EXPECT_TRUE(runtime::write_all(*connection, as_bytes("question")));
    EXPECT_TRUE(connection->shutdown(runtime::ShutdownSide::write));
    EXPECT_EQ(runtime::write_all(*connection, as_bytes("more")).error(), IoError::closed);
    EXPECT_EQ(read_some(*connection), "answer");
    EXPECT_EQ(read_some(*connection), "");
  });
  run();
}

TEST_F(NetworkTest, BytesForAClosedPeerAreAnsweredByAResetOneRoundTripLater) {
  serve([](runtime::World&, Conn) {});
  use([](runtime::World& world, Conn connection) {
    EXPECT_EQ(read_some(*connection), "");
    EXPECT_TRUE(runtime::write_all(*connection, as_bytes("anyone?")));
    const Instant sent = world.now();
    EXPECT_EQ(read_some(*connection), "");  // the end of the stream had come before
    world.sleep_until(sent + 3ms);
    EXPECT_EQ(runtime::write_all(*connection, as_bytes("x")).error(), IoError::connection_reset);
    EXPECT_EQ(read_some(*connection), "error: connection reset");
  });
  run();
}

TEST_F(NetworkTest, ClosingWithUnreadBytesResetsThePeer) {
  serve([](runtime::World& world, Conn connection) {
    world.sleep_until(at(100ms));
    connection->close();
  });
  use([](runtime::World&, Conn connection) {
    EXPECT_TRUE(runtime::write_all(*connection, as_bytes("never read")));
    EXPECT_EQ(read_some(*connection), "error: connection reset");
  });
  run();
}

TEST_F(NetworkTest, ACloseWakesTheFibersThatWaitOnTheConnection) {
  serve([](runtime::World& world, Conn connection) {
    world.sleep_until(at(1s));
    connection->close();
  });
  use([](runtime::World& world, Conn connection) {
    runtime::Connection& shared = *connection;
    world.spawn("reader", [&shared] { EXPECT_EQ(read_some(shared), "error: closed"); });
    world.sleep_until(at(100ms));
    connection->close();
    world.sleep_until(at(101ms));
  });
  run();
}

TEST_F(NetworkTest, ConnectIsRefusedWithoutAListenerAndUnansweredWithoutPower) {
  client->start("client", [&](runtime::World& world) {
    EXPECT_EQ(world.connect(endpoint, at(5s)).error(), IoError::connection_refused);
    EXPECT_LT(world.now(), at(3ms));
    server->power_cut();
    EXPECT_EQ(world.connect(endpoint, at(5s)).error(), IoError::timed_out);
    EXPECT_EQ(world.now(), at(5s));
    EXPECT_EQ(world.connect({.host = "nowhere", .port = 1}, at(9s)).error(), IoError::name_not_resolved);
    finished = true;
  });
  run();
}

TEST_F(NetworkTest, AFullBacklogLetsConnectsWait) {
  server->start("server", [&](runtime::World& world) {
    auto listener = world.listen({.host = "", .port = 9092});
    EXPECT_EQ(world.listen({.host = "", .port = 9092}).error(), IoError::address_in_use);
    world.sleep_until(at(2500ms));
    std::vector<Conn> accepted;
    while (true) accepted.push_back(std::move(*(*listener)->accept()));
  });
  client->start("client", [&](runtime::World& world) {
    world.sleep_until(at(1ms));
    std::vector<Conn> connections;
    for (std::size_t i = 0; i < simulation.network().options().listen_backlog; ++i) {
      connections.push_back(std::move(*world.connect(endpoint, end_of_time)));
    }
    const Instant before = world.now();
    EXPECT_EQ(world.connect(endpoint, before + 500ms).error(), IoError::timed_out);
    EXPECT_TRUE(world.connect(endpoint, end_of_time));
    EXPECT_GT(world.now(), at(2500ms));
    finished = true;
  });
  run();
}

TEST_F(NetworkTest, ABlackHoleSwallowsEverythingUntilItHeals) {
  FaultId fault = 0;
  serve([](runtime::World& world, Conn connection) {
    EXPECT_EQ(read_some(*connection), "before");
    EXPECT_EQ(read_some(*connection), "during");
    EXPECT_GT(world.now(), at(3s));
    EXPECT_LT(world.now(), at(7s));
  });
  use([&](runtime::World& world, Conn connection) {
    EXPECT_TRUE(runtime::write_all(*connection, as_bytes("before")));
    world.sleep_until(at(1s));
    fault = simulation.network().partition(*client, *server);
    EXPECT_TRUE(runtime::write_all(*connection, as_bytes("during")));
    EXPECT_EQ(world.connect(endpoint, at(2s)).error(), IoError::timed_out);
    world.sleep_until(at(3s));
    simulation.network().heal(*client, *server);
    EXPECT_EQ(read_some(*connection), "");
  });
  run();
  EXPECT_GT(effects(fault), 0U);
}

TEST_F(NetworkTest, ARefusingPartitionResetsConnectionsAndRefusesNewOnes) {
  std::string heard;
  serve([&](runtime::World&, Conn connection) { heard += read_some(*connection) + "; "; });
  use([&](runtime::World& world, Conn connection) {
    simulation.network().partition(*client, *server, PartitionKind::refuse);
    EXPECT_EQ(read_some(*connection), "error: connection reset");
    EXPECT_EQ(world.connect(endpoint, end_of_time).error(), IoError::connection_refused);
    simulation.network().heal(*client, *server);
    EXPECT_TRUE(world.connect(endpoint, end_of_time));
  });
  run();
  EXPECT_EQ(heard, "error: connection reset; ; ");
}

TEST_F(NetworkTest, AOneWayPartitionPassesDataButNoWordOfItsProgress) {
  std::uint64_t received = 0;
  serve([&](runtime::World&, Conn connection) {
    ByteBuffer buffer(64 * 1024);
    while (true) {
      const auto count = connection->read(buffer);
      if (!count || *count == 0) return;
      received += *count;
    }
  });
  use([&](runtime::World& world, Conn connection) {
    simulation.network().partition(*server, *client, PartitionKind::black_hole, Ways::one);
    connection->set_deadline(at(10s));
    EXPECT_EQ(runtime::write_all(*connection, filled(1'000'000, 1)).error(), IoError::timed_out);
    EXPECT_EQ(received, simulation.network().options().socket_buffer_bytes);
    connection->set_deadline(end_of_time);
    simulation.network().heal(*server, *client);
    EXPECT_TRUE(runtime::write_all(*connection, filled(1'000'000, 1)));
    world.sleep_until(world.now() + 1s);
    EXPECT_EQ(received, 1'000'000 + simulation.network().options().socket_buffer_bytes);
  });
  run();
}

TEST_F(NetworkTest, FlappingComesAndGoesAndEndsUp) {
  const FaultId fault = simulation.network().flap(*client, *server, 300ms, 200ms, at(2s));
  std::string pattern;
  for (int i = 0; i < 30; ++i) {
    simulation.run_until(at(i * 100ms + 50ms));
    pattern += simulation.network().link(*client, *server).blocked() ? '#' : '.';
  }
  EXPECT_EQ(pattern, "###..###..###..###............");
  EXPECT_EQ(effects(fault), 0U);  // nobody was there to notice
}

TEST_F(NetworkTest, ACloggedLinkDeliversEverythingAtOnceAfterwards) {
  serve([](runtime::World& world, Conn connection) {
    EXPECT_EQ(read_some(*connection), "abc");
    EXPECT_GT(world.now(), at(500ms));
    EXPECT_LT(world.now(), at(520ms));
  });
  use([&](runtime::World& world, Conn connection) {
    simulation.network().clog(*client, *server, 500ms);
    for (const char* piece : {"a", "b", "c"}) {
      EXPECT_TRUE(runtime::write_all(*connection, as_bytes(piece)));
      world.sleep_until(world.now() + 20ms);
    }
    EXPECT_EQ(read_some(*connection), "");
  });
  run();
}

TEST_F(NetworkTest, LossDelaysByRetransmissionAndKeepsTheOrder) {
  const FaultId fault = simulation.network().set_loss(*client, *server, 300'000);
  std::string received;
  Duration longest{};
  serve([&](runtime::World& world, Conn connection) {
    for (Instant last = world.now(); received.size() < 100; last = world.now()) {
      received += read_some(*connection);
      longest = std::max(longest, world.now() - last);
    }
  });
  std::string sent;
  use([&](runtime::World& world, Conn connection) {
    for (int i = 0; i < 100; ++i) {
      sent += static_cast<char>('0' + i % 10);
      EXPECT_TRUE(runtime::write_all(*connection, as_bytes(sent).last(1)));
      world.sleep_until(world.now() + 10ms);
    }
    EXPECT_EQ(read_some(*connection), "");
  });
  run();
  EXPECT_EQ(received, sent);
  EXPECT_GE(longest, 150ms);
  EXPECT_GT(effects(fault), 10U);
}

TEST_F(NetworkTest, RandomResetsEndBothSides) {
  const FaultId fault = simulation.network().set_resets(*client, *server, 1'000'000, Ways::one);
  serve([](runtime::World&, Conn connection) { EXPECT_EQ(read_some(*connection), "error: connection reset"); });
  use([](runtime::World&, Conn connection) {
    EXPECT_TRUE(runtime::write_all(*connection, as_bytes("lost")));
    EXPECT_EQ(read_some(*connection), "error: connection reset");
  });
  run();
  EXPECT_EQ(effects(fault), 1U);
}

TEST_F(NetworkTest, ConnectionsShareTheNicsAndALimitIsShared) {
  simulation.network().limit_nic(*server, 1'000'000);
  std::vector<Duration> done;
  server->start("server", [&](runtime::World& world) {
    auto listener = world.listen({.host = "", .port = 9092});
    for (int i = 0; i < 2; ++i) {
      auto accepted = std::make_shared<Conn>(std::move(*(*listener)->accept()));
      world.spawn("sink", [&world, &done, accepted] {
        ByteBuffer buffer(250'000);
        EXPECT_TRUE(runtime::read_exactly(**accepted, buffer));
        done.push_back(world.now().time_since_epoch());
      });
    }
    world.park();
  });
  client->start("client", [&](runtime::World& world) {
    world.sleep_until(at(1ms));
    std::vector<Conn> both;
    for (int i = 0; i < 2; ++i) both.push_back(std::move(*world.connect(endpoint, end_of_time)));
    for (int piece = 0; piece < 10; ++piece) {
      for (const Conn& each : both) EXPECT_TRUE(runtime::write_all(*each, filled(25'000, 1)));
    }
    world.sleep_until(at(2s));
    finished = true;
  });
  run();
  ASSERT_EQ(done.size(), 2U);
  EXPECT_GT(done[0], 400ms);  // neither goes first: both get half
  EXPECT_GT(done[1], 500ms);
  EXPECT_LT(done[1], 520ms);
}

TEST_F(NetworkTest, ABandwidthLimitOnALinkQueues) {
  const FaultId fault = simulation.network().limit_bandwidth(*client, *server, 100'000);
  serve([](runtime::World& world, Conn connection) {
    ByteBuffer buffer(50'000);
    EXPECT_TRUE(runtime::read_exactly(*connection, buffer));
    EXPECT_GT(world.now(), at(500ms));
    EXPECT_LT(world.now(), at(510ms));
  });
  use([](runtime::World&, Conn connection) {
    EXPECT_TRUE(runtime::write_all(*connection, filled(50'000, 1)));
    EXPECT_EQ(read_some(*connection), "");
  });
  run();
  EXPECT_GT(effects(fault), 0U);
}

TEST_F(NetworkTest, ConnectionsOvertakeEachOther) {
  simulation.network().set_latency(*client, *server, 1ms, 20ms, Ways::one);
  std::string order;
  server->start("server", [&](runtime::World& world) {
    auto listener = world.listen({.host = "", .port = 9092});
    while (true) {
      auto accepted = std::make_shared<Conn>(std::move(*(*listener)->accept()));
      world.spawn("reader", [&order, accepted] { order += read_some(**accepted, 1); });
    }
  });
  client->start("client", [&](runtime::World& world) {
    world.sleep_until(at(1ms));
    std::vector<Conn> connections;
    for (int i = 0; i < 8; ++i) connections.push_back(std::move(*world.connect(endpoint, end_of_time)));
    world.sleep_until(at(2s));
    for (std::size_t i = 0; i < 8; ++i) {
      const std::string name(1, static_cast<char>('a' + i));
      EXPECT_TRUE(runtime::write_all(*connections[i], as_bytes(name)));
    }
    world.sleep_until(at(3s));
    finished = true;
  });
  run();
  EXPECT_EQ(order.size(), 8U);
  EXPECT_NE(order, "abcdefgh");
}

TEST_F(NetworkTest, ACrashedPeerResetsWhatWasDeliveredCanStillBeRead) {
  serve([](runtime::World& world, Conn connection) {
    EXPECT_TRUE(runtime::write_all(*connection, as_bytes("last words")));
    world.park();
  });
  use([&](runtime::World& world, Conn connection) {
    world.sleep_until(at(100ms));
    server->crash();
    world.sleep_until(at(200ms));
    EXPECT_EQ(read_some(*connection), "last words");
    EXPECT_EQ(read_some(*connection), "error: connection reset");
    EXPECT_EQ(world.connect(endpoint, end_of_time).error(), IoError::connection_refused);
  });
  run();
}

TEST_F(NetworkTest, AMachineWithoutPowerIsSilentAndResetsOldConnectionsOnceItIsBack) {
  serve([](runtime::World& world, Conn) { world.park(); });
  use([&](runtime::World& world, Conn connection) {
    world.sleep_until(at(100ms));
    server->power_cut();
    EXPECT_TRUE(runtime::write_all(*connection, as_bytes("anyone?")));
    connection->set_deadline(at(5s));
    EXPECT_EQ(read_some(*connection), "error: timed out");
    connection->set_deadline(at(30s));
    server->restart();
    EXPECT_EQ(read_some(*connection), "error: connection reset");
    EXPECT_LT(world.now(), at(15s));
  });
  run();
}

TEST_F(NetworkTest, ASenderWithoutAnAnswerGivesUpInTheEnd) {
  serve([](runtime::World& world, Conn) { world.park(); });
  use([&](runtime::World& world, Conn connection) {
    simulation.network().partition(*client, *server);
    EXPECT_TRUE(runtime::write_all(*connection, as_bytes("anyone?")));
    EXPECT_EQ(read_some(*connection), "error: connection reset");
    EXPECT_GE(world.now(), at(15min));
  });
  run(20min);
}

TEST_F(NetworkTest, SendFilePassesFileBytesToTheSocket) {
  ByteBuffer content(200'000);
  Random{2}.fill(content);
  serve([&](runtime::World&, Conn connection) {
    ByteBuffer received(100'000);
    EXPECT_TRUE(runtime::read_exactly(*connection, received));
    EXPECT_TRUE(std::equal(received.begin(), received.end(), content.begin() + 50'000));
  });
  use([&](runtime::World& world, Conn connection) {
    write_file(world, "/file", content, true);
    client->drop_caches();
    auto file = world.open("/file", OpenMode::read);
    const Instant before = world.now();
    EXPECT_TRUE(runtime::send_file_all(*connection, **file, 50'000, 100'000));
    EXPECT_GE(world.now() - before, client->options().profile.disk.latency);  // cold
    EXPECT_EQ(*connection->send_file(**file, 200'000, 10), 0U);
    EXPECT_EQ(read_some(*connection), "");
  });
  run();
}

TEST_F(NetworkTest, AFileWithMoreToComeArrivesWithItsHeadAndItsTail) {
  std::string arrived;
  serve([&](runtime::World&, Conn connection) { arrived = read_some(*connection); });
  use([&](runtime::World& world, Conn connection) {
    write_file(world, "/file", as_bytes("records"), true);
    auto file = world.open("/file", OpenMode::read);
    EXPECT_EQ(connection->writev(std::array{as_bytes("head ")}, runtime::More::yes), 5U);
    EXPECT_EQ(connection->send_file(**file, 0, 7, runtime::More::yes), 7U);
    EXPECT_EQ(connection->writev(std::array{as_bytes(" tail")}), 5U);
    EXPECT_EQ(read_some(*connection), "");
  });
  run();
  EXPECT_EQ(arrived, "head records tail");
}

// A charge of a request is 10 us of work.
class WorkBeforeWrites : public NetworkTest {
 protected:
  WorkBeforeWrites() {
    HardwareProfile profile = client->options().profile;
    profile.price_ps[static_cast<std::size_t>(runtime::Cost::request)] = 10'000'000;
    worker = &simulation.add_node({.name = "worker", .profile = profile});
  }
  Node* worker;
};

TEST_F(WorkBeforeWrites, DelaysWhatIsWrittenAndTheNextReadButNotTheWriter) {
  Instant arrived;
  serve([&](runtime::World& world, Conn connection) {
    read_some(*connection);
    arrived = world.now();
    EXPECT_TRUE(runtime::write_all(*connection, as_bytes("answer")));
    read_some(*connection);
  });
  worker->start("worker", [&](runtime::World& world) {
    world.sleep_until(at(1ms));
    const Conn connection = std::move(*world.connect(endpoint, world.now() + 10s));
    const Instant begun = world.now();
    world.charge(runtime::Cost::request, 1);
    EXPECT_TRUE(runtime::write_all(*connection, as_bytes("ask")));
    EXPECT_EQ(world.now(), begun) << "it goes on";
    world.sleep_until(begun + 10ms);
    EXPECT_EQ(arrived - begun, 1ms + 10us + 3ns) << "latency, work, and three bytes on the wire";
    world.charge(runtime::Cost::request, 1);
    EXPECT_TRUE(runtime::write_all(*connection, as_bytes("ask")));
    EXPECT_EQ(read_some(*connection), "answer") << "it has long been there";
    EXPECT_EQ(world.now() - begun, 10ms + 10us) << "but is taken when the work is done";
    finished = true;
  });
  run();
}

TEST_F(NetworkTest, NothingIsLeftOpenAfterBothSidesHaveClosed) {
  serve([](runtime::World&, Conn connection) { read_some(*connection); });
  use([](runtime::World&, Conn connection) { EXPECT_TRUE(runtime::write_all(*connection, as_bytes("x"))); });
  run();
  EXPECT_EQ(simulation.network().open_streams(), 0U);
}

}  // namespace
}  // namespace squall::sim
