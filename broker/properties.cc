#include "broker/properties.h"

#include <optional>

#include "broker/config_keys.h"

namespace squall::broker {
namespace {

constexpr std::string_view blank = " \t\f\r";

struct LogicalLine {
  std::string text;
  std::size_t number = 0;
};

bool continues(std::string_view line) {
  std::size_t slashes = 0;
  while (slashes < line.size() && line[line.size() - 1 - slashes] == '\\') ++slashes;
  return slashes % 2 == 1;
}

std::string_view without_leading_blanks(std::string_view line) {
  const std::size_t first = line.find_first_not_of(blank);
  return first == std::string_view::npos ? std::string_view{} : line.substr(first);
}

// Takes the next natural line off `rest`, without its end.
std::string_view take_line(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::vector<LogicalLine> logical_lines(std::string_view text) {
  std::vector<LogicalLine> lines;
  std::size_t number = 0;
  while (!text.empty()) {
    std::string_view line = without_leading_blanks(take_line(text));
    ++number;
    if (line.empty() || line.front() == '#' || line.front() == '!') continue;
    LogicalLine logical{{}, number};
    while (continues(line) && !text.empty()) {
      logical.text.append(line.substr(0, line.size() - 1));
      line = without_leading_blanks(take_line(text));
      ++number;
    }
    if (continues(line)) line.remove_suffix(1);
    logical.text.append(line);
    lines.push_back(std::move(logical));
  }
  return lines;
}

std::optional<unsigned> hex_value(std::string_view digits) {
  unsigned value = 0;
  if (digits.size() != 4) return std::nullopt;
  for (const char c : digits) {
    unsigned digit = 0;
    if (c >= '0' && c <= '9') {
      digit = static_cast<unsigned>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<unsigned>(c - 'a') + 10;
    } else if (c >= 'A' && c <= 'F') {
      digit = static_cast<unsigned>(c - 'A') + 10;
    } else {
      return std::nullopt;
    }
    value = value * 16 + digit;
  }
  return value;
}

void append_utf8(std::string& out, unsigned code) {
  if (code < 0x80) {
    out.push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    out.push_back(static_cast<char>(0xC0 | (code >> 6)));
    out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
  } else {
    out.push_back(static_cast<char>(0xE0 | (code >> 12)));
    out.push_back(static_cast<char>(0x80 | ((code >> 6) & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
  }
}

std::optional<std::string> unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out.push_back(text[i]);
      continue;
    }
    const char escape = text[++i];
    switch (escape) {
      case 't': out.push_back('\t'); break;
      case 'n': out.push_back('\n'); break;
      case 'r': out.push_back('\r'); break;
      case 'f': out.push_back('\f'); break;
      case 'u': {
        const auto code = hex_value(text.substr(i + 1, 4));
        if (!code) return std::nullopt;
        append_utf8(out, *code);
        i += 4;
        break;
      }
      default: out.push_back(escape);
    }
  }
  return out;
}

// Where the key ends: at the first '=', ':' or blank that no backslash precedes.
std::size_t key_end(std::string_view line) {
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\\') {
      ++i;
    } else if (line[i] == '=' || line[i] == ':' || blank.contains(line[i])) {
      return i;
    }
  }
  return line.size();
}

}  // namespace

std::expected<std::vector<Property>, PropertiesError> parse_properties(std::string_view text) {
  if (text.contains('\0')) return std::unexpected(PropertiesError{1, "this is not a text file: it contains a zero byte"});
  std::vector<Property> properties;
  for (const LogicalLine& line : logical_lines(text)) {
    const std::size_t end = key_end(line.text);
    std::string_view rest = without_leading_blanks(std::string_view{line.text}.substr(end));
    if (!rest.empty() && (rest.front() == '=' || rest.front() == ':')) rest = without_leading_blanks(rest.substr(1));
    auto key = unescaped(std::string_view{line.text}.substr(0, end));
    auto value = unescaped(rest);
    if (!key || !value) return std::unexpected(PropertiesError{line.number, "'\\u' needs four hexadecimal digits after it"});
    if (key->empty()) return std::unexpected(PropertiesError{line.number, "the line has no key before '='"});
    properties.push_back({std::move(*key), std::string{trim(*value)}, line.number});
  }
  return properties;
}

}  // namespace squall::broker
