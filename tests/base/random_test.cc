#include "base/random.h"

#include <gtest/gtest.h>

#include <array>

namespace squall {
namespace {

TEST(Random, DrawsTheSameNumbersForTheSameSeedForever) {
  Random random{42};
  const std::array<std::uint64_t, 3> expected{1546998764402558742U, 6990951692964543102U, 12544586762248559009U};
  for (const auto value : expected) EXPECT_EQ(random.next(), value);
}

TEST(Random, AForkDoesNotDependOnWhatItsParentHasDrawn) {
  Random parent{7};
  Random before = parent.fork("election");
  for (int i = 0; i < 100; ++i) parent.next();
  Random after = parent.fork("election");
  for (int i = 0; i < 100; ++i) EXPECT_EQ(before.next(), after.next());
}

TEST(Random, ForksOfDifferentNamesDiffer) {
  const Random parent{7};
  EXPECT_NE(parent.fork("a").next(), parent.fork("b").next());
}

TEST(Random, BetweenReachesBothEnds) {
  Random random{1};
  bool low = false;
  bool high = false;
  for (int i = 0; i < 1000; ++i) {
    const auto value = random.between(-2, 2);
    ASSERT_GE(value, -2);
    ASSERT_LE(value, 2);
    low |= value == -2;
    high |= value == 2;
  }
  EXPECT_TRUE(low);
  EXPECT_TRUE(high);
}

TEST(Random, BetweenCoversTheWholeRangeOfIntegers) {
  Random random{1};
  bool negative = false;
  bool positive = false;
  for (int i = 0; i < 100; ++i) {
    const auto value = random.between(INT64_MIN, INT64_MAX);
    negative |= value < 0;
    positive |= value > 0;
  }
  EXPECT_TRUE(negative && positive);
}

TEST(Random, ExponentialHasItsMean) {
  Random random{3};
  std::int64_t total = 0;
  constexpr int draws = 100'000;
  for (int i = 0; i < draws; ++i) {
    const auto value = random.exponential(std::chrono::milliseconds{10});
    ASSERT_GE(value.count(), 0);
    total += value.count();
  }
  EXPECT_NEAR(static_cast<double>(total) / draws, 10e6, 0.1e6);
}

}  // namespace
}  // namespace squall
