#include "scenarios/language/selector.h"

#include <fmt/format.h>

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

constexpr std::array<FixedWord, 7> fixed_words{{{"any.broker", Kind::any_broker},
                                                {"all.brokers", Kind::all_brokers},
                                                {"any.client", Kind::any_client},
                                                {"all.clients", Kind::all_clients},
                                                {"any.node", Kind::any_node},
                                                {"all.nodes", Kind::all_nodes},
                                                {"controller.active", Kind::active_controller}}};

constexpr std::array<std::string_view, 11> valid_forms{"broker.1",          "any.broker",      "all.brokers",     "client.1",
                                                       "any.client",        "all.clients",     "any.node",        "all.nodes",
                                                       "controller.active", "leader(topic/0)", "client(workload)"};

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
  for (const auto& [prefix, kind] : {std::pair{std::string_view{"broker."}, Kind::broker}, {"client.", Kind::client}}) {
    if (!text.starts_with(prefix)) continue;
    const std::optional<std::int32_t> number = number_in(text.substr(prefix.size()));
    if (!number || *number < 1) break;
    selector.kind = kind;
    selector.number = *number;
    return selector;
  }
  if (text.starts_with("leader(") && text.ends_with(')')) {
    const std::string_view inside = text.substr(7, text.size() - 8);
    const std::size_t slash = inside.rfind('/');
    const auto partition = slash == std::string_view::npos ? std::nullopt : number_in(inside.substr(slash + 1));
    if (!partition) return std::unexpected(fmt::format("\"{}\" must name a partition, as leader(orders/0) does", text));
    selector.kind = Kind::leader;
    selector.topic = inside.substr(0, slash);
    selector.partition = *partition;
    return selector;
  }
  if (text.starts_with("client(") && text.ends_with(')')) {
    selector.kind = Kind::workload_client;
    selector.topic = text.substr(7, text.size() - 8);
    return selector;
  }
  for (const std::string_view later : {"follower(", "coordinator(", "rack.", "zookeeper.", "controller."}) {
    if (text.starts_with(later)) {
      return std::unexpected(fmt::format("\"{}\" needs a cluster of several nodes; this one has one broker", text));
    }
  }
  return std::unexpected(fmt::format("\"{}\" names no node{}", text, suggestion(text, valid_forms)));
}

std::string Selector::to_string() const {
  for (const FixedWord& word : fixed_words) {
    if (word.kind == kind) return std::string{word.text};
  }
  switch (kind) {
    case Kind::broker: return fmt::format("broker.{}", number);
    case Kind::client: return fmt::format("client.{}", number);
    case Kind::leader: return fmt::format("leader({}/{})", topic, partition);
    default: return fmt::format("client({})", topic);
  }
}

bool Selector::is_broker() const {
  return kind == Kind::broker || kind == Kind::any_broker || kind == Kind::all_brokers || kind == Kind::active_controller ||
         kind == Kind::leader;
}

bool Selector::is_client() const {
  return kind == Kind::client || kind == Kind::any_client || kind == Kind::all_clients || kind == Kind::workload_client;
}

std::vector<std::size_t> resolve(const Selector& selector, const Roles& roles, Random& random) {
  switch (selector.kind) {
    case Kind::broker: return numbered(roles.brokers(), selector.number);
    case Kind::any_broker: return one_of(roles.brokers(), random);
    case Kind::all_brokers: return roles.brokers();
    case Kind::client: return numbered(roles.clients(), selector.number);
    case Kind::any_client: return one_of(roles.clients(), random);
    case Kind::all_clients: return roles.clients();
    case Kind::any_node: return one_of(joined(roles.brokers(), roles.clients()), random);
    case Kind::all_nodes: return joined(roles.brokers(), roles.clients());
    case Kind::active_controller: return roles.active_controller();
    case Kind::leader: return roles.leader(selector.topic, selector.partition);
    case Kind::workload_client: return one_of(roles.clients_of(selector.topic), random);
  }
  return {};
}

}  // namespace squall::scenarios
