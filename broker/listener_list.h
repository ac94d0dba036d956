// The listener keys of server.properties, read together.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/config.h"

namespace squall::broker {

struct ListenerText {
  std::string listeners;
  std::optional<std::string> advertised;
  std::string protocol_map;
  std::string controller_names;
};

struct ListenerProblem {
  std::string_view key;  // which property is wrong
  std::string message;
};

// The listeners of the broker role: those of `listeners` whose names are not controller names. Each must be PLAINTEXT by the
// protocol map; names and ports are unique; every advertised name is one of `listeners`.
[[nodiscard]] std::expected<std::vector<ListenerConfig>, ListenerProblem> parse_listeners(const ListenerText& text);

}  // namespace squall::broker
