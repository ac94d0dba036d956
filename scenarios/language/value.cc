#include "scenarios/language/value.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <bit>

#include "base/assert.h"
#include "scenarios/language/error.h"

namespace squall::scenarios {
namespace {

constexpr std::array<std::string_view, 5> shape_words{"uniform", "exponential", "normal", "choice", "zipf"};

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t comma = text.find(',');
    parts.push_back(trimmed(text.substr(0, comma)));
    if (comma == std::string_view::npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

// Rank in [0, n) by a log-uniform draw: the integer form of Zipf's law with exponent 1. Each doubling of the rank is equally
// likely, so rank 0 alone is as likely as ranks 1 and 2 together, as 3 to 6 together, and so on.
std::uint64_t zipf_rank(Random& random, std::uint64_t n) {
  const auto doublings = static_cast<std::uint64_t>(std::bit_width(n));
  while (true) {
    const std::uint64_t width = std::uint64_t{1} << random.below(doublings);
    const std::uint64_t rank = width - 1 + random.below(width);
    if (rank < n) return rank;
  }
}

// The sum of twelve uniform draws is close to normal, with a standard deviation of one unit; cut at six.
std::int64_t normal(Random& random, std::int64_t mean, std::int64_t deviation) {
  std::int64_t sum = 0;
  for (int draw = 0; draw < 12; ++draw) sum += random.between(-deviation, deviation);
  // Each draw in [-d, d] has variance d²/3; twelve have 4d²: half of the sum has deviation d.
  return std::max<std::int64_t>(0, mean + sum / 2);
}

std::size_t wanted_arguments(Value::Shape shape) { return shape == Value::Shape::exponential ? 1 : 2; }

}  // namespace

Value Value::fixed(std::int64_t quantity, Unit unit) {
  Value value;
  value.unit_ = unit;
  value.arguments_ = {quantity};
  return value;
}

Value Value::word(std::string text) {
  Value value;
  value.unit_ = Unit::word;
  value.arguments_ = {0};
  value.words_ = {std::move(text)};
  return value;
}

std::expected<Value, std::string> Value::parse(std::string_view text, Unit unit, std::span<const std::string_view> words) {
  text = trimmed(text);
  const std::size_t open = text.find('(');
  if (open != std::string_view::npos && text.ends_with(')')) {
    const std::string_view name = text.substr(0, open);
    if (unit != Unit::word || std::ranges::find(shape_words, name) != shape_words.end()) {
      return parse_call(name, text.substr(open + 1, text.size() - open - 2), unit, words);
    }
  }
  if (unit == Unit::word) {
    if (!words.empty() && std::ranges::find(words, text) == words.end()) {
      return std::unexpected(fmt::format("\"{}\" is not valid{}", text, suggestion(text, words)));
    }
    return word(std::string{text});
  }
  const auto quantity = parse_quantity(text, unit);
  if (!quantity) return std::unexpected(quantity.error());
  return fixed(*quantity, unit);
}

std::expected<Value, std::string> Value::parse_call(std::string_view name, std::string_view inside, Unit unit,
                                                    std::span<const std::string_view> words) {
  const auto found = std::ranges::find(shape_words, name);
  if (found == shape_words.end()) {
    return std::unexpected(fmt::format("\"{}\" is no distribution{}", name, suggestion(name, shape_words)));
  }
  Value value;
  value.shape_ = static_cast<Shape>(1 + (found - shape_words.begin()));
  value.unit_ = unit;
  const std::vector<std::string_view> parts = split(inside);
  if (value.shape_ != Shape::choice && parts.size() != wanted_arguments(value.shape_)) {
    return std::unexpected(fmt::format("{} takes {} argument{}, not {}", name, wanted_arguments(value.shape_),
                                       wanted_arguments(value.shape_) == 1 ? "" : "s", parts.size()));
  }
  for (const std::string_view part : parts) {
    if (unit == Unit::word && value.shape_ == Shape::choice) {
      const auto word = parse(part, Unit::word, words);
      if (!word) return std::unexpected(word.error());
      value.arguments_.push_back(static_cast<std::int64_t>(value.words_.size()));
      value.words_.emplace_back(part);
      continue;
    }
    if (unit == Unit::word && !words.empty()) return std::unexpected(fmt::format("words can only be drawn by choice(...)"));
    const auto quantity = parse_quantity(part, unit == Unit::word ? Unit::count : unit);
    if (!quantity) return std::unexpected(quantity.error());
    value.arguments_.push_back(*quantity);
  }
  if ((value.shape_ == Shape::exponential || value.shape_ == Shape::normal) && value.arguments_[0] < 0) {
    return std::unexpected(fmt::format("{}({}) has a negative mean", name, inside));
  }
  const bool ordered = value.shape_ != Shape::uniform && value.shape_ != Shape::zipf;
  if (!ordered && value.arguments_[0] > value.arguments_[1]) {
    return std::unexpected(fmt::format("{}({}) has its bounds the wrong way round", name, inside));
  }
  return value;
}

std::int64_t Value::draw(Random& random) const {
  SQUALL_ASSERT(!arguments_.empty(), "a value that is drawn has been set");
  switch (shape_) {
    case Shape::fixed: return arguments_[0];
    case Shape::uniform: return random.between(arguments_[0], arguments_[1]);
    case Shape::exponential: return random.exponential(Duration{arguments_[0]}).count();
    case Shape::normal: return normal(random, arguments_[0], arguments_[1]);
    case Shape::choice: return arguments_[random.below(arguments_.size())];
    case Shape::zipf: {
      const auto ranks = static_cast<std::uint64_t>(arguments_[1] - arguments_[0]) + 1;
      return arguments_[0] + static_cast<std::int64_t>(zipf_rank(random, ranks));
    }
  }
  return 0;
}

std::string Value::draw_word(Random& random) const {
  const std::int64_t drawn = draw(random);
  return words_.empty() ? fmt::format("{}", drawn) : words_[static_cast<std::size_t>(drawn)];
}

std::int64_t Value::least() const {
  switch (shape_) {
    case Shape::exponential:
    case Shape::normal: return 0;
    default: return *std::ranges::min_element(arguments_);
  }
}

std::int64_t Value::greatest() const {
  switch (shape_) {
    case Shape::exponential: return arguments_[0] > INT64_MAX / 64 ? INT64_MAX : arguments_[0] * 64;
    case Shape::normal: return arguments_[0] + 6 * arguments_[1];
    default: return *std::ranges::max_element(arguments_);
  }
}

std::string Value::to_string() const {
  if (arguments_.empty()) return "";
  if (unit_ == Unit::word && shape_ == Shape::fixed) return words_[0];
  std::vector<std::string> parts;
  for (const std::int64_t argument : arguments_) {
    parts.push_back(words_.empty() ? show_quantity(argument, unit_) : words_[static_cast<std::size_t>(argument)]);
  }
  if (shape_ == Shape::fixed) return parts[0];
  return fmt::format("{}({})", shape_words[static_cast<std::size_t>(shape_) - 1], fmt::join(parts, ", "));
}

}  // namespace squall::scenarios
