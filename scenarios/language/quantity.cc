#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>
#include <system_error>

#include "base/uint128.h"
#include "scenarios/language/scenario.h"
#include "scenarios/language/value.h"

namespace squall::scenarios {
namespace {

struct Suffix {
  std::string_view text;
  std::int64_t scale;
};

constexpr std::array<Suffix, 7> durations{{{"ns", 1},
                                           {"us", 1'000},
                                           {"ms", 1'000'000},
                                           {"s", 1'000'000'000},
                                           {"m", 60'000'000'000},
                                           {"min", 60'000'000'000},
                                           {"h", 3'600'000'000'000}}};
constexpr std::array<Suffix, 8> sizes{{{"", 1},
                                       {"B", 1},
                                       {"KB", 1'000},
                                       {"MB", 1'000'000},
                                       {"GB", 1'000'000'000},
                                       {"KiB", 1'024},
                                       {"MiB", 1'048'576},
                                       {"GiB", 1'073'741'824}}};
constexpr std::array<Suffix, 4> rates{{{"/ms", 1'000'000}, {"/s", 1'000}, {"/m", 1'000 / 60}, {"/h", 0}}};
constexpr std::array<Suffix, 3> counts{{{"", 1}, {"k", 1'000}, {"M", 1'000'000}}};
constexpr std::array<Suffix, 2> probabilities{{{"", 1'000'000}, {"%", 10'000}}};
constexpr std::array<Suffix, 2> factors{{{"", 1'000}, {"x", 1'000}}};

std::span<const Suffix> suffixes(Unit unit) {
  switch (unit) {
    case Unit::duration: return durations;
    case Unit::bytes: return sizes;
    case Unit::rate: return rates;
    case Unit::probability: return probabilities;
    case Unit::factor: return factors;
    case Unit::count:
    case Unit::word: break;
  }
  return counts;
}

struct Decimal {
  std::int64_t digits = 0;  // the number without its point
  std::int64_t tenths = 1;  // 10 to the number of digits after the point
  bool negative = false;
  std::string_view rest;
};

std::optional<Decimal> read_decimal(std::string_view text) {
  Decimal decimal;
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
    decimal.negative = text.front() == '-';
    text.remove_prefix(1);
  }
  bool point = false;
  bool any = false;
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '_' && any) continue;
    if (c == '.' && !point) {
      point = true;
      continue;
    }
    if (c < '0' || c > '9') break;
    any = true;
    if (decimal.digits > 900'000'000'000'000'000 / 10 || decimal.tenths > 100'000'000'000) return std::nullopt;
    decimal.digits = decimal.digits * 10 + (c - '0');
    if (point) decimal.tenths *= 10;
  }
  if (!any) return std::nullopt;
  while (at < text.size() && text[at] == ' ') ++at;
  decimal.rest = text.substr(at);
  return decimal;
}

// digits * scale / tenths, or nothing when it does not fit.
std::optional<std::int64_t> scaled(const Decimal& decimal, std::int64_t scale, std::int64_t divisor = 1) {
  const uint128 product = static_cast<uint128>(static_cast<std::uint64_t>(decimal.digits)) * static_cast<std::uint64_t>(scale);
  const uint128 result =
      product / (static_cast<uint128>(static_cast<std::uint64_t>(decimal.tenths)) * static_cast<std::uint64_t>(divisor));
  if (result > static_cast<uint128>(INT64_MAX)) return std::nullopt;
  const auto whole = static_cast<std::int64_t>(result);
  return decimal.negative ? -whole : whole;
}

std::string with_suffix(std::int64_t quantity, std::int64_t scale, std::string_view suffix) {
  const std::int64_t whole = quantity / scale;
  const std::int64_t rest = quantity % scale;
  if (rest == 0) return fmt::format("{}{}", whole, suffix);
  const std::int64_t thousandths = rest * 1'000 / scale;
  std::string text = fmt::format("{}.{:03}", whole, thousandths < 0 ? -thousandths : thousandths);
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text + std::string{suffix};
}

std::string show_largest(std::int64_t quantity, std::span<const Suffix> list) {
  Suffix best = list.front();
  for (const Suffix& suffix : list) {
    if (suffix.text == "min" || suffix.text == "KB" || suffix.text == "MB" || suffix.text == "GB") continue;
    if (suffix.text == "m" || suffix.text == "h") continue;  // seconds read better in a timeline
    if (quantity >= suffix.scale || quantity <= -suffix.scale) best = suffix;
  }
  return with_suffix(quantity, best.scale, best.text);
}

}  // namespace

std::string_view unit_example(Unit unit) {
  switch (unit) {
    case Unit::duration: return "a time such as \"250ms\" or \"4s\"";
    case Unit::count: return "a whole number such as 3";
    case Unit::bytes: return "a size such as 4096 or \"64KiB\"";
    case Unit::rate: return "a rate such as \"500/s\"";
    case Unit::probability: return "a probability such as 0.25 or \"25%\"";
    case Unit::factor: return "a factor such as 3 or \"2.5x\"";
    case Unit::word: return "a word";
  }
  return "";
}

std::expected<std::int64_t, std::string> parse_quantity(std::string_view text, Unit unit) {
  const auto wanted = [&] { return fmt::format("\"{}\" is not {}", text, unit_example(unit)); };
  const std::optional<Decimal> decimal = read_decimal(text);
  if (!decimal) return std::unexpected(wanted());
  if (unit == Unit::duration && decimal->rest.empty() && decimal->digits == 0) return 0;
  for (const Suffix& suffix : suffixes(unit)) {
    if (suffix.text != decimal->rest) continue;
    std::int64_t divisor = 1;
    std::int64_t scale = suffix.scale;
    if (unit == Unit::rate && suffix.text == "/m") scale = 1'000, divisor = 60;
    if (unit == Unit::rate && suffix.text == "/h") scale = 1'000, divisor = 3'600;
    const std::optional<std::int64_t> result = scaled(*decimal, scale, divisor);
    if (!result) return std::unexpected(fmt::format("\"{}\" is too large", text));
    if (unit == Unit::count && decimal->tenths > 1 && scale == 1) return std::unexpected(wanted());
    if (unit == Unit::probability && (*result < 0 || *result > probability_certain)) {
      return std::unexpected(fmt::format("\"{}\" is not between 0 and 1", text));
    }
    return *result;
  }
  if (unit == Unit::duration && decimal->rest.empty()) {
    return std::unexpected(fmt::format("\"{}\" lacks a unit of time: ns, us, ms, s, m or h", text));
  }
  return std::unexpected(wanted());
}

std::optional<SeedRange> parse_seed_range(std::string_view text) {
  const auto seed = [](std::string_view part) -> std::optional<std::uint64_t> {
    std::uint64_t number = 0;
    const char* end = part.data() + part.size();
    const auto [read_to, error] = std::from_chars(part.data(), end, number);
    if (error == std::errc{} && read_to == end) return number;
    const auto quantity = parse_quantity(part, Unit::count);  // "10k"
    return quantity && *quantity >= 0 ? std::optional{static_cast<std::uint64_t>(*quantity)} : std::nullopt;
  };
  const std::size_t dots = text.find("..");
  const auto first = seed(text.substr(0, dots));
  const auto last = dots == std::string_view::npos ? first : seed(text.substr(dots + 2));
  if (!first || !last || *first > *last) return std::nullopt;
  return SeedRange{*first, *last};
}

std::string show_quantity(std::int64_t quantity, Unit unit) {
  switch (unit) {
    case Unit::duration: return quantity == 0 ? "0s" : show_largest(quantity, durations);
    case Unit::bytes: return show_largest(quantity, sizes);
    case Unit::rate: return with_suffix(quantity, 1'000, "/s");
    case Unit::probability: return with_suffix(quantity, 10'000, "%");
    case Unit::factor: return with_suffix(quantity, 1'000, "x");
    case Unit::count:
    case Unit::word: break;
  }
  return fmt::format("{}", quantity);
}

}  // namespace squall::scenarios
