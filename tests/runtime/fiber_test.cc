#include "runtime/fiber.h"

#include <gtest/gtest.h>

#include <exception>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace squall::runtime {
namespace {

TEST(Fiber, RunsWhenItIsResumedAndGoesOnWhereItSuspended) {
  FiberEngine engine;
  std::string story;
  Fiber& fiber = engine.create("teller", [&] {
    story += "a";
    engine.suspend();
    story += "b";
  });
  EXPECT_EQ(story, "");
  EXPECT_TRUE(engine.resume(fiber));
  EXPECT_EQ(story, "a");
  EXPECT_FALSE(engine.resume(fiber));
  EXPECT_EQ(story, "ab");
  EXPECT_EQ(engine.alive(), 0U);
}

TEST(Fiber, KnowsItselfWhileItRuns) {
  FiberEngine engine;
  EXPECT_EQ(engine.running(), nullptr);
  Fiber* seen = nullptr;
  Fiber& fiber = engine.create("self", [&] { seen = engine.running(); });
  Fiber* const made = &fiber;
  engine.resume(fiber);
  EXPECT_EQ(seen, made);
  EXPECT_EQ(engine.running(), nullptr);
}

TEST(Fiber, AStaleIdNamesNothingEvenWhenItsSlotIsUsedAgain) {
  FiberEngine engine;
  Fiber& first = engine.create("first", [] {});
  const FiberId stale = first.id();
  EXPECT_EQ(engine.find(stale), &first);
  engine.resume(first);
  EXPECT_EQ(engine.find(stale), nullptr);
  Fiber& second = engine.create("second", [] {});
  EXPECT_EQ(second.id().slot, stale.slot);
  EXPECT_EQ(engine.find(stale), nullptr);
  EXPECT_EQ(engine.find(second.id()), &second);
  EXPECT_EQ(engine.find(FiberId{}), nullptr);
  EXPECT_EQ(engine.find(FiberId{99, 1}), nullptr);
  engine.resume(second);
}

TEST(Fiber, WhatItsFunctionHoldsIsDestroyedWhenItEnds) {
  FiberEngine engine;
  auto held = std::make_shared<int>(1);
  Fiber& fiber = engine.create("holder", [held] {});
  EXPECT_EQ(held.use_count(), 2);
  engine.resume(fiber);
  EXPECT_EQ(held.use_count(), 1);
}

TEST(Fiber, CancelledBeforeItBeganItNeverBegins) {
  FiberEngine engine;
  bool began = false;
  auto held = std::make_shared<int>(1);
  Fiber& fiber = engine.create("early", [&began, held] { began = true; });
  fiber.cancel_requested = true;
  EXPECT_FALSE(engine.resume(fiber));
  EXPECT_FALSE(began);
  EXPECT_EQ(held.use_count(), 1);
}

TEST(Fiber, SwitchingInsideCatchKeepsEachFibersExceptionApart) {
  FiberEngine engine;
  std::vector<std::string> seen;
  const auto body = [&](std::string what) {
    return [&engine, &seen, what] {
      try {
        throw std::runtime_error{what};
      } catch (const std::exception&) {
        engine.suspend();  // the other fiber now throws, catches and suspends too
        try {
          throw;  // the exception being handled must be this fiber's own
        } catch (const std::exception& again) {
          seen.emplace_back(again.what());
          engine.suspend();
        }
      }
      EXPECT_EQ(std::current_exception(), nullptr);
    };
  };
  Fiber& a = engine.create("a", body("from a"));
  Fiber& b = engine.create("b", body("from b"));
  for (int round = 0; round < 2; ++round) {
    EXPECT_TRUE(engine.resume(a));
    EXPECT_EQ(std::current_exception(), nullptr);
    EXPECT_TRUE(engine.resume(b));
    EXPECT_EQ(std::current_exception(), nullptr);
  }
  EXPECT_FALSE(engine.resume(b));
  EXPECT_FALSE(engine.resume(a));
  EXPECT_EQ(seen, (std::vector<std::string>{"from a", "from b"}));
}

TEST(Fiber, SwitchingWhileUnwindingKeepsUncaughtCountsApart) {
  FiberEngine engine;
  struct SuspendOnExit {
    FiberEngine& engine;
    ~SuspendOnExit() {
      EXPECT_EQ(std::uncaught_exceptions(), 1);
      engine.suspend();
      EXPECT_EQ(std::uncaught_exceptions(), 1);
    }
  };
  Fiber& unwinding = engine.create("unwinding", [&] {
    const SuspendOnExit guard{engine};
    throw FiberCancelled{};
  });
  EXPECT_TRUE(engine.resume(unwinding));
  EXPECT_EQ(std::uncaught_exceptions(), 0);
  Fiber& other = engine.create("other", [] { EXPECT_EQ(std::uncaught_exceptions(), 0); });
  EXPECT_FALSE(engine.resume(other));
  EXPECT_FALSE(engine.resume(unwinding));
}

TEST(Fiber, ASchedulerInsideCatchFindsItsExceptionAgain) {
  FiberEngine engine;
  Fiber& fiber = engine.create("inner", [] {
    try {
      throw std::runtime_error{"inner"};
    } catch (const std::exception&) {
    }
  });
  try {
    throw std::runtime_error{"outer"};
  } catch (const std::exception&) {
    EXPECT_FALSE(engine.resume(fiber));
    try {
      throw;
    } catch (const std::exception& again) {
      EXPECT_STREQ(again.what(), "outer");
    }
  }
}

TEST(Fiber, LivingOnesAreListedOldestFirstWhateverTheirSlots) {
  FiberEngine engine;
  Fiber& a = engine.create("a", [] {});
  Fiber& b = engine.create("b", [] {});
  engine.resume(a);
  Fiber& c = engine.create("c", [] {});  // in the slot that a has left
  EXPECT_EQ(engine.living(), (std::vector<Fiber*>{&b, &c}));
  EXPECT_LT(c.id().slot, b.id().slot);
  engine.resume(c);
  engine.resume(b);
}

TEST(Fiber, HasAStackDeepEnoughForRealWorkAndKeepsItAcrossSwitches) {
  FiberEngine engine;
  const auto deep = [&](auto&& self, int depth) -> int {
    volatile char filler[512];
    filler[0] = static_cast<char>(depth);
    if (depth == 0) {
      engine.suspend();
      return filler[0];
    }
    const int below = self(self, depth - 1);
    return below + 1 + (filler[0] == static_cast<char>(depth) ? 0 : 1000);
  };
  int result = 0;
  Fiber& fiber = engine.create("deep", [&] { result = deep(deep, 64); });
  EXPECT_TRUE(engine.resume(fiber));
  EXPECT_FALSE(engine.resume(fiber));
  EXPECT_EQ(result, 64);
}

TEST(FiberDeathTest, AnExceptionOtherThanCancellationIsABug) {
  EXPECT_DEATH(
      {
        FiberEngine engine;
        engine.resume(engine.create("thrower", [] { throw std::runtime_error{"nobody catches this"}; }));
      },
      "nobody catches this");
}

}  // namespace
}  // namespace squall::runtime
