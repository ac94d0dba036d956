// `meta.properties` of a log directory: whose it is. Version 1 names the node and the directory (KIP-631, KIP-858); version 0
// has broker.id instead of node.id and is read, and rewritten as 1. See docs/formats/meta-properties.md. Pure.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "base/types.h"
#include "base/uuid.h"

namespace squall::log {

inline constexpr std::string_view meta_properties_name = "meta.properties";

struct MetaProperties {
  std::int32_t version = 1;
  std::string cluster_id;
  NodeId node_id = no_node;
  Uuid directory_id;  // zero: not set yet
  bool operator==(const MetaProperties&) const = default;
};

[[nodiscard]] std::string to_text(const MetaProperties& properties);
// Or what is wrong, in words for an operator.
[[nodiscard]] std::expected<MetaProperties, std::string> parse_meta_properties(std::string_view text);

}  // namespace squall::log
