#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/sim/fixture.h"

namespace squall::sim {
namespace {

// Some of everything: a server that stores what it gets, clients that reconnect, crashes, pauses, partitions.
struct Outcome {
  TraceHash hash;
  std::uint64_t count = 0;
  std::vector<std::string> lines;
};

void client(runtime::World& world, const std::string& server) {
  Random random = world.fork_random("payload");
  while (true) {
    auto connection = world.connect({.host = server, .port = 9092}, world.now() + 500ms);
    if (!connection) {
      world.sleep_until(world.now() + 20ms);
      continue;
    }
    while (true) {
      ByteBuffer bytes(random.below(3000) + 1);
      random.fill(bytes);
      (*connection)->set_deadline(world.now() + 300ms);
      if (!runtime::write_all(**connection, bytes)) break;
      ByteBuffer answer(bytes.size());
      if (!runtime::read_exactly(**connection, answer)) break;
      EXPECT_EQ(answer, bytes);
      auto file = world.open("/log", OpenMode::create);
      if (file) {
        EXPECT_TRUE((*file)->pwritev(std::vector{ByteView{bytes}}, (*file)->size().value_or(0)));
        EXPECT_TRUE(!random.chance(1, 8) || (*file)->sync());
      }
      world.emit(runtime::EventName::records_acknowledged, {{"count", std::int64_t{1}}, {"topic", "orders"}});
      world.charge(runtime::Cost::request, 3);
      world.sleep_until(world.now() + random.exponential(2ms));
    }
  }
}

Outcome run(std::uint64_t seed, Duration slice, bool by_predicate = false) {
  SimulationOptions options;
  options.seed = seed;
  Simulation simulation{options};
  Outcome result;
  simulation.trace().set_sink([&](const TraceRecord& record) { result.lines.push_back(to_text(record, "node")); });
  Node& server = simulation.add_node({.name = "server"});
  server.start("server", echo_server);
  for (int i = 0; i < 3; ++i) {
    Node& node = simulation.add_node({.name = "client-" + std::to_string(i)});
    node.start("client", [](runtime::World& world) { client(world, "server"); });
  }
  Node& first = simulation.node(1);
  Node& second = simulation.node(2);
  simulation.after(200ms, [&] { server.pause(100ms); });
  simulation.after(400ms, [&] { simulation.network().partition(first, server); });
  simulation.after(600ms, [&] { simulation.network().heal(first, server); });
  simulation.after(700ms, [&] { second.power_cut(); });
  simulation.after(800ms, [&] { second.restart(); });
  simulation.after(900ms, [&] { server.crash(); });
  simulation.after(950ms, [&] { server.restart(); });
  while (simulation.now() < at(1500ms)) {
    if (by_predicate) {
      simulation.run_while([] { return true; }, simulation.now() + slice);
    } else {
      simulation.run_for(slice);
    }
  }
  result.hash = simulation.trace_hash();
  result.count = simulation.trace().count();
  return result;
}

TEST(Determinism, OneSeedGivesOneHashAndAnotherSeedAnother) {
  const Outcome first = run(11, 1500ms);
  const Outcome again = run(11, 1500ms);
  const Outcome other = run(12, 1500ms);
  EXPECT_GT(first.count, 5'000U);
  EXPECT_EQ(to_string(first.hash), to_string(again.hash));
  EXPECT_EQ(first.lines, again.lines);
  EXPECT_NE(to_string(first.hash), to_string(other.hash));
}

TEST(Determinism, TheTraceDoesNotDependOnHowTheRunIsSliced) {
  const Outcome whole = run(5, 1500ms);
  for (const bool by_predicate : {false, true}) {
    const Outcome sliced = run(5, 500us, by_predicate);
    for (std::size_t i = 0; i < std::min(whole.lines.size(), sliced.lines.size()); ++i) {
      ASSERT_EQ(whole.lines[i], sliced.lines[i]) << "line " << i;
    }
    EXPECT_EQ(to_string(whole.hash), to_string(sliced.hash));
  }
}

// The same on every compiler, optimisation level and machine: a change here means that recorded runs no longer replay.
TEST(Determinism, TheHashOfAKnownRunIsKnown) {
  Trace trace{16};
  trace.record(
      {.at = 1, .a = 2, .b = 3, .digest = digest_of(std::string_view{"squall"}), .node = 4, .crossing = Crossing::open});
  const std::string first = to_string(trace.hash());
  trace.record({.at = 1, .a = 2, .b = 3, .digest = 0, .node = 4, .crossing = Crossing::open});
  EXPECT_EQ(first, "bc101506a2e9cd3037bba6c226cce060");
  EXPECT_EQ(to_string(trace.hash()), "ec693af7848b1a3c050572e4295a5e45");
}

TEST(Trace, ProductEventsReachObserversTriggersAndTheRing) {
  Simulation simulation{quiet()};
  std::vector<std::string> seen;
  simulation.on_event([&](const ProductEvent& event) {
    seen.push_back(to_string(event));
    EXPECT_EQ(event.number("partition"), 3);
    EXPECT_EQ(event.text("topic"), "orders");
    EXPECT_FALSE(event.number("topic"));
  });
  simulation.add_node({.name = "broker-1"}).start("main", [](runtime::World& world) {
    world.sleep_until(world.now() + 1500ms);
    world.emit(runtime::EventName::segment_rolled, {{"topic", "orders"}, {"partition", std::int64_t{3}}});
  });
  simulation.run_until(at(2s));
  EXPECT_EQ(seen, std::vector<std::string>{"segment-rolled topic=orders partition=3"});
  const auto recent = simulation.recent_events(5);
  ASSERT_EQ(recent.size(), 1U);
  EXPECT_EQ(recent[0], "    1.500000000 s  broker-1     segment-rolled topic=orders partition=3");
}

TEST(Trace, AnObserverMayCrashTheNodeThatEmitted) {
  Simulation simulation{quiet()};
  bool survived = false;
  Node& node = simulation.add_node({.name = "a"});
  simulation.on_event([&](const ProductEvent&) { node.crash(); });
  node.start("main", [&](runtime::World& world) {
    world.emit(runtime::EventName::node_started, {});
    world.sleep_until(world.now() + 1ms);
    survived = true;
  });
  simulation.run_until(at(1s));
  EXPECT_FALSE(survived);
  EXPECT_EQ(node.state(), NodeState::off);
}

}  // namespace
}  // namespace squall::sim
