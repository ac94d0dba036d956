#include "broker/replication/throttle.h"

#include <gtest/gtest.h>

namespace squall::broker {
namespace {

Instant second(std::int64_t seconds) { return Instant{std::chrono::seconds{seconds}}; }

TEST(ThrottledReplicas, AreListedByPartitionAndBroker) {
  const auto some = ThrottledReplicas::parse("0:101, 1:102,1:103");
  ASSERT_TRUE(some);
  EXPECT_TRUE(some->contains(PartitionIndex{1}, NodeId{103}));
  EXPECT_FALSE(some->contains(PartitionIndex{0}, NodeId{103}));
  EXPECT_TRUE(ThrottledReplicas::parse("*")->contains(PartitionIndex{7}, NodeId{7}));
  EXPECT_FALSE(ThrottledReplicas::parse("")->contains(PartitionIndex{0}, NodeId{0}));
  for (const char* bad : {"1", "1:", ":1", "1:2,", "a:1", "1:2:3", "-1:2", "*,1:2"}) {
    EXPECT_FALSE(ThrottledReplicas::parse(bad)) << bad;
  }
}

TEST(ThrottleWindow, AllowsASecondsWorthAtFirstAndThenTheRate) {
  ThrottleWindow window{1000};
  EXPECT_EQ(window.allowance(second(100)), 1000);
  window.record(second(100), 1000);
  EXPECT_EQ(window.allowance(second(100)), 0);
  EXPECT_EQ(window.allowance(second(101)), 0);
  EXPECT_EQ(window.allowance(second(102)), 1000);
}

TEST(ThrottleWindow, SaysWhenItIsWorthAskingAgain) {
  ThrottleWindow window{1000};
  EXPECT_EQ(window.next_allowance(second(100)), second(100)) << "at once";
  window.record(second(100), 3000);
  const Instant next = window.next_allowance(second(101));
  EXPECT_GT(next, second(103));
  EXPECT_LT(next, second(103) + std::chrono::milliseconds{10});
  EXPECT_EQ(window.allowance(second(103)), 0);
  EXPECT_GT(window.allowance(next), 0);
}

TEST(ThrottleWindow, AnOverdraftIsForgivenWhenItsSampleLeavesTheWindow) {
  ThrottleWindow window{1000};
  window.record(second(100), 1'000'000);
  EXPECT_EQ(window.next_allowance(second(101)), second(111));
  EXPECT_EQ(window.allowance(second(110)), 0);
  EXPECT_EQ(window.allowance(second(111)), 1000);
}

TEST(ThrottleWindow, KeepsTheRateOverALongTime) {
  ThrottleWindow window{1000};
  std::int64_t moved = 0;
  Instant now = second(0);
  while (now < second(1000)) {
    if (window.allowance(now) > 0) {
      window.record(now, 700);
      moved += 700;
    }
    const Instant next = window.next_allowance(now);
    ASSERT_TRUE(next > now || window.allowance(now) > 0) << "it does not spin";
    now = next;
  }
  EXPECT_NEAR(static_cast<double>(moved), 1'000'000.0, 120'000.0);
}

TEST(ThrottleWindow, WithoutARateNothingIsHeldBackAndWithNoneAllIs) {
  ThrottleWindow window;
  window.record(second(1), 1LL << 60);
  EXPECT_EQ(window.allowance(second(1)), ThrottleWindow::unlimited);
  window.set_rate(0);
  EXPECT_EQ(window.allowance(second(20)), 0);
  EXPECT_EQ(window.next_allowance(second(20)), second(21));
}

// KIP-73
TEST(Throttle, HoldsBackOnlyListedReplicasOutsideTheIsr) {
  ThrottleWindow window{1000};
  window.record(second(1), 5000);
  EXPECT_TRUE(is_throttled(true, false, window, second(1)));
  EXPECT_FALSE(is_throttled(true, true, window, second(1)));
  EXPECT_FALSE(is_throttled(false, false, window, second(1)));
  EXPECT_FALSE(is_throttled(true, false, window, second(30)));
}

}  // namespace
}  // namespace squall::broker
