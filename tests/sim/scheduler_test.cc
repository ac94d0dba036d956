#include "sim/scheduler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "sim/event_queue.h"
#include "tests/sim/fixture.h"

namespace squall::sim {
namespace {

TEST(EventQueue, GivesEventsInTheOrderOfTimeAndOneInstantInASeededOrder) {
  Random random{7};
  EventQueue queue{1};
  std::vector<std::int64_t> times;
  for (int i = 0; i < 2'000; ++i) {
    times.push_back(random.between(0, 300));
    queue.push(Instant{Duration{times.back()}}, EventKind::control, 0, 0);
  }
  std::ranges::sort(times);
  for (const std::int64_t expected : times) EXPECT_EQ(queue.pop().at, expected);
  EXPECT_TRUE(queue.empty());
}

std::string order_of_ten_fibers(std::uint64_t seed) {
  Simulation simulation{quiet(seed)};
  std::string order;
  simulation.add_node({.name = "a"}).start("main", [&](runtime::World& world) {
    for (char name = '0'; name <= '9'; ++name) world.spawn("digit", [&order, name] { order += name; });
    world.sleep_until(world.now() + 1ms);
  });
  simulation.run_until(at(1s));
  return order;
}

TEST(Scheduler, DrawsTheOrderOfReadyFibersFromTheSeed) {
  EXPECT_EQ(order_of_ten_fibers(1), order_of_ten_fibers(1));
  EXPECT_NE(order_of_ten_fibers(1), order_of_ten_fibers(2));
  EXPECT_EQ(order_of_ten_fibers(3).size(), 10U);
}

TEST(Scheduler, AnUnparkBeforeTheParkCounts) {
  Simulation simulation{quiet()};
  bool returned = false;
  simulation.add_node({.name = "a"}).start("main", [&](runtime::World& world) {
    world.unpark(world.current_fiber());
    world.park();
    returned = true;
    EXPECT_EQ(world.park_until(world.now() + 5ms), runtime::Wake::deadline);
    EXPECT_EQ(world.now(), at(5ms));
  });
  simulation.run_until(at(1s));
  EXPECT_TRUE(returned);
}

TEST(Scheduler, AWaitEndsAtItsDeadlineOrByTheUnparkWhicheverIsFirst) {
  Simulation simulation{quiet()};
  std::vector<runtime::Wake> wakes;
  simulation.add_node({.name = "a"}).start("main", [&](runtime::World& world) {
    const auto sleeper = world.spawn("sleeper", [&] {
      for (int i = 0; i < 3; ++i) wakes.push_back(world.park_until(world.now() + 10ms));
    });
    world.sleep_until(at(3ms));
    world.unpark(sleeper);
    world.sleep_until(at(100ms));
  });
  simulation.run_until(at(1s));
  EXPECT_EQ(wakes, (std::vector{runtime::Wake::unparked, runtime::Wake::deadline, runtime::Wake::deadline}));
}

TEST(Scheduler, ACancelledFiberLeavesItsWaitOnceAndMayWaitAgain) {
  Simulation simulation{quiet()};
  std::string log;
  simulation.add_node({.name = "a"}).start("main", [&](runtime::World& world) {
    const auto fiber = world.spawn("victim", [&] {
      try {
        world.sleep_until(at(1h));
      } catch (const runtime::FiberCancelled&) {
        log += "cancelled ";
      }
      world.sleep_until(world.now() + 1ms);
      log += "slept";
    });
    world.sleep_until(at(1ms));
    world.cancel(fiber);
    world.sleep_until(at(10ms));
  });
  simulation.run_until(at(1s));
  EXPECT_EQ(log, "cancelled slept");
}

TEST(Scheduler, ALivelockEndsTheRunAndTheRingShowsIt) {
  SimulationOptions options = quiet();
  options.livelock_steps = 10'000;
  Simulation simulation{options};
  simulation.add_node({.name = "spinner"}).start("main", [](runtime::World& world) {
    while (true) world.yield();
  });
  EXPECT_EQ(simulation.run_until(at(1s)), RunEnd::livelock);
  EXPECT_NE(simulation.recent(10).back().find("spinner"), std::string::npos);
}

TEST(Scheduler, AFiberThatWaitsForThePastForEverIsALivelockToo) {
  SimulationOptions options = quiet();
  options.livelock_steps = 10'000;
  Simulation simulation{options};
  simulation.add_node({.name = "spinner"}).start("main", [](runtime::World& world) {
    while (true) world.park_until(world.now());
  });
  EXPECT_EQ(simulation.run_until(at(1s)), RunEnd::livelock);
}

TEST(Scheduler, RunWhileStopsAtThePredicateAndSaysWhenNothingIsLeft) {
  Simulation simulation{quiet()};
  int ticks = 0;
  simulation.add_node({.name = "a"}).start("main", [&](runtime::World& world) {
    for (ticks = 0; ticks < 10; ++ticks) world.sleep_until(world.now() + 1s);
  });
  EXPECT_EQ(simulation.run_while([&] { return ticks < 5; }), RunEnd::stopped);
  EXPECT_EQ(ticks, 5);
  EXPECT_EQ(simulation.run_while([] { return true; }), RunEnd::idle);
  EXPECT_EQ(ticks, 10);
}

TEST(Scheduler, AStopFromWithinEndsTheRunBeforeItsNextStepAndTheNextRunGoesOn) {
  Simulation simulation{quiet()};
  int rounds = 0;
  simulation.add_node({.name = "a"}).start("main", [&](runtime::World& world) {
    while (true) {
      world.sleep_until(world.now() + 1ms);
      if (++rounds == 3) simulation.stop();
    }
  });
  EXPECT_EQ(simulation.run_until(at(10ms)), RunEnd::stopped);
  EXPECT_EQ(rounds, 3);
  EXPECT_EQ(simulation.now(), at(3ms));
  EXPECT_EQ(simulation.run_until(at(10ms)), RunEnd::reached);
  EXPECT_EQ(rounds, 10);
}

TEST(Cpu, WorkQueuesForTheVirtualCores) {
  Simulation simulation{quiet()};
  HardwareProfile profile = default_profile();
  profile.price_ps[static_cast<std::size_t>(runtime::Cost::request)] = 1'000'000'000;  // 1 ms
  Node& node = simulation.add_node({.name = "a", .profile = profile, .cores = 2});
  std::vector<Duration> done;
  node.start("main", [&](runtime::World& world) {
    for (int i = 0; i < 4; ++i) {
      world.spawn("work", [&] {
        world.charge(runtime::Cost::request, 1);
        done.push_back(world.now().time_since_epoch());
      });
    }
    world.sleep_until(at(1s));
  });
  simulation.run_until(at(500ms));
  EXPECT_EQ(done, (std::vector<Duration>{1ms, 1ms, 2ms, 2ms}));
}

TEST(Cpu, TinyChargesAddUpAndASlowCpuCostsMore) {
  Simulation simulation{quiet()};
  HardwareProfile profile = default_profile();
  profile.price_ps[static_cast<std::size_t>(runtime::Cost::copied_byte)] = 100;
  Node& node = simulation.add_node({.name = "a", .profile = profile});
  Duration usual{};
  Duration slow{};
  const FaultId fault = node.set_cpu_percent(100);
  EXPECT_EQ(fault, 0U);
  node.start("main", [&](runtime::World& world) {
    for (int i = 0; i < 100'000; ++i) world.charge(runtime::Cost::copied_byte, 100);
    usual = world.now().time_since_epoch();
    node.set_cpu_percent(300);
    for (int i = 0; i < 100'000; ++i) world.charge(runtime::Cost::copied_byte, 100);
    slow = world.now().time_since_epoch() - usual;
  });
  simulation.run_until(at(1s));
  EXPECT_EQ(usual, 1ms);
  EXPECT_GT(slow, 3ms - 20us);  // the last few are still owed
  EXPECT_LE(slow, 3ms);
  EXPECT_EQ(simulation.ledger().effective(), 1U);
}

}  // namespace
}  // namespace squall::sim
