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

std::expected<void, ListenerProblem> advertise(const std::string& text, std::vector<ListenerConfig>& listeners) {
  for (const std::string& part : parse_list(text)) {
    const auto address = parse_address(part);
    if (!address) return std::unexpected(ListenerProblem{"advertised.listeners", address.error()});
    const auto at = std::ranges::find(listeners, address->name, &ListenerConfig::name);
    if (at == listeners.end()) {
      return std::unexpected(ListenerProblem{
          "advertised.listeners", fmt::format("'{}' is not one of the listeners; add it there or remove it", address->name)});
    }
    if (address->host.empty() || address->host == "0.0.0.0" || address->host == "::") {
      return std::unexpected(ListenerProblem{"advertised.listeners",
                                             fmt::format("'{}' names no host that clients could connect to; give one", part)});
    }
    at->advertised_host = address->host;
    at->advertised_port = address->port;
  }
  return {};
}

}  // namespace

std::expected<std::vector<ListenerConfig>, ListenerProblem> parse_listeners(const ListenerText& text) {
  std::vector<ListenerConfig> listeners;
  const std::map<std::string, std::string> protocol = protocols(text.protocol_map);
  const std::vector<std::string> controllers = parse_list(text.controller_names);
  for (const std::string& part : parse_list(text.listeners)) {
    auto address = parse_address(part);
    if (!address) return std::unexpected(ListenerProblem{"listeners", address.error()});
    if (std::ranges::find(controllers, address->name) != controllers.end()) continue;
    const auto at = protocol.find(address->name);
    if (at == protocol.end() || at->second != "PLAINTEXT") {
      return std::unexpected(
          ListenerProblem{"listeners", fmt::format("'{}' has security protocol {}, and PLAINTEXT is what is served; "
                                                   "map it in listener.security.protocol.map",
                                                   address->name, at == protocol.end() ? "unknown" : at->second)});
    }
    const bool twice = std::ranges::any_of(listeners, [&](const ListenerConfig& other) {
      return other.name == address->name || (other.port == address->port && other.port != 0 && other.host == address->host);
    });
    if (twice) return std::unexpected(ListenerProblem{"listeners", fmt::format("'{}' repeats a name or an address", part)});
    listeners.push_back({std::move(address->name), std::move(address->host), address->port, {}, 0});
  }
  if (listeners.empty()) {
    return std::unexpected(ListenerProblem{"listeners", "names no listener of the broker role; try PLAINTEXT://:9092"});
  }
  if (text.advertised) {
    if (auto done = advertise(*text.advertised, listeners); !done) return std::unexpected(done.error());
  }
  return listeners;
}

}  // namespace squall::broker
