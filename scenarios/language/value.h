// Values of a scenario: a quantity with its unit, or a distribution of such quantities that a seed draws from.
//
//   "4s"   "500/s"   "64KiB"   0.25   "30%"   "3x"
//   "uniform(4s, 6s)"   "exponential(2s)"   "normal(1s, 200ms)"   "choice(gzip, lz4, none)"   "zipf(1, 1000)"
//
// All arithmetic is on integers, so that every build draws the same numbers.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/time.h"

namespace squall::scenarios {

// What a value counts, and in which unit it is kept.
enum class Unit : std::uint8_t {
  duration,     // nanoseconds; ns, us, ms, s, m, h
  count,        // a whole number
  bytes,        // bytes; B, KB, MB, GB, KiB, MiB, GiB
  rate,         // per 1,000 seconds; "500/s", "30/m", "2/ms"
  probability,  // parts per million; 0.25 or "25%"
  factor,       // thousandths; 2.5 or "2.5x"
  word,         // one of a list of words, or any text
};

inline constexpr std::int64_t probability_certain = 1'000'000;
inline constexpr std::int64_t factor_one = 1'000;

[[nodiscard]] std::string_view unit_example(Unit unit);

// Parses one quantity. The error is a clause: `"4" lacks a unit of time: ns, us, ms, s, m or h`.
[[nodiscard]] std::expected<std::int64_t, std::string> parse_quantity(std::string_view text, Unit unit);
// The quantity as a scenario would write it.
[[nodiscard]] std::string show_quantity(std::int64_t quantity, Unit unit);

class Value {
 public:
  enum class Shape : std::uint8_t { fixed, uniform, exponential, normal, choice, zipf };

  Value() = default;
  [[nodiscard]] static Value fixed(std::int64_t quantity, Unit unit);
  [[nodiscard]] static Value word(std::string text);
  // A quantity or a distribution. Words are checked against `words` unless that is empty.
  [[nodiscard]] static std::expected<Value, std::string> parse(std::string_view text, Unit unit,
                                                               std::span<const std::string_view> words = {});

  // A fixed value draws nothing from `random`.
  [[nodiscard]] std::int64_t draw(Random& random) const;
  [[nodiscard]] Duration draw_duration(Random& random) const { return Duration{draw(random)}; }
  // Unit::word only: the word, or for a distribution of numbers the number drawn, as text.
  [[nodiscard]] std::string draw_word(Random& random) const;

  [[nodiscard]] bool is_fixed() const { return shape_ == Shape::fixed; }
  [[nodiscard]] Shape shape() const { return shape_; }
  // The least and the greatest quantity that `draw` can give. Not for words.
  [[nodiscard]] std::int64_t least() const;
  [[nodiscard]] std::int64_t greatest() const;
  [[nodiscard]] std::string to_string() const;

 private:
  [[nodiscard]] static std::expected<Value, std::string> parse_call(std::string_view name, std::string_view inside, Unit unit,
                                                                    std::span<const std::string_view> words);

  Shape shape_ = Shape::fixed;
  Unit unit_ = Unit::count;
  std::vector<std::int64_t> arguments_;  // for words: indices into words_
  std::vector<std::string> words_;
};

}  // namespace squall::scenarios
