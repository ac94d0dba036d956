#include "scenarios/language/document.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <tuple>

namespace squall::scenarios {
namespace {

std::string_view type_name(const toml::node& node) {
  if (node.is_table()) return "a table";
  if (node.is_array()) return "an array";
  if (node.is_string()) return "a text";
  if (node.is_integer()) return "a number";
  if (node.is_floating_point()) return "a fraction";
  if (node.is_boolean()) return "true or false";
  return "a date";
}

std::expected<Value, std::string> number_value(std::int64_t number, Unit unit) {
  if (unit == Unit::word) return Value::word(fmt::format("{}", number));
  if (unit == Unit::rate) return std::unexpected(fmt::format("{} lacks its unit; write \"{}/s\"", number, number));
  const auto parsed = parse_quantity(fmt::format("{}", number), unit);
  if (!parsed) return std::unexpected(parsed.error());
  return Value::fixed(*parsed, unit);
}

}  // namespace

void ErrorSink::report(Place place, std::string key, std::string message) {
  if (first_ && std::tie(first_->place.line, first_->place.column) <= std::tie(place.line, place.column)) return;
  first_ = LanguageError{file_, place, std::move(key), std::move(message)};
}

Place place_of(const toml::node& node) { return {node.source().begin.line, node.source().begin.column}; }

std::expected<Value, std::string> value_of(const toml::node& node, Unit unit, std::span<const std::string_view> words) {
  if (const auto* text = node.as_string()) return Value::parse(text->get(), unit, words);
  if (const auto* number = node.as_integer()) return number_value(number->get(), unit);
  if (const auto* number = node.as_floating_point()) {
    // A fraction is decimal text to us: six digits hold every fraction that a scenario means.
    if (!std::isfinite(number->get())) return std::unexpected(std::string{"it is not finite"});
    return Value::parse(fmt::format("{:.6f}", number->get()), unit, words);
  }
  if (const auto* truth = node.as_boolean(); truth != nullptr && unit == Unit::word) {
    return Value::parse(truth->get() ? "true" : "false", unit, words);
  }
  return std::unexpected(fmt::format("it is {}, but must be {}", type_name(node), unit_example(unit)));
}

Section::Section(const toml::table& table, std::string path, ErrorSink& errors)
    : table_{&table}, path_{std::move(path)}, errors_{&errors} {}

std::string Section::path_of(std::string_view key) const {
  if (key.empty()) return path_;
  return path_.empty() ? std::string{key} : fmt::format("{}.{}", path_, key);
}

Place Section::place() const { return place_of(*table_); }

const toml::node* Section::node(std::string_view key) {
  if (std::ranges::find(known_, key) == known_.end()) known_.push_back(key);
  return table_->get(key);
}

bool Section::has(std::string_view key) { return node(key) != nullptr; }

void Section::fail(std::string_view key, std::string message) {
  const toml::node* at = table_->get(key);
  errors_->report(at != nullptr ? place_of(*at) : place(), path_of(key), std::move(message));
}

void Section::require(std::string_view key, std::string_view what) {
  if (!has(key)) fail(key, fmt::format("is missing: {}", what));
}

std::optional<Value> Section::value(std::string_view key, Unit unit, Bounds bounds, std::span<const std::string_view> words) {
  const toml::node* at = node(key);
  if (at == nullptr) return std::nullopt;
  auto parsed = value_of(*at, unit, words);
  if (!parsed) {
    fail(key, parsed.error());
    return std::nullopt;
  }
  if (unit != Unit::word) {
    if (parsed->least() < bounds.least) {
      fail(key, fmt::format("must be at least {}", show_quantity(bounds.least, unit)));
      return std::nullopt;
    }
    if (parsed->greatest() > bounds.most) {
      fail(key, fmt::format("must be at most {}", show_quantity(bounds.most, unit)));
      return std::nullopt;
    }
  }
  return std::move(*parsed);
}

void Section::read(std::string_view key, Unit unit, Value& into, Bounds bounds, std::span<const std::string_view> words) {
  if (auto parsed = value(key, unit, bounds, words)) into = std::move(*parsed);
}

void Section::read(std::string_view key, Unit unit, std::optional<Value>& into, Bounds bounds) {
  if (auto parsed = value(key, unit, bounds)) into = std::move(parsed);
}

std::optional<std::string> Section::text(std::string_view key) {
  const toml::node* at = node(key);
  if (at == nullptr) return std::nullopt;
  if (const auto* text = at->as_string()) return text->get();
  fail(key, fmt::format("it is {}, but must be a text", type_name(*at)));
  return std::nullopt;
}

std::optional<bool> Section::flag(std::string_view key) {
  const toml::node* at = node(key);
  if (at == nullptr) return std::nullopt;
  if (const auto* truth = at->as_boolean()) return truth->get();
  fail(key, fmt::format("it is {}, but must be true or false", type_name(*at)));
  return std::nullopt;
}

std::optional<std::int64_t> Section::integer(std::string_view key, Bounds bounds) {
  const auto parsed = value(key, Unit::count, bounds);
  if (!parsed) return std::nullopt;
  if (parsed->is_fixed()) return parsed->least();
  fail(key, "must be one number, not a distribution");
  return std::nullopt;
}

const toml::table* Section::table(std::string_view key) {
  const toml::node* at = node(key);
  if (at == nullptr) return nullptr;
  if (const toml::table* found = at->as_table()) return found;
  fail(key, fmt::format("it is {}, but must be a table", type_name(*at)));
  return nullptr;
}

void Section::finish() {
  for (const auto& [key, value] : *table_) {
    if (std::ranges::find(known_, key.str()) != known_.end()) continue;
    const Place at{key.source().begin.line, key.source().begin.column};
    errors_->report(at, path_of(key.str()), "no such key" + suggestion(key.str(), known_));
  }
}

}  // namespace squall::scenarios
