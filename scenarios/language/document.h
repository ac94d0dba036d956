// Reading one table of a TOML file key by key: each key that is asked for becomes known, and what is left over at the end is
// an error that names the nearest known key.
#pragma once

#include <toml++/toml.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "scenarios/language/error.h"
#include "scenarios/language/value.h"

namespace squall::scenarios {

// Keeps the error that stands first in the file; reading goes on with defaults, so that order of reading does not matter.
class ErrorSink {
 public:
  explicit ErrorSink(std::string file) : file_{std::move(file)} {}
  void report(Place place, std::string key, std::string message);
  [[nodiscard]] const std::optional<LanguageError>& first() const { return first_; }

 private:
  std::string file_;
  std::optional<LanguageError> first_;
};

[[nodiscard]] Place place_of(const toml::node& node);

struct Bounds {
  std::int64_t least = INT64_MIN;
  std::int64_t most = INT64_MAX;
};

class Section {
 public:
  // `path` is how errors call the table: `fault[2].pause`; empty for the whole file.
  Section(const toml::table& table, std::string path, ErrorSink& errors);

  [[nodiscard]] bool has(std::string_view key);
  // Marks `key` as known and returns its node, if there.
  [[nodiscard]] const toml::node* node(std::string_view key);

  // Each returns nothing when the key is absent, or wrong (then reported).
  [[nodiscard]] std::optional<Value> value(std::string_view key, Unit unit, Bounds bounds = {},
                                           std::span<const std::string_view> words = {});
  [[nodiscard]] std::optional<std::string> text(std::string_view key);
  [[nodiscard]] std::optional<bool> flag(std::string_view key);
  [[nodiscard]] std::optional<std::int64_t> integer(std::string_view key, Bounds bounds = {});
  [[nodiscard]] const toml::table* table(std::string_view key);

  // The same, into a member that keeps its default when the key is absent.
  void read(std::string_view key, Unit unit, Value& into, Bounds bounds = {}, std::span<const std::string_view> words = {});
  void read(std::string_view key, Unit unit, std::optional<Value>& into, Bounds bounds = {});

  void fail(std::string_view key, std::string message);  // at the key's value, or at the table
  void require(std::string_view key, std::string_view what);

  // Reports keys that nobody asked for.
  void finish();

  [[nodiscard]] std::string path_of(std::string_view key) const;
  [[nodiscard]] Place place() const;
  [[nodiscard]] ErrorSink& errors() { return *errors_; }
  [[nodiscard]] const toml::table& raw() const { return *table_; }
  // Makes `key` known without reading it.
  void know(std::string_view key) { known_.push_back(key); }

 private:
  const toml::table* table_;
  std::string path_;
  ErrorSink* errors_;
  std::vector<std::string_view> known_;
};

// One TOML value as a Value: numbers, booleans and strings.
[[nodiscard]] std::expected<Value, std::string> value_of(const toml::node& node, Unit unit,
                                                         std::span<const std::string_view> words = {});

}  // namespace squall::scenarios
