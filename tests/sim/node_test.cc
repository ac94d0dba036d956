#include "sim/node.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/sim/fixture.h"

namespace squall::sim {
namespace {

struct Unwound {
  explicit Unwound(int& count) : counter{&count} {}
  ~Unwound() { ++*counter; }
  Unwound(const Unwound&) = delete;
  Unwound& operator=(const Unwound&) = delete;
  int* counter;
};

TEST(Node, ACrashUnwindsEveryFiberAndItsWorldDoesNothingAnyMore) {
  int unwound = 0;  // before the simulation, whose end unwinds the second process
  int went_on = 0;
  Simulation simulation{quiet()};
  Node& node = simulation.add_node({.name = "a"});
  runtime::World* first = nullptr;
  node.start("main", [&](runtime::World& world) {
    if (first == nullptr) first = &world;
    for (int i = 0; i < 5; ++i) {
      world.spawn("child", [&] {
        const Unwound guard{unwound};
        world.sleep_until(at(1h));
        ++went_on;
      });
    }
    const Unwound guard{unwound};
    world.park();
    ++went_on;
  });
  simulation.run_until(at(1s));
  node.crash();
  EXPECT_EQ(unwound, 6);
  EXPECT_EQ(went_on, 0);
  EXPECT_EQ(first->open("/x", OpenMode::create).error(), IoError::closed);
  EXPECT_EQ(first->listen({}).error(), IoError::closed);
  EXPECT_FALSE(first->spawn("late", [] {}));
  EXPECT_FALSE(node.disk().peek("/x"));
  node.restart();
  simulation.run_until(at(2s));
  EXPECT_EQ(node.state(), NodeState::running);
  EXPECT_EQ(node.incarnation(), 2U);
  EXPECT_NE(&node.world(), first);
}

TEST(Node, AFiberThatWasNotYetRunNeverRunsAfterACrash) {
  Simulation simulation{quiet()};
  Node& node = simulation.add_node({.name = "a"});
  bool ran = false;
  node.start("main", [&](runtime::World&) { ran = true; });
  node.crash();
  simulation.run_until(at(1s));
  EXPECT_FALSE(ran);
}

TEST(Node, AFiberThatSpinsOnFailingCallsOfADeadWorldIsEnded) {
  Simulation simulation{quiet()};
  Node& node = simulation.add_node({.name = "a"});
  node.start("main", [&](runtime::World& world) {
    try {
      world.park();
    } catch (const runtime::FiberCancelled&) {
      while (!world.open("/x", OpenMode::create)) {
      }
    }
  });
  simulation.run_until(at(1ms));
  node.crash();
  EXPECT_EQ(node.state(), NodeState::off);
}

TEST(Node, APauseFreezesFibersAndTimersAndEverythingIsLateAfterwards) {
  Simulation simulation{quiet()};
  Node& node = simulation.add_node({.name = "a"});
  Node& other = simulation.add_node({.name = "b"});
  std::vector<Duration> ticks;
  int others = 0;
  node.start("main", [&](runtime::World& world) {
    for (int i = 1; i <= 5; ++i) {
      world.spawn("tick", [&world, &ticks, i] {
        world.sleep_until(at(i * 100ms));
        ticks.push_back(world.now().time_since_epoch());
      });
    }
    world.sleep_until(at(1s));
  });
  other.start("main", [&](runtime::World& world) {
    while (true) {
      world.sleep_until(world.now() + 100ms);
      ++others;
    }
  });
  simulation.after(150ms, [&] { node.pause(300ms); });
  simulation.run_until(at(440ms));
  EXPECT_TRUE(node.paused());
  EXPECT_EQ(ticks, std::vector<Duration>{100ms});
  EXPECT_EQ(others, 4);
  simulation.run_until(at(1s));
  EXPECT_EQ(ticks, (std::vector<Duration>{100ms, 450ms, 450ms, 450ms, 500ms}));
}

TEST(Node, APausedNodesSocketsGoOnAcceptingBytesAndConnections) {
  Simulation simulation{quiet()};
  Node& server = simulation.add_node({.name = "server"});
  Node& client = simulation.add_node({.name = "client"});
  server.start("server", echo_server);
  simulation.after(10ms, [&] { server.pause(2s); });
  Instant written;
  Instant answered;
  client.start("client", [&](runtime::World& world) {
    world.sleep_until(at(20ms));
    auto connection = world.connect({.host = "server", .port = 9092}, world.now() + 1s);
    ASSERT_TRUE(connection);
    ASSERT_TRUE(runtime::write_all(**connection, as_bytes("hello")));
    written = world.now();
    EXPECT_EQ(read_some(**connection), "hello");
    answered = world.now();
  });
  simulation.run_until(at(3s));
  EXPECT_LT(written, at(30ms));
  EXPECT_GE(answered, at(2010ms));
  EXPECT_LT(answered, at(2020ms));
}

TEST(Node, AProcessThatEndsTellsWhatItLeftOpen) {
  Simulation simulation{quiet()};
  Node& node = simulation.add_node({.name = "a"});
  bool clean = false;
  node.start("main", [&](runtime::World& world) {
    if (clean) {
      auto file = world.open("/x", OpenMode::create);
      world.spawn("short", [&world] { world.yield(); });
      return;
    }
    auto file = std::make_shared<std::unique_ptr<runtime::File>>(*world.open("/x", OpenMode::create));
    auto listener = std::make_shared<std::unique_ptr<runtime::Listener>>(*world.listen({.host = "", .port = 1}));
    world.spawn("forgotten", [&world, file, listener] { world.park(); });
  });
  simulation.run_until(at(1s));
  EXPECT_EQ(node.state(), NodeState::off);
  EXPECT_EQ(node.leaks().fibers, 1U);
  EXPECT_EQ(node.leaks().files, 1U);
  EXPECT_EQ(node.leaks().listeners, 1U);
  clean = true;
  node.restart();
  simulation.run_until(at(2s));
  EXPECT_EQ(node.state(), NodeState::off);
  EXPECT_EQ(node.leaks().total(), 0U);
}

TEST(Node, AStopRequestRunsTheHandlerOrCancelsTheMainFiber) {
  Simulation simulation{quiet()};
  Node& node = simulation.add_node({.name = "a"});
  std::string log;
  node.start("main", [&](runtime::World& world) {
    const runtime::FiberId self = world.current_fiber();
    node.set_stop_handler([&, self] {
      log += "asked ";
      world.unpark(self);
    });
    world.park();
    log += "ended";
  });
  simulation.run_until(at(1s));
  node.request_stop();
  simulation.run_until(at(2s));
  EXPECT_EQ(log, "asked ended");
  EXPECT_EQ(node.state(), NodeState::off);

  node.start("main", [](runtime::World& world) { world.park(); });
  simulation.run_until(at(3s));
  EXPECT_EQ(node.state(), NodeState::running);
  node.request_stop();
  simulation.run_until(at(4s));
  EXPECT_EQ(node.state(), NodeState::off);
}

TEST(Node, LocksAreReleasedByACrash) {
  Simulation simulation{quiet()};
  Node& node = simulation.add_node({.name = "a"});
  int locked = 0;
  node.start("main", [&](runtime::World& world) {
    const auto lock = world.lock("/.lock");
    EXPECT_TRUE(lock);
    EXPECT_EQ(world.lock("/.lock").error(), IoError::locked);
    ++locked;
    world.park();
  });
  simulation.run_until(at(1s));
  node.crash();
  node.restart();
  simulation.run_until(at(2s));
  EXPECT_EQ(locked, 2);
}

TEST(Clock, SkewJumpsAndDriftAreTheNodesOwn) {
  Simulation simulation{quiet()};
  Node& fast = simulation.add_node({.name = "fast", .clock = {.skew = 250ms, .drift_ppm = 1'000}});
  Node& right = simulation.add_node({.name = "right"});
  fast.start("main", [](runtime::World& world) { world.park(); });
  right.start("main", [](runtime::World& world) { world.park(); });
  simulation.run_until(at(1000s));
  EXPECT_EQ(right.world().now(), at(1000s));
  EXPECT_EQ(fast.world().now(), at(1001s));
  EXPECT_EQ(fast.world().wall_now() - right.world().wall_now(), 1250ms);
  right.jump_clock(-10s);
  EXPECT_EQ(right.world().wall_now() - simulation.options().wall_start, 990s);
  EXPECT_EQ(right.world().now(), at(1000s));
  right.correct_clock();
  EXPECT_EQ(right.world().wall_now() - simulation.options().wall_start, 1000s);
  fast.correct_clock();
  EXPECT_EQ(fast.world().wall_now(), right.world().wall_now());
  simulation.run_until(at(2000s));
  EXPECT_EQ(fast.world().wall_now() - right.world().wall_now(), 1s) << "it drifts on from there";
}

TEST(Clock, TheMonotonicClockNeverGoesBackAndSleepsNeverEndEarly) {
  Simulation simulation{quiet()};
  Node& node = simulation.add_node({.name = "a", .clock = {.skew = {}, .drift_ppm = 333}});
  int checked = 0;
  node.start("main", [&](runtime::World& world) {
    Instant last = world.now();
    while (true) {
      const Instant until = world.now() + 777'777ns;
      world.sleep_until(until);
      ASSERT_GE(world.now(), until);
      ASSERT_GE(world.now(), last);
      ASSERT_LT(world.now(), until + 100us);
      last = world.now();
      ++checked;
    }
  });
  Random random{3};
  for (int i = 0; i < 50; ++i) {
    simulation.run_for(10ms);
    node.set_drift(random.between(-50'000, 50'000));
  }
  EXPECT_GT(checked, 500);
}

TEST(Node, RandomStreamsAreNamedAndDifferBetweenNodesAndIncarnations) {
  Simulation simulation{quiet()};
  std::vector<std::uint64_t> draws;
  for (const char* name : {"a", "b"}) {
    simulation.add_node({.name = name}).start("main", [&](runtime::World& world) {
      EXPECT_EQ(world.fork_random("x").next(), world.fork_random("x").next());
      draws.push_back(world.fork_random("x").next());
    });
  }
  simulation.run_until(at(1s));
  simulation.node(0).restart();
  simulation.run_until(at(2s));
  ASSERT_EQ(draws.size(), 3U);
  EXPECT_NE(draws[0], draws[1]);
  EXPECT_NE(draws[0], draws[2]);
}

}  // namespace
}  // namespace squall::sim
