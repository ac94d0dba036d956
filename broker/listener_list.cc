#include "broker/listener_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "broker/config_keys.h"

namespace squall::broker {
namespace {

struct Address {
  std::string name;
  std::string host;
  std::uint16_t port = 0;
};

std::expected<Address, std::string> parse_address(const std::string& text) {
  const auto bad = [&](std::string_view why) {
    return std::unexpected(fmt::format("'{}' {}; write it as PLAINTEXT://host:port", text, why));
  };
  const std::size_t scheme = text.find("://");
  if (scheme == std::string::npos || scheme == 0) return bad("has no listener name");
  const std::size_t colon = text.rfind(':');
  if (colon < scheme + 3) return bad("has no port");
  const auto port = parse_integer(std::string_view{text}.substr(colon + 1));
  if (!port || *port < 0 || *port > 65535) return bad("has no valid port");
  std::string host = text.substr(scheme + 3, colon - scheme - 3);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return Address{text.substr(0, scheme), std::move(host), static_cast<std::uint16_t>(*port)};
}

std::map<std::string, std::string> protocols(std::string_view text) {
  std::map<std::string, std::string> map;
  for (const std::string& pair : parse_list(text)) {
    const std::size_t colon = pair.find(':');
    if (colon != std::string::npos) map[pair.substr(0, colon)] = pair.substr(colon + 1);
  }
  return map;
}

std::unexpected<ListenerProblem> wrong(std::string_view key, std::string message) {
  return std::unexpected(ListenerProblem{key, std::move(message)});
}

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ",") + name;
  return text;
}

struct ListenerParser {
  const ListenerText& text;
  std::vector<std::string> controllers;            // names of the controller role
  std::map<std::string, std::string> protocol_of;  // by name
  std::vector<ListenerConfig> listeners;           // of both roles
  std::vector<std::string> advertised;             // names

  using Done = std::expected<void, ListenerProblem>;

  bool is_controllers(const ListenerConfig& listener) const { return contains(controllers, listener.name); }

  Done check_protocol(std::string_view key, const std::string& name) const {
    const auto at = protocol_of.find(name);
    if (at != protocol_of.end() && at->second == "PLAINTEXT") return {};
    return wrong(key, fmt::format("'{}' has security protocol {}, and PLAINTEXT is what is served; map it in "
                                  "listener.security.protocol.map",
                                  name, at == protocol_of.end() ? "unknown" : at->second));
  }

  Done read_names() {
    controllers = parse_list(text.controller_names);
    protocol_of = protocols(text.protocol_map);
    for (const std::string& name : controllers) {
      if (!text.protocol_map_given) protocol_of.try_emplace(name, "PLAINTEXT");
      if (text.is_alone) continue;  // perhaps it is not even there
      if (auto served = check_protocol("controller.listener.names", name); !served) return served;
    }
    if (controllers.empty() && !text.is_alone) {
      return wrong("controller.listener.names", "names no listener; brokers reach the controllers by the first of them");
    }
    return {};
  }

  Done read_listeners() {
    for (const std::string& part : parse_list(text.listeners)) {
      auto address = parse_address(part);
      if (!address) return wrong("listeners", address.error());
      if (auto served = check_protocol("listeners", address->name); !served) return served;
      const bool twice = std::ranges::any_of(listeners, [&](const ListenerConfig& other) {
        return other.name == address->name || (other.port == address->port && other.port != 0 && other.host == address->host);
      });
      if (twice) return wrong("listeners", fmt::format("'{}' repeats a name or an address", part));
      advertised.push_back(address->name);
      listeners.push_back({std::move(address->name), std::move(address->host), address->port, {}, 0});
    }
    return {};
  }

