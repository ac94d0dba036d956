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
  bool protocol_map_given = false;  // else controller names that are not in it are PLAINTEXT
  std::string controller_names;
  std::optional<std::string> inter_broker;
  bool is_broker = true;
  bool is_controller = true;
  bool is_alone = true;  // a quorum of its own, which nobody else needs to reach
};

struct ListenerProblem {
  std::string_view key;  // which property is wrong
  std::string message;
};

struct NodeListeners {
  std::vector<ListenerConfig> broker;
  std::vector<ListenerConfig> controller;
  std::string inter_broker;     // empty without the broker role
  std::string controller_name;  // the first of the controller names
};

// The listeners of each role: the controller's are those of `listeners` whose names are controller names. Each must be
// PLAINTEXT by the protocol map; names and addresses are unique; every advertised name is one of `listeners`; a broker
// advertises what brokers use among themselves; no role has listeners that this node does not have the role for.
[[nodiscard]] std::expected<NodeListeners, ListenerProblem> parse_listeners(const ListenerText& text);

}  // namespace squall::broker
