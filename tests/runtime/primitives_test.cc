#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "runtime/channel.h"
#include "runtime/condition.h"
#include "runtime/gate.h"
#include "runtime/mutex.h"
#include "runtime/semaphore.h"
#include "runtime/wait_group.h"
#include "tests/runtime/test_world.h"

namespace squall::runtime {
namespace {

using namespace std::chrono_literals;

TEST(Mutex, KeepsOthersOutAcrossAWait) {
  TestWorld world;
  Mutex mutex{world};
  int inside = 0;
  int entered = 0;
  world.run([&] {
    for (int i = 0; i < 4; ++i) {
      world.spawn("contender", [&] {
        const std::lock_guard lock{mutex};
        EXPECT_EQ(++inside, 1);
        world.yield();
        --inside;
        ++entered;
      });
    }
  });
  EXPECT_EQ(entered, 4);
  EXPECT_FALSE(mutex.locked());
}

TEST(Mutex, GoesToWhoWaitedLongestEvenIfTheHolderWantsItBackAtOnce) {
  TestWorld world;
  Mutex mutex{world};
  std::string order;
  world.run([&] {
    mutex.lock();
    world.spawn("waiter", [&] {
      const std::lock_guard lock{mutex};
      order += "waiter ";
    });
    world.yield();
    mutex.unlock();
    EXPECT_FALSE(mutex.try_lock());
    mutex.lock();
    order += "holder again";
    mutex.unlock();
  });
  EXPECT_EQ(order, "waiter holder again");
}

TEST(Mutex, AWaiterThatIsCancelledLeavesTheLine) {
  TestWorld world;
  Mutex mutex{world};
  bool second_got_it = false;
  world.run([&] {
    mutex.lock();
    const FiberId first = world.spawn("first", [&] { const std::lock_guard lock{mutex}; });
    world.spawn("second", [&] {
      const std::lock_guard lock{mutex};
      second_got_it = true;
    });
    world.yield();
    world.cancel(first);
    mutex.unlock();
  });
  EXPECT_TRUE(second_got_it);
  EXPECT_FALSE(mutex.locked());
}

TEST(Mutex, HandedToAFiberThatIsCancelledBeforeItRunsItGoesOnToTheNext) {
  TestWorld world;
  Mutex mutex{world};
  bool second_got_it = false;
  world.run([&] {
    mutex.lock();
    const FiberId first = world.spawn("first", [&] { const std::lock_guard lock{mutex}; });
    world.spawn("second", [&] {
      const std::lock_guard lock{mutex};
      second_got_it = true;
    });
    world.yield();
    mutex.unlock();  // first owns it now, but has not run since
    world.cancel(first);
  });
  EXPECT_TRUE(second_got_it);
  EXPECT_FALSE(mutex.locked());
}

TEST(Mutex, GivesUpAtTheDeadline) {
  TestWorld world;
  Mutex mutex{world};
  world.run([&] {
    mutex.lock();
    world.spawn("impatient", [&] {
      const Instant deadline = world.now() + 5ms;
      EXPECT_FALSE(mutex.lock_until(deadline));
      EXPECT_EQ(world.now(), deadline);
    });
    world.sleep_until(world.now() + 10ms);
    mutex.unlock();
  });
  EXPECT_FALSE(mutex.locked());
}

TEST(Condition, WakesWhoWaitsForAPredicate) {
  TestWorld world;
  Condition changed{world};
  int value = 0;
  std::vector<int> seen;
  world.run([&] {
    for (const int wanted : {2, 1}) {
      world.spawn("watcher", [&, wanted] {
        changed.wait([&] { return value >= wanted; });
        seen.push_back(wanted);
      });
    }
    world.yield();
    for (int i = 0; i < 2; ++i) {
      ++value;
      changed.notify_all();
      world.yield();
    }
  });
  EXPECT_EQ(seen, (std::vector<int>{1, 2}));
}

TEST(Condition, ANotificationOfAFiberThatIsThenCancelledReachesAnother) {
  TestWorld world;
  Condition changed{world};
  bool second_woke = false;
  world.run([&] {
    const FiberId first = world.spawn("first", [&] { changed.wait(); });
    world.spawn("second", [&] {
      changed.wait();
      second_woke = true;
    });
    world.yield();
    changed.notify_one();
    world.cancel(first);
  });
  EXPECT_TRUE(second_woke);
}

TEST(Condition, GivesTheMutexUpWhileItWaits) {
  TestWorld world;
  Mutex mutex{world};
  Condition changed{world};
  bool ready = false;
  bool done = false;
  world.run([&] {
    world.spawn("waiter", [&] {
      std::unique_lock lock{mutex};
      while (!ready) changed.wait(lock);
      EXPECT_TRUE(mutex.locked());
      done = true;
    });
    world.yield();
    const std::lock_guard lock{mutex};
    ready = true;
    changed.notify_one();
  });
  EXPECT_TRUE(done);
}

TEST(Condition, TellsWhetherThePredicateHeldAtTheDeadline) {
  TestWorld world;
  Condition changed{world};
  world.run([&] {
    EXPECT_FALSE(changed.wait_until(world.now() + 5ms, [] { return false; }));
    EXPECT_TRUE(changed.wait_until(world.now() + 5ms, [] { return true; }));
    EXPECT_EQ(changed.wait_until(world.now() + 5ms), Wake::deadline);
    EXPECT_FALSE(changed.has_waiters());
  });
}

TEST(Semaphore, SmallRequestsDoNotOvertakeALargeOne) {
  TestWorld world;
  Semaphore memory{world, 10};
  std::string order;
  world.run([&] {
    memory.acquire(8);
    world.spawn("large", [&] {
      memory.acquire(9);
      order += "large ";
      memory.release(9);
    });
    world.spawn("small", [&] {
      memory.acquire(1);
      order += "small ";
      memory.release(1);
    });
    world.yield();
    EXPECT_FALSE(memory.try_acquire(1)) << "others are waiting";
    memory.release(8);
  });
  EXPECT_EQ(order, "large small ");
  EXPECT_EQ(memory.available(), 10U);
}

TEST(Semaphore, ALargeRequestThatGivesUpLetsSmallOnesPass) {
  TestWorld world;
  Semaphore memory{world, 10};
  Instant small_got_it{};
  world.run([&] {
    memory.acquire(8);
    world.spawn("large", [&] { EXPECT_FALSE(memory.acquire_until(world.now() + 5ms, 9)); });
    const FiberId cancelled = world.spawn("cancelled", [&] { memory.acquire(9); });
    world.spawn("small", [&] {
      memory.acquire(1);
      small_got_it = world.now();
    });
    world.sleep_until(world.now() + 10ms);
    world.cancel(cancelled);
  });
  EXPECT_EQ(small_got_it, Instant{10ms});
  EXPECT_EQ(memory.available(), 1U);
}

TEST(Semaphore, UnitsSetAsideForACancelledFiberAreReturned) {
  TestWorld world;
  Semaphore memory{world, 1};
  world.run([&] {
    memory.acquire();
    const FiberId victim = world.spawn("victim", [&] {
      memory.acquire();
      ADD_FAILURE() << "it was cancelled";
    });
    world.yield();
    memory.release();
    world.cancel(victim);
  });
  EXPECT_EQ(memory.available(), 1U);
}

TEST(Semaphore, UnitsAreReleasedWithTheirHolder) {
  TestWorld world;
  Semaphore memory{world, 5};
  world.run([&] {
    memory.acquire(3);
    SemaphoreUnits units{memory, 3};
    SemaphoreUnits moved{std::move(units)};
    EXPECT_EQ(moved.units(), 3U);
    EXPECT_EQ(memory.available(), 2U);
  });
  EXPECT_EQ(memory.available(), 5U);
}

TEST(Channel, DeliversInOrderThroughALittleRoom) {
  TestWorld world;
  Channel<std::unique_ptr<int>> channel{world, 2};
  std::vector<int> taken;
  world.run([&] {
    world.spawn("giver", [&] {
      for (int i = 0; i < 10; ++i) EXPECT_TRUE(channel.push(std::make_unique<int>(i)));
      channel.close();
    });
    while (auto value = channel.pop()) taken.push_back(**value);
  });
  EXPECT_EQ(taken, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST(Channel, AGiverWaitsForRoom) {
  TestWorld world;
  Channel<int> channel{world, 1};
  int given = 0;
  world.run([&] {
    world.spawn("giver", [&] {
      for (int i = 0; i < 3; ++i) {
        if (channel.push(i)) ++given;
      }
    });
    world.yield();
    EXPECT_EQ(given, 1);
    EXPECT_FALSE(channel.try_push(9));
    EXPECT_EQ(channel.pop(), 0);
    world.yield();
    EXPECT_EQ(given, 2);
    channel.close();
    EXPECT_EQ(channel.pop(), 1);
    EXPECT_EQ(channel.pop(), std::nullopt);
  });
  EXPECT_EQ(given, 2) << "the third was waiting when the channel closed";
}

TEST(Channel, DeadlinesEndBothWaits) {
  TestWorld world;
  Channel<int> channel{world, 1};
  world.run([&] {
    EXPECT_EQ(channel.pop(world.now() + 5ms), std::nullopt);
    EXPECT_FALSE(channel.closed());
    EXPECT_TRUE(channel.push(1));
    EXPECT_FALSE(channel.push(2, world.now() + 5ms));
    EXPECT_EQ(world.now(), Instant{10ms});
  });
}

TEST(Gate, ClosesWhenTheLastHasLeft) {
  TestWorld world;
  Gate gate{world};
  std::string story;
  world.run([&] {
    for (int i = 1; i <= 2; ++i) {
      auto inside = gate.enter();
      ASSERT_TRUE(inside.has_value());
      world.spawn("visitor", [&, i, held = std::move(*inside)] {
        world.sleep_until(Instant{i * 10ms});
        story += "left ";
      });
    }
    EXPECT_EQ(gate.inside(), 2U);
    EXPECT_FALSE(gate.close_and_wait_until(world.now() + 1ms));
    EXPECT_FALSE(gate.enter().has_value());
    gate.close_and_wait();
    story += "closed";
  });
  EXPECT_EQ(story, "left left closed");
}

TEST(Gate, AVisitorThatIsCancelledBeforeItBeganHasLeft) {
  TestWorld world;
  Gate gate{world};
  world.run([&] {
    auto inside = gate.enter();
    world.cancel(world.spawn("visitor", [held = std::move(*inside)] {}));
    gate.close_and_wait();
    EXPECT_EQ(gate.inside(), 0U);
  });
  EXPECT_TRUE(gate.closed());
}

TEST(WaitGroup, WaitsForAll) {
  TestWorld world;
  WaitGroup group{world};
  int done = 0;
  world.run([&] {
    group.add(3);
    for (int i = 1; i <= 3; ++i) {
      world.spawn("worker", [&, i] {
        world.sleep_until(Instant{i * 1ms});
        ++done;
        group.done();
      });
    }
    EXPECT_FALSE(group.wait_until(Instant{2ms + 500us}));
    group.wait();
    EXPECT_EQ(done, 3);
    group.wait();  // nothing is pending: returns at once
  });
  EXPECT_EQ(done, 3);
}

TEST(WaitQueue, DestroyedUnderAWaiterIsNotTouchedWhenTheFiberIsUnwound) {
  TestWorld world;
  auto condition = std::make_unique<Condition>(world);
  auto mutex = std::make_unique<Mutex>(world);
  (void)mutex->try_lock();
  world.spawn("orphan", [&] { condition->wait(); });
  world.spawn("orphan", [&] { mutex->lock(); });
  world.run();
  condition.reset();
  mutex.reset();
  world.scheduler().cancel_all();
  world.run();
  EXPECT_EQ(world.scheduler().alive(), 0U);
}

}  // namespace
}  // namespace squall::runtime
