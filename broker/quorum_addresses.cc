#include "broker/quorum_addresses.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "base/quote.h"
#include "broker/config_keys.h"

namespace squall::broker {
namespace {

constexpr std::string_view voters_key = "controller.quorum.voters";
constexpr std::string_view servers_key = "controller.quorum.bootstrap.servers";

// "host:port" or "[::1]:port", both given; port 0 names nobody.
std::optional<runtime::Endpoint> parse_endpoint(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  const auto port = parse_integer(text.substr(colon + 1));
  if (!port || *port < 1 || *port > 65535) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (host.empty() || (!bracketed && host.contains(':')) || host.contains('@') || host.contains('/')) return std::nullopt;
  return runtime::Endpoint{std::string{host}, static_cast<std::uint16_t>(*port)};
}

std::optional<QuorumVoter> parse_voter(std::string_view text) {
  const std::size_t at = text.find('@');
  if (at == std::string_view::npos) return std::nullopt;
  const auto id = parse_integer(text.substr(0, at));
  auto endpoint = parse_endpoint(text.substr(at + 1));
  if (!id || *id < 0 || *id > std::numeric_limits<std::int32_t>::max() || !endpoint) return std::nullopt;
  return QuorumVoter{NodeId{static_cast<std::int32_t>(*id)}, std::move(*endpoint)};
}

std::string ids_of(const std::vector<QuorumVoter>& voters) {
  std::string text;
  for (const QuorumVoter& voter : voters) text += fmt::format("{}{}", text.empty() ? "" : ",", voter.id.value());
  return text;
}

}  // namespace

std::expected<std::vector<QuorumVoter>, std::string> parse_quorum_voters(std::string_view text) {
  std::vector<QuorumVoter> voters;
  for (const std::string& part : parse_list(text)) {
    auto voter = parse_voter(part);
    if (!voter) return std::unexpected(fmt::format("'{}' is no voter; write each as id@host:port", quote(part)));
    for (const QuorumVoter& other : voters) {
      if (other.id == voter->id) {
        return std::unexpected(fmt::format("names voter {} twice; give each controller an id of its own", other.id.value()));
      }
      if (other.endpoint == voter->endpoint) {
        return std::unexpected(fmt::format("voters {} and {} cannot both listen on {}; correct one of them", other.id.value(),
                                           voter->id.value(), runtime::to_string(other.endpoint)));
      }
    }
    voters.push_back(std::move(*voter));
  }
  if (voters.empty()) return std::unexpected("names no voter; write each as id@host:port, or remove the line");
  std::ranges::sort(voters, {}, &QuorumVoter::id);
  return voters;
}

std::expected<std::vector<runtime::Endpoint>, std::string> parse_bootstrap_servers(std::string_view text) {
  std::vector<runtime::Endpoint> servers;
  for (const std::string& part : parse_list(text)) {
    auto endpoint = parse_endpoint(part);
    if (!endpoint) return std::unexpected(fmt::format("'{}' is no address; write each as host:port", quote(part)));
    if (std::ranges::find(servers, *endpoint) == servers.end()) servers.push_back(std::move(*endpoint));
  }
  if (servers.empty()) return std::unexpected("names no server; write each as host:port, or remove the line");
  return servers;
}

std::expected<void, QuorumProblem> check_quorum(const BrokerConfig& config) {
  const auto wrong = [](std::string_view key, std::string message) {
    return std::unexpected(QuorumProblem{key, std::move(message)});
  };
  if (!config.quorum_voters.empty() && !config.bootstrap_servers.empty()) {
    return wrong(servers_key, fmt::format("a quorum is static or not: with {} set, remove this line", voters_key));
  }
  if (config.is_alone() && !(config.is_broker && config.is_controller)) {
    return wrong("process.roles",
                 fmt::format("a node of only one role must know its quorum: either {} must contain the set of bootstrap "
                             "controllers or {} must contain a parseable set of controllers",
                             servers_key, voters_key));
  }
  const bool votes = std::ranges::find(config.quorum_voters, config.node_id, &QuorumVoter::id) != config.quorum_voters.end();
  if (config.is_controller && !config.quorum_voters.empty() && !votes) {
    return wrong(voters_key,
                 fmt::format("if process.roles contains the 'controller' role, the node id {} must be included in the "
                             "set of voters {}",
                             config.node_id.value(), ids_of(config.quorum_voters)));
  }
  if (!config.is_controller && votes) {
    return wrong(voters_key,
                 fmt::format("if process.roles contains just the 'broker' role, the node id {} must not be included in "
                             "the set of voters {}",
                             config.node_id.value(), ids_of(config.quorum_voters)));
  }
  if (!config.quorum_voters.empty() && config.boolean("controller.quorum.auto.join.enable")) {
    return wrong("controller.quorum.auto.join.enable",
                 fmt::format("only a quorum that keeps its voters in its log can be joined; remove {}", voters_key));
  }
  return {};
}

}  // namespace squall::broker
