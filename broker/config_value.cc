// How values of configuration keys are read and checked.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "base/quote.h"
#include "broker/config_keys.h"

namespace squall::broker {
namespace {

bool is_decimal(std::string_view text) {
  std::size_t digits = 0;
  std::size_t points = 0;
  if (text.starts_with('-')) text.remove_prefix(1);
  for (const char c : text) {
    if (c == '.') {
      ++points;
    } else if (c >= '0' && c <= '9') {
      ++digits;
    } else {
      return false;
    }
  }
  return digits > 0 && points <= 1;
}

// Whether a decimal lies within [min, max], compared by its whole part: no floating point.
bool decimal_within(std::string_view text, std::int64_t min, std::int64_t max) {
  const bool negative = text.starts_with('-');
  const std::size_t point = text.find('.');
  const std::string_view whole_text = text.substr(0, point);
  const std::string_view fraction = point == std::string_view::npos ? std::string_view{} : text.substr(point + 1);
  const auto whole = whole_text.empty() || whole_text == "-" ? std::optional<std::int64_t>{0} : parse_integer(whole_text);
  if (!whole) return false;
  const bool exact = fraction.find_first_not_of('0') == std::string_view::npos;
  if (negative) return (exact && *whole == 0) || (*whole >= min && (exact || *whole > min));
  return *whole >= min && (*whole < max || (*whole == max && exact));
}

std::string range_text(const ConfigKey& key) {
  std::int64_t min = key.min;
  std::int64_t max = key.max;
  if (key.type == ConfigType::int32) {
    min = std::max<std::int64_t>(min, std::numeric_limits<std::int32_t>::min());
    max = std::min<std::int64_t>(max, std::numeric_limits<std::int32_t>::max());
  }
  return fmt::format("from {} to {}", min, max);
}

bool is_choice(std::string_view choices, std::string_view word) {
  const std::vector<std::string> allowed = parse_list(choices);
  return std::ranges::find(allowed, word) != allowed.end();
}

std::size_t edit_distance(std::string_view left, std::string_view right) {
  std::vector<std::size_t> row(right.size() + 1);
  for (std::size_t j = 0; j <= right.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= left.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= right.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (left[i - 1] == right[j - 1] ? 0U : 1U)});
      diagonal = above;
    }
  }
  return row[right.size()];
}

std::optional<std::string> check_number(const ConfigKey& key, std::string_view text) {
  const auto value = parse_integer(text);
  const bool fits_int = key.type != ConfigType::int32 || (value && *value >= std::numeric_limits<std::int32_t>::min() &&
                                                          *value <= std::numeric_limits<std::int32_t>::max());
  if (value && fits_int && *value >= key.min && *value <= key.max) return std::nullopt;
  return fmt::format("must be a whole number {}, not '{}'", range_text(key), quote(text));
}

std::optional<std::string> check_words(const ConfigKey& key, std::string_view text) {
  if (key.choices.empty()) return std::nullopt;
  if (key.type == ConfigType::string) {
    if (is_choice(key.choices, text)) return std::nullopt;
    return fmt::format("must be one of {}, not '{}'", key.choices, quote(text));
  }
  const std::vector<std::string> given = parse_list(text);
  if (given.empty()) return fmt::format("must name at least one of {}", key.choices);
  for (const std::string& word : given) {
    if (!is_choice(key.choices, word)) return fmt::format("must be words out of {}, not '{}'", key.choices, quote(word));
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_string(ConfigType type) {
  switch (type) {
    case ConfigType::boolean: return "boolean";
    case ConfigType::string: return "string";
    case ConfigType::int32: return "int";
    case ConfigType::int16: return "short";
    case ConfigType::int64: return "long";
    case ConfigType::decimal: return "double";
    case ConfigType::list: return "list";
  }
  return "unknown";
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view blank = " \t\r\n\f";
  const std::size_t first = text.find_first_not_of(blank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  text = trim(text);
  if (text.starts_with('+')) text.remove_prefix(1);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

std::optional<bool> parse_boolean(std::string_view text) {
  std::string lower{trim(text)};
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (lower == "true") return true;
  if (lower == "false") return false;
  return std::nullopt;
}

std::vector<std::string> parse_list(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    const std::string_view part = trim(text.substr(0, comma));
    if (!part.empty()) parts.emplace_back(part);
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  return parts;
}

std::optional<std::string> check_value(const ConfigKey& key, std::string_view text) {
  switch (key.type) {
    case ConfigType::boolean:
      if (parse_boolean(text)) return std::nullopt;
      return fmt::format("must be true or false, not '{}'", quote(text));
    case ConfigType::int16:
    case ConfigType::int32:
    case ConfigType::int64: return check_number(key, text);
    case ConfigType::decimal:
      if (is_decimal(trim(text)) && decimal_within(trim(text), key.min, key.max)) return std::nullopt;
      return fmt::format("must be a number {}, not '{}'", range_text(key), quote(text));
    case ConfigType::string:
    case ConfigType::list: return check_words(key, trim(text));
  }
  return std::nullopt;
}

std::string_view nearest_broker_config_key(std::string_view name) {
  if (name.size() > 200) return {};
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(2, name.size() / 4) + 1;
  for (const ConfigKey& key : broker_config_keys()) {
    const std::size_t distance = edit_distance(name, key.name);
    if (distance < best_distance) {
      best = key.name;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace squall::broker
