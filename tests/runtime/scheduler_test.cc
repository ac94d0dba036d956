// What World promises of fibers: permits, deadlines, cancellation.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "runtime/deadline.h"
#include "tests/runtime/test_world.h"

namespace squall::runtime {
namespace {

using namespace std::chrono_literals;

TEST(Scheduler, RunsFibersInTheOrderTheyBecameReady) {
  TestWorld world;
  std::string order;
  world.run([&] {
    world.spawn("b", [&] { order += "b"; });
    world.spawn("c", [&] { order += "c"; });
    world.yield();
    order += "a";
  });
  EXPECT_EQ(order, "bca");
}

TEST(Scheduler, AnUnparkBeforeTheParkIsNotLost) {
  TestWorld world;
  bool returned = false;
  world.run([&] {
    world.unpark(world.current_fiber());
    world.park();
    returned = true;
  });
  EXPECT_TRUE(returned);
}

TEST(Scheduler, ManyUnparksLeaveOnePermit) {
  TestWorld world;
  Wake second = Wake::unparked;
  world.run([&] {
    world.unpark(world.current_fiber());
    world.unpark(world.current_fiber());
    world.park();
    second = world.park_until(world.now() + 1s);
  });
  EXPECT_EQ(second, Wake::deadline);
}

TEST(Scheduler, ADeadlineWakesNeitherEarlyNorOutOfOrder) {
  TestWorld world;
  std::vector<int> order;
  world.run([&] {
    for (const int ms : {30, 10, 20, 50, 40}) {
      world.spawn("sleeper", [&, ms] {
        const Instant until = world.now() + std::chrono::milliseconds{ms};
        world.sleep_until(until);
        EXPECT_EQ(world.now(), until);
        order.push_back(ms);
      });
    }
  });
  EXPECT_EQ(order, (std::vector<int>{10, 20, 30, 40, 50}));
}

TEST(Scheduler, ADeadlineOfAnEarlierWaitDoesNotEndALaterOne) {
  TestWorld world;
  world.run([&] {
    const FiberId self = world.current_fiber();
    world.spawn("waker", [&world, self] { world.unpark(self); });
    EXPECT_EQ(world.park_until(world.now() + 10ms), Wake::unparked);
    const Instant later_deadline = world.now() + 100ms;
    EXPECT_EQ(world.park_until(later_deadline), Wake::deadline);
    EXPECT_EQ(world.now(), later_deadline);
    const Instant sooner = world.now() + 1ms;
    EXPECT_EQ(world.park_until(sooner), Wake::deadline);
    EXPECT_EQ(world.now(), sooner);
  });
}

TEST(Scheduler, ThousandsOfWaitsWithFarDeadlinesLeaveOneTimer) {
  TestWorld world;
  int rounds = 0;
  world.run([&] {
    const FiberId self = world.current_fiber();
    for (; rounds < 5000; ++rounds) {
      world.spawn("waker", [&world, self] { world.unpark(self); });
      EXPECT_EQ(world.park_until(world.now() + 1h), Wake::unparked);
    }
  });
  EXPECT_EQ(rounds, 5000);
  EXPECT_EQ(world.now(), Instant{}) << "an ended fiber leaves no deadline behind";
}

TEST(Scheduler, CancelUnwindsAParkedFiber) {
  TestWorld world;
  bool unwound = false;
  bool went_on = false;
  world.run([&] {
    const FiberId victim = world.spawn("victim", [&] {
      struct OnExit {
        bool& flag;
        ~OnExit() { flag = true; }
      };
      const OnExit guard{unwound};
      world.park();
      went_on = true;
    });
    world.yield();
    EXPECT_FALSE(unwound);
    world.cancel(victim);
    world.yield();
    EXPECT_TRUE(unwound);
    world.cancel(victim);  // stale now: nothing happens
    world.unpark(victim);
  });
  EXPECT_FALSE(went_on);
}

TEST(Scheduler, CancelOfARunningFiberStrikesAtItsNextWait) {
  TestWorld world;
  std::string story;
  world.run([&] {
    world.spawn("victim", [&] {
      world.cancel(world.current_fiber());
      story += "still here";
      world.yield();
      story += "never";
    });
  });
  EXPECT_EQ(story, "still here");
}

TEST(Scheduler, CancellationIsThrownOnceSoThatCleaningUpMayWait) {
  TestWorld world;
  std::string story;
  world.run([&] {
    const FiberId victim = world.spawn("victim", [&] {
      try {
        world.park();
      } catch (const FiberCancelled&) {
        story += "caught ";
      }
      world.sleep_until(world.now() + 1s);
      story += "slept ";
      world.cancel(world.current_fiber());
      world.yield();
      story += "never";
    });
    world.yield();
    world.cancel(victim);
    world.cancel(victim);
  });
  EXPECT_EQ(story, "caught slept ");
}

TEST(Scheduler, AFiberCancelledBeforeItBeganNeverBegins) {
  TestWorld world;
  bool began = false;
  world.run([&] { world.cancel(world.spawn("early", [&] { began = true; })); });
  EXPECT_FALSE(began);
  EXPECT_EQ(world.scheduler().alive(), 0U);
}

TEST(Scheduler, CancelAllUnwindsTheYoungestFirst) {
  TestWorld world;
  std::string order;
  const auto waiter = [&](char name) {
    return [&world, &order, name] {
      struct OnExit {
        std::string& order;
        char name;
        ~OnExit() { order += name; }
      };
      const OnExit guard{order, name};
      world.park();
    };
  };
  world.spawn("a", waiter('a'));
  world.spawn("b", waiter('b'));
  world.spawn("c", waiter('c'));
  world.run();
  world.scheduler().cancel_all();
  world.run();
  EXPECT_EQ(order, "cba");
}

TEST(Deadline, ArithmeticDoesNotOverflow) {
  EXPECT_EQ(later(Instant{5s}, Duration::max()), end_of_time);
  EXPECT_EQ(later(end_of_time, 1s), end_of_time);
  EXPECT_EQ(later(Instant{5s}, 2s), Instant{7s});
  TestWorld world;
  EXPECT_EQ(deadline_in(world, Duration::max()), end_of_time);
  EXPECT_EQ(time_left(world, end_of_time), Duration::max());
  EXPECT_EQ(time_left(world, Instant{-5s}), 0s);
  EXPECT_FALSE(has_passed(world, end_of_time));
  EXPECT_TRUE(has_passed(world, Instant{}));
}

}  // namespace
}  // namespace squall::runtime
