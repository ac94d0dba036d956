// Java's properties format, as far as server.properties files use it: `key=value` or `key: value` or `key value`, comments
// after '#' or '!' at the start of a line, '\' at the end of a line continues it, and backslash escapes. A '#' inside a value
// belongs to the value.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace squall::broker {

struct Property {
  std::string key;
  std::string value;
  std::size_t line = 0;  // where it began, from 1; 0: not from a file
};

struct PropertiesError {
  std::size_t line = 0;
  std::string message;
};

// In file order; repeated keys are kept. Fails on a bad escape, on bytes that are no text, and on an empty key.
[[nodiscard]] std::expected<std::vector<Property>, PropertiesError> parse_properties(std::string_view text);

}  // namespace squall::broker
