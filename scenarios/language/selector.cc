#include "scenarios/language/selector.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "scenarios/language/error.h"

namespace squall::scenarios {
namespace {

using Kind = Selector::Kind;

struct FixedWord {
  std::string_view text;
  Kind kind;
};

constexpr auto fixed_words = std::to_array<FixedWord>({
    {"any.broker", Kind::any_broker},
    {"all.brokers", Kind::all_brokers},
    {"any.client", Kind::any_client},
    {"all.clients", Kind::all_clients},
    {"any.controller", Kind::any_controller},
    {"all.controllers", Kind::all_controllers},
    {"any.server", Kind::any_server},
    {"all.servers", Kind::all_servers},
    {"any.node", Kind::any_node},
    {"all.nodes", Kind::all_nodes},
    {"controller.active", Kind::active_controller},
    {"controller.standby", Kind::standby_controller},
});

constexpr auto numbered_words = std::to_array<FixedWord>({
    {"broker.", Kind::broker},
    {"client.", Kind::client},
    {"controller.", Kind::controller},
    {"rack.", Kind::rack},
});

constexpr auto replica_words = std::to_array<FixedWord>({
    {"leader(", Kind::leader},
    {"follower(", Kind::follower},
    {"in_sync_follower(", Kind::in_sync_follower},
});

constexpr auto valid_forms = std::to_array<std::string_view>({"broker.1",
                                                              "any.broker",
                                                              "all.brokers",
                                                              "client.1",
                                                              "any.client",
                                                              "all.clients",
                                                              "controller.1",
                                                              "any.controller",
                                                              "all.controllers",
                                                              "controller.active",
                                                              "controller.standby",
                                                              "any.server",
                                                              "all.servers",
                                                              "any.node",
                                                              "all.nodes",
                                                              "rack.1",
                                                              "leader(topic/0)",
                                                              "follower(topic/0)",
                                                              "in_sync_follower(topic/0)",
                                                              "client(workload)"});

std::optional<std::int32_t> number_in(std::string_view text) {
  std::int32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < 0) return std::nullopt;
  return number;
}

std::vector<std::size_t> one_of(std::vector<std::size_t> nodes, Random& random) {
  if (nodes.size() < 2) return nodes;
  return {nodes[random.below(nodes.size())]};
}

std::vector<std::size_t> joined(std::vector<std::size_t> left, const std::vector<std::size_t>& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

std::vector<std::size_t> numbered(const std::vector<std::size_t>& nodes, std::int32_t number) {
  if (number < 1 || static_cast<std::size_t>(number) > nodes.size()) return {};
  return {nodes[static_cast<std::size_t>(number) - 1]};
}

}  // namespace

std::expected<Selector, std::string> Selector::parse(std::string_view text) {
  Selector selector;
  for (const FixedWord& word : fixed_words) {
    if (word.text == text) {
      selector.kind = word.kind;
      return selector;
    }
  }
  for (const auto& [prefix, kind] : numbered_words) {
    if (!text.starts_with(prefix)) continue;
    const std::optional<std::int32_t> number = number_in(text.substr(prefix.size()));
    if (!number || *number < 1) break;
    selector.kind = kind;
    selector.number = *number;
    return selector;
  }
  for (const auto& [prefix, kind] : replica_words) {
    if (!text.starts_with(prefix) || !text.ends_with(')')) continue;
    const std::string_view inside = text.substr(prefix.size(), text.size() - prefix.size() - 1);
    const std::size_t slash = inside.rfind('/');
    const auto partition = slash == std::string_view::npos ? std::nullopt : number_in(inside.substr(slash + 1));
    if (!partition) return std::unexpected(fmt::format("\"{}\" must name a partition, as {}orders/0) does", text, prefix));
    selector.kind = kind;
    selector.topic = inside.substr(0, slash);
    selector.partition = *partition;
    return selector;
  }
  if (text.starts_with("client(") && text.ends_with(')')) {
    selector.kind = Kind::workload_client;
    selector.topic = text.substr(7, text.size() - 8);
    return selector;
  }
  return std::unexpected(fmt::format("\"{}\" names no node{}", text, suggestion(text, valid_forms)));
}

std::string Selector::to_string() const {
  for (const FixedWord& word : fixed_words) {
    if (word.kind == kind) return std::string{word.text};
  }
  for (const FixedWord& word : numbered_words) {
    if (word.kind == kind) return fmt::format("{}{}", word.text, number);
  }
  for (const FixedWord& word : replica_words) {
    if (word.kind == kind) return fmt::format("{}{}/{})", word.text, topic, partition);
  }
  return fmt::format("client({})", topic);
}

bool Selector::is_server() const { return !is_client() && kind != Kind::any_node && kind != Kind::all_nodes; }

bool Selector::is_client() const {
  return kind == Kind::client || kind == Kind::any_client || kind == Kind::all_clients || kind == Kind::workload_client;
}

namespace {

// Brokers, then the controllers that are no brokers.
std::vector<std::size_t> servers(const Roles& roles) {
  std::vector<std::size_t> list = roles.brokers();
  for (const std::size_t controller : roles.controllers()) {
    if (std::ranges::find(list, controller) == list.end()) list.push_back(controller);
  }
  return list;
}

}  // namespace

std::vector<std::size_t> resolve(const Selector& selector, const Roles& roles, Random& random) {
  switch (selector.kind) {
    case Kind::broker: return numbered(roles.brokers(), selector.number);
    case Kind::any_broker: return one_of(roles.brokers(), random);
    case Kind::all_brokers: return roles.brokers();
    case Kind::client: return numbered(roles.clients(), selector.number);
    case Kind::any_client: return one_of(roles.clients(), random);
    case Kind::all_clients: return roles.clients();
    case Kind::any_node: return one_of(joined(servers(roles), roles.clients()), random);
    case Kind::all_nodes: return joined(servers(roles), roles.clients());
    case Kind::controller: return numbered(roles.controllers(), selector.number);
    case Kind::any_controller: return one_of(roles.controllers(), random);
    case Kind::all_controllers: return roles.controllers();
    case Kind::active_controller: return roles.active_controller();
    case Kind::standby_controller: return one_of(roles.standby_controllers(), random);
    case Kind::any_server: return one_of(servers(roles), random);
    case Kind::all_servers: return servers(roles);
    case Kind::rack: return roles.rack(selector.number);
    case Kind::leader: return roles.leader(selector.topic, selector.partition);
    case Kind::follower: return one_of(roles.followers(selector.topic, selector.partition, false), random);
    case Kind::in_sync_follower: return one_of(roles.followers(selector.topic, selector.partition, true), random);
    case Kind::workload_client: return one_of(roles.clients_of(selector.topic), random);
  }
  return {};
}

}  // namespace squall::scenarios
