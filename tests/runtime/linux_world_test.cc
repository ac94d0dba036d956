#include "runtime/linux/linux_world.h"

#include <gtest/gtest.h>

#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "runtime/channel.h"
#include "runtime/deadline.h"
#include "runtime/task.h"

namespace squall::runtime {
namespace {

using namespace std::chrono_literals;

LinuxOptions quiet() { return LinuxOptions{.seed = 1, .least_level = EventLevel::off}; }

TEST(LinuxWorld, RunsUntilItsMainFiberEndsAndUnwindsTheRest) {
  LinuxWorld world{quiet()};
  std::string story;
  world.run([&] {
    world.spawn("left behind", [&] {
      struct OnExit {
        std::string& story;
        ~OnExit() { story += "unwound"; }
      };
      const OnExit guard{story};
      world.park();
    });
    world.yield();
    story += "main ended, ";
  });
  EXPECT_EQ(story, "main ended, unwound");
}

TEST(LinuxWorld, WhatAnUnwindingFiberStartsIsUnwoundToo) {
  LinuxWorld world{quiet()};
  world.run([&] {
    world.spawn("left behind", [&] {
      struct OnExit {
        World& world;
        ~OnExit() {
          world.spawn("late", [&world = world] { world.park(); });
        }
      };
      const OnExit guard{world};
      world.park();
    });
    world.yield();
  });
  EXPECT_FALSE(world.current_fiber());
}

TEST(LinuxWorld, ItsClockStartsNearZeroAndDeadlinesWakeNeverEarly) {
  LinuxWorld world{quiet()};
  world.run([&] {
    EXPECT_LT(world.now(), Instant{1min});
    const Instant until = world.now() + 2ms;
    EXPECT_EQ(world.park_until(until), Wake::deadline);
    EXPECT_GE(world.now(), until);
    world.sleep_until(world.now());  // already there
  });
}

TEST(LinuxWorld, ItsWallClockIsOfThisCentury) {
  LinuxWorld world{quiet()};
  EXPECT_GT(to_ms(world.wall_now()), 1'600'000'000'000);
  EXPECT_LT(to_ms(world.wall_now()), 4'100'000'000'000);
}

TEST(LinuxWorld, AGivenSeedGivesEqualStreamsAndNoneGivesDifferentOnes) {
  LinuxWorld a{quiet()};
  LinuxWorld b{quiet()};
  EXPECT_EQ(a.fork_random("election").next(), b.fork_random("election").next());
  EXPECT_NE(a.fork_random("election").next(), a.fork_random("backoff").next());
  LinuxWorld c;
  LinuxWorld d;
  EXPECT_NE(c.fork_random("election").next(), d.fork_random("election").next());
}

TEST(LinuxWorld, APrimitiveWorksOverItAsOverAnyWorld) {
  LinuxWorld world{quiet()};
  int sum = 0;
  world.run([&] {
    Channel<int> channel{world, 2};
    auto giver = start_task(world, "giver", [&] {
      for (int i = 1; i <= 100; ++i) channel.push(i);
      channel.close();
    });
    while (auto value = channel.pop()) sum += *value;
    EXPECT_TRUE(giver.join());
  });
  EXPECT_EQ(sum, 5050);
}

TEST(LinuxWorld, ATerminationSignalAsksForAStop) {
  LinuxOptions options = quiet();
  options.handle_signals = true;
  LinuxWorld world{options};
  bool stopped = false;
  world.run([&] {
    world.spawn("operator", [] { std::raise(SIGTERM); });
    world.wait_for_stop();
    stopped = true;
    world.wait_for_stop();  // asked for already: returns at once
  });
  EXPECT_TRUE(stopped);
  EXPECT_TRUE(world.stop_requested());
}

TEST(LinuxWorld, ASignalThatIsRepeatedAtOnceIsTheSameRequest) {
  LinuxOptions options = quiet();
  options.handle_signals = true;
  options.signal_patience = std::chrono::hours{1};
  options.on_impatience = [] { FAIL() << "the stop has only begun"; };
  LinuxWorld world{options};
  bool ended = false;
  world.run([&] {
    std::raise(SIGTERM);
    world.wait_for_stop();
    std::raise(SIGTERM);
    std::raise(SIGINT);
    world.sleep_until(world.now() + std::chrono::milliseconds{5});
    ended = true;
  });
  EXPECT_TRUE(ended);
}

TEST(LinuxWorld, ALateSignalIsTold) {
  LinuxOptions options = quiet();
  options.handle_signals = true;
  options.signal_patience = Duration::zero();
  bool told = false;
  options.on_impatience = [&] { told = true; };
  LinuxWorld world{options};
  world.run([&] {
    std::raise(SIGTERM);
    world.wait_for_stop();
    std::raise(SIGTERM);
    while (!told) world.yield();
  });
  EXPECT_TRUE(told);
}

TEST(LinuxWorld, ASecondSignalCancelsAMainFiberThatDoesNotStop) {
  LinuxOptions options = quiet();
  options.handle_signals = true;
  options.signal_patience = Duration::zero();
  LinuxWorld world{options};
  bool unwound = false;
  world.run([&] {
    struct OnExit {
      bool& flag;
      ~OnExit() { flag = true; }
    };
    const OnExit guard{unwound};
    std::raise(SIGINT);
    world.wait_for_stop();
    std::raise(SIGINT);
    world.park();
  });
  EXPECT_TRUE(unwound);
}

TEST(LinuxWorld, BlockingWorkLeavesTheReactorFree) {
  Core core{2};
  // Fiber "work" blocks a helper thread until another fiber has run: only a free reactor can get there.
  std::mutex gate;
  gate.lock();
  std::string story;
  core.scheduler.spawn("work", [&] {
    story += core.offload.run([&] {
      const std::lock_guard lock{gate};
      return std::string{"work"};
    });
  });
  core.scheduler.spawn("other", [&] {
    story += "other ";
    gate.unlock();
  });
  while (core.scheduler.alive() > 0) {
    if (!core.scheduler.run_ready() && core.scheduler.alive() > 0) core.reactor.poll(Duration::max());
  }
  EXPECT_EQ(story, "other work");
}

TEST(LinuxWorld, AFiberCancelledInBlockingWorkLeavesWhenTheWorkHasEnded) {
  Core core{1};
  std::mutex gate;
  gate.lock();
  std::string story;
  const FiberId worker = core.scheduler.spawn("work", [&] {
    bool ended = false;
    struct OnExit {
      bool& ended;
      std::string& story;
      ~OnExit() { story += ended ? "after its end" : "before its end"; }
    };
    const OnExit guard{ended, story};
    (void)core.offload.run([&] {
      const std::lock_guard lock{gate};
      ended = true;
      return 0;
    });
    story += "never ";
  });
  core.scheduler.run_ready();
  core.scheduler.cancel(worker);
  core.scheduler.run_ready();
  EXPECT_EQ(story, "");
  gate.unlock();
  while (core.scheduler.alive() > 0) {
    core.reactor.poll(Duration::max());
    core.scheduler.run_ready();
  }
  EXPECT_EQ(story, "after its end");
}

TEST(LinuxWorld, WorkThatMissesItsDeadlineIsLeftToItself) {
  Core core{1};
  const auto gate = std::make_shared<std::mutex>();
  gate->lock();
  std::optional<int> result = 1;
  core.scheduler.spawn("work", [&] {
    result = core.offload.run_until(core.clock.now() + 1ms, [gate] {
      const std::lock_guard lock{*gate};
      return 2;
    });
  });
  core.scheduler.run_ready();
  while (core.scheduler.alive() > 0) {
    core.reactor.poll(core.scheduler.next_deadline() - core.clock.now());
    core.scheduler.fire_timers(core.clock.now());
    core.scheduler.run_ready();
  }
  EXPECT_EQ(result, std::nullopt);
  gate->unlock();
}

}  // namespace
}  // namespace squall::runtime
