#include "scenarios/language/value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <map>

namespace squall::scenarios {
namespace {

using testing::HasSubstr;

Value parsed(std::string_view text, Unit unit) {
  auto value = Value::parse(text, unit);
  EXPECT_TRUE(value.has_value()) << (value ? "" : value.error());
  return value.value_or(Value::fixed(0, unit));
}

std::string error_of(std::string_view text, Unit unit, std::span<const std::string_view> words = {}) {
  const auto value = Value::parse(text, unit, words);
  return value ? "no error" : value.error();
}

TEST(Quantity, IsKeptInTheUnitOfItsKind) {
  EXPECT_EQ(parse_quantity("4s", Unit::duration), 4'000'000'000);
  EXPECT_EQ(parse_quantity("1.5ms", Unit::duration), 1'500'000);
  EXPECT_EQ(parse_quantity("-30s", Unit::duration), -30'000'000'000);
  EXPECT_EQ(parse_quantity("2min", Unit::duration), 120'000'000'000);
  EXPECT_EQ(parse_quantity("64KiB", Unit::bytes), 65'536);
  EXPECT_EQ(parse_quantity("1MB", Unit::bytes), 1'000'000);
  EXPECT_EQ(parse_quantity("500/s", Unit::rate), 500'000);
  EXPECT_EQ(parse_quantity("30/m", Unit::rate), 500);
  EXPECT_EQ(parse_quantity("2/ms", Unit::rate), 2'000'000);
  EXPECT_EQ(parse_quantity("25%", Unit::probability), 250'000);
  EXPECT_EQ(parse_quantity("0.25", Unit::probability), 250'000);
  EXPECT_EQ(parse_quantity("2.5x", Unit::factor), 2'500);
  EXPECT_EQ(parse_quantity("10k", Unit::count), 10'000);
}

TEST(Quantity, ReadsBackWhatItShows) {
  for (const auto& [quantity, unit] : {std::pair{std::int64_t{1'500'000'000}, Unit::duration},
                                       {250'000, Unit::duration},
                                       {65'536, Unit::bytes},
                                       {500'000, Unit::rate},
                                       {125'000, Unit::probability},
                                       {10'000, Unit::factor},
                                       {42, Unit::count}}) {
    EXPECT_EQ(parse_quantity(show_quantity(quantity, unit), unit), quantity) << show_quantity(quantity, unit);
  }
}

TEST(Quantity, SaysWhatItLacks) {
  EXPECT_THAT(error_of("4", Unit::duration), HasSubstr("lacks a unit of time"));
  EXPECT_THAT(error_of("fast", Unit::rate), HasSubstr("\"fast\" is not a rate such as"));
  EXPECT_THAT(error_of("1.5", Unit::probability), HasSubstr("not between 0 and 1"));
  EXPECT_THAT(error_of("99999999999999999999s", Unit::duration), HasSubstr("not a time"));
  EXPECT_THAT(error_of("900000000000h", Unit::duration), HasSubstr("too large"));
}

TEST(Value, DrawsTheSameFromTheSameSeed) {
  const Value value = parsed("uniform(4s, 6s)", Unit::duration);
  Random left{7};
  Random right{7};
  for (int draw = 0; draw < 100; ++draw) EXPECT_EQ(value.draw(left), value.draw(right));
}

TEST(Value, UniformStaysWithinItsBounds) {
  const Value value = parsed("uniform(10, 12)", Unit::count);
  Random random{1};
  std::map<std::int64_t, int> seen;
  for (int draw = 0; draw < 300; ++draw) ++seen[value.draw(random)];
  EXPECT_EQ(seen.size(), 3U);
  EXPECT_EQ(seen.begin()->first, 10);
  EXPECT_EQ(seen.rbegin()->first, 12);
}

TEST(Value, ExponentialHasItsMean) {
  const Value value = parsed("exponential(2s)", Unit::duration);
  Random random{1};
  std::int64_t sum = 0;
  for (int draw = 0; draw < 10'000; ++draw) sum += value.draw(random) / 10'000;
  EXPECT_GT(sum, 1'900'000'000);
  EXPECT_LT(sum, 2'100'000'000);
}

TEST(Value, NormalHasItsMeanAndDeviation) {
  const Value value = parsed("normal(1000, 100)", Unit::count);
  Random random{1};
  int within_one = 0;
  std::int64_t sum = 0;
  for (int draw = 0; draw < 10'000; ++draw) {
    const std::int64_t drawn = value.draw(random);
    sum += drawn;
    if (drawn >= 900 && drawn <= 1'100) ++within_one;
  }
  EXPECT_NEAR(static_cast<double>(sum) / 10'000, 1'000, 5);
  EXPECT_NEAR(within_one, 6'827, 200);
}

TEST(Value, ZipfPrefersLowRanks) {
  const Value value = parsed("zipf(1, 1000)", Unit::count);
  Random random{1};
  int first = 0;
  int upper_half = 0;
  for (int draw = 0; draw < 10'000; ++draw) {
    const std::int64_t drawn = value.draw(random);
    ASSERT_GE(drawn, 1);
    ASSERT_LE(drawn, 1'000);
    if (drawn == 1) ++first;
    if (drawn > 500) ++upper_half;
  }
  EXPECT_GT(first, 800);
  EXPECT_LT(upper_half, 1'500);
}

TEST(Value, ChoiceDrawsWordsOfItsListOnly) {
  constexpr std::array<std::string_view, 3> codecs{"none", "gzip", "lz4"};
  const auto value = Value::parse("choice(gzip, lz4)", Unit::word, codecs);
  ASSERT_TRUE(value.has_value());
  Random random{1};
  for (int draw = 0; draw < 20; ++draw) EXPECT_NE(value->draw_word(random), "none");
  EXPECT_THAT(error_of("choice(gzip, lz5)", Unit::word, codecs), HasSubstr("did you mean \"lz4\"?"));
}

TEST(Value, NamesTheNearestDistribution) {
  EXPECT_THAT(error_of("unifrom(1s, 2s)", Unit::duration), HasSubstr("did you mean \"uniform\"?"));
  EXPECT_THAT(error_of("uniform(2s, 1s)", Unit::duration), HasSubstr("wrong way round"));
  EXPECT_THAT(error_of("uniform(2s)", Unit::duration), HasSubstr("takes 2 arguments, not 1"));
}

}  // namespace
}  // namespace squall::scenarios
