#include "log/meta_properties.h"

#include <fmt/format.h>

#include <optional>

#include "log/checkpoint_text.h"

namespace squall::log {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blank = " \t\r\f";
  const std::size_t first = text.find_first_not_of(blank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

// Java writes '=' and ':' in values with a backslash.
std::string unescaped(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    plain += text[i];
  }
  return plain;
}

// What is shown of a value: bytes that a terminal would obey are written as \xNN, and the end of a long one is left out.
std::string shown(std::string_view text) {
  constexpr std::size_t bytes_max = 80;
  std::string plain;
  for (const char byte : text.substr(0, bytes_max)) {
    const bool printable = byte >= ' ' && byte <= '~';
    plain += printable ? std::string(1, byte) : fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
  }
  return text.size() > bytes_max ? plain + "..." : plain;
}

std::optional<std::string> set_property(MetaProperties& properties, std::string_view key, const std::string& value) {
  if (key == "version") {
    const auto version = parse_number<std::int32_t>(value);
    if (!version || *version < 0 || *version > 1) return fmt::format("version '{}' is neither 0 nor 1", shown(value));
    properties.version = *version;
  } else if (key == "cluster.id") {
    if (shown(value) != value) return fmt::format("cluster.id '{}' is not an id", shown(value));
    properties.cluster_id = value;
  } else if (key == "node.id" || key == "broker.id") {
    const auto id = parse_number<std::int32_t>(value);
    if (!id || *id < 0) return fmt::format("{} '{}' is not a node id", key, shown(value));
    properties.node_id = NodeId{*id};
  } else if (key == "directory.id") {
    const auto id = Uuid::parse(value);
    if (!id) return fmt::format("directory.id '{}' is not an id", shown(value));
    properties.directory_id = *id;
  }
  return std::nullopt;
}

}  // namespace

std::string to_text(const MetaProperties& properties) {
  std::string text = fmt::format("#\ncluster.id={}\n", properties.cluster_id);
  if (!properties.directory_id.is_zero()) text += fmt::format("directory.id={}\n", properties.directory_id.to_string());
  text += fmt::format("node.id={}\nversion=1\n", properties.node_id);
  return text;
}

std::expected<MetaProperties, std::string> parse_meta_properties(std::string_view text) {
  MetaProperties properties;
  bool versioned = false;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty() || line.front() == '#' || line.front() == '!') continue;
    const std::size_t equals = line.find_first_of("=:");
    if (equals == std::string_view::npos) return std::unexpected(fmt::format("'{}' is not key=value", shown(line)));
    const std::string_view key = trimmed(line.substr(0, equals));
    versioned = versioned || key == "version";
    if (auto wrong = set_property(properties, key, unescaped(trimmed(line.substr(equals + 1))))) return std::unexpected(*wrong);
  }
  if (!versioned) return std::unexpected("no version");
  if (properties.cluster_id.empty()) return std::unexpected("no cluster.id");
  if (properties.node_id == no_node) return std::unexpected("no node.id");
  return properties;
}

}  // namespace squall::log