  Done read_advertised() {
    if (!text.advertised) return {};
    advertised.clear();
    for (const std::string& part : parse_list(*text.advertised)) {
      const auto address = parse_address(part);
      if (!address) return wrong("advertised.listeners", address.error());
      const auto at = std::ranges::find(listeners, address->name, &ListenerConfig::name);
      if (at == listeners.end()) {
        return wrong("advertised.listeners",
                     fmt::format("'{}' is not one of the listeners; add it there or remove it", address->name));
      }
      if (address->host.empty() || address->host == "0.0.0.0" || address->host == "::") {
        return wrong("advertised.listeners", fmt::format("'{}' names no host that clients could connect to; give one", part));
      }
      if (contains(advertised, address->name)) {
        return wrong("advertised.listeners", fmt::format("names '{}' twice; advertise each listener once", address->name));
      }
      at->advertised_host = address->host;
      at->advertised_port = address->port;
      advertised.push_back(address->name);
    }
    return {};
  }

  // What each role demands.
  Done check_roles() const {
    const auto of_controller = [&](const ListenerConfig& listener) { return is_controllers(listener); };
    if (text.is_broker && std::ranges::all_of(listeners, of_controller)) {
      return wrong("listeners", fmt::format("names no listener of the broker role; try PLAINTEXT://:9092{}",
                                            listeners.empty() ? "" : " (perhaps all appear in controller.listener.names?)"));
    }
    if (!text.is_controller && std::ranges::any_of(listeners, of_controller)) {
      return wrong("listeners",
                   fmt::format("must not contain a listener of controller.listener.names ({}) when process.roles is just "
                               "'broker'; remove it",
                               joined(controllers)));
    }
    if (!text.is_broker && !std::ranges::all_of(listeners, of_controller)) {
      return wrong("listeners",
                   fmt::format("must only contain listeners of controller.listener.names ({}) when process.roles is "
                               "just 'controller'; try {}://:9093",
                               joined(controllers), controllers.front()));
    }
    if (!text.is_controller || text.is_alone) return {};
    for (const std::string& name : controllers) {
      if (std::ranges::find(listeners, name, &ListenerConfig::name) == listeners.end()) {
        return wrong(
            "controller.listener.names",
            fmt::format("'{}' must appear in listeners, for others of the quorum to reach this controller; add {}://:9093",
                        name, name));
      }
    }
    return {};
  }

  std::expected<std::string, ListenerProblem> inter_broker() const {
    const std::string name = text.inter_broker.value_or("PLAINTEXT");
    if (!text.is_broker) return std::string{};
    if (contains(controllers, name)) {
      return wrong("inter.broker.listener.name",
                   fmt::format("'{}' is a listener of the controller role; name one of the broker role", name));
    }
    if (contains(advertised, name)) return name;
    std::vector<std::string> valid;
    for (const std::string& one : advertised) {
      if (!contains(controllers, one)) valid.push_back(one);
    }
    return wrong(
        "inter.broker.listener.name",
        fmt::format("'{}' must be a listener name defined in advertised.listeners; the valid options based on currently "
                    "configured listeners are {}",
                    name, joined(valid)));
  }

  std::expected<NodeListeners, ListenerProblem> parse() {
    if (auto done = read_names(); !done) return std::unexpected(done.error());
    if (auto done = read_listeners(); !done) return std::unexpected(done.error());
    if (auto done = read_advertised(); !done) return std::unexpected(done.error());
    if (auto done = check_roles(); !done) return std::unexpected(done.error());
    auto name = inter_broker();
    if (!name) return std::unexpected(name.error());
    NodeListeners result;
    result.inter_broker = std::move(*name);
    if (!controllers.empty()) result.controller_name = controllers.front();
    for (ListenerConfig& listener : listeners) {
      (is_controllers(listener) ? result.controller : result.broker).push_back(std::move(listener));
    }
    return result;
  }
};

}  // namespace

std::expected<NodeListeners, ListenerProblem> parse_listeners(const ListenerText& text) {
  ListenerParser parser{.text = text, .controllers = {}, .protocol_of = {}, .listeners = {}, .advertised = {}};
  return parser.parse();
}

}  // namespace squall::broker
