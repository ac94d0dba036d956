#include "runtime/task.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/runtime/test_world.h"

namespace squall::runtime {
namespace {

using namespace std::chrono_literals;

TEST(Task, HandsItsResultToWhoJoins) {
  TestWorld world;
  world.run([&] {
    Task<std::unique_ptr<int>> task = start_task(world, "maker", [&] {
      world.sleep_until(world.now() + 1s);
      return std::make_unique<int>(7);
    });
    EXPECT_FALSE(task.done());
    auto result = task.join();
    ASSERT_TRUE(result.has_value());
    EXPECT_EQ(**result, 7);
    EXPECT_TRUE(task.done());
  });
}

TEST(Task, JoinTellsWhetherAVoidTaskRanToItsEnd) {
  TestWorld world;
  world.run([&] {
    auto finished = start_task(world, "finished", [] {});
    EXPECT_TRUE(finished.join());
    auto cancelled = start_task(world, "cancelled", [&] { world.park(); });
    world.yield();
    cancelled.cancel();
    EXPECT_FALSE(cancelled.join());
    auto never_began = start_task(world, "never", [] { ADD_FAILURE(); });
    never_began.cancel();
    EXPECT_FALSE(never_began.join());
  });
}

TEST(Task, WaitingForItMayHaveADeadline) {
  TestWorld world;
  world.run([&] {
    auto task = start_task(world, "slow", [&] { world.sleep_until(Instant{10ms}); });
    EXPECT_FALSE(task.wait_until(Instant{5ms}));
    EXPECT_TRUE(task.wait_until(Instant{15ms}));
    EXPECT_EQ(world.now(), Instant{10ms});
  });
}

TEST(Task, DoesNotOutliveItsScope) {
  TestWorld world;
  bool unwound = false;
  world.run([&] {
    {
      struct Local {
        bool alive = true;
        ~Local() { alive = false; }
      } local;
      const auto task = start_task(world, "borrower", [&] {
        struct OnExit {
          Local& local;
          bool& unwound;
          ~OnExit() {
            EXPECT_TRUE(local.alive);
            unwound = true;
          }
        };
        const OnExit guard{local, unwound};
        world.park();
      });
      world.yield();
    }
    EXPECT_TRUE(unwound);
  });
}

TEST(Task, ACancellationThatComesWhileItsScopeEndsIsKept) {
  TestWorld world;
  std::string story;
  world.run([&] {
    const FiberId owner = world.spawn("owner", [&] {
      {
        const auto slow_to_leave = start_task(world, "slow", [&] {
          try {
            world.park();
          } catch (const FiberCancelled&) {
          }
          world.sleep_until(world.now() + 10ms);
          story += "child left, ";
        });
        world.yield();
      }
      story += "owner goes on, ";
      world.yield();
      story += "never";
    });
    world.sleep_until(Instant{5ms});
    world.cancel(owner);  // the owner is waiting in ~Task
  });
  EXPECT_EQ(story, "child left, owner goes on, ");
}

TEST(Task, SeveralUnwindWithTheirOwner) {
  TestWorld world;
  int unwound = 0;
  world.run([&] {
    const FiberId owner = world.spawn("owner", [&] {
      std::vector<Task<void>> tasks;
      for (int i = 0; i < 3; ++i) {
        tasks.push_back(start_task(world, "child", [&] {
          struct OnExit {
            int& count;
            ~OnExit() { ++count; }
          };
          const OnExit guard{unwound};
          world.park();
        }));
      }
      world.park();
    });
    world.sleep_until(Instant{1ms});
    world.cancel(owner);
  });
  EXPECT_EQ(unwound, 3);
  EXPECT_EQ(world.scheduler().alive(), 0U);
}

}  // namespace
}  // namespace squall::runtime
