#include "broker/format_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "base/quote.h"
#include "broker/config_keys.h"
#include "broker/config_schema.h"
#include "broker/quorum_addresses.h"
#include "raft/controller/features.h"
#include "raft/metadata/record_version.h"

namespace squall::broker {
namespace {

constexpr std::string_view voters_key = "controller.quorum.voters";

std::unexpected<std::string> wrong(std::string message) { return std::unexpected(std::move(message)); }

// "4.0-IV3" and the like, from level `metadata_version_min` on.
constexpr std::array<std::string_view, 23> releases{"3.3-IV3", "3.4-IV0", "3.5-IV0", "3.5-IV1", "3.5-IV2", "3.6-IV0",
                                                    "3.6-IV1", "3.6-IV2", "3.7-IV0", "3.7-IV1", "3.7-IV2", "3.7-IV3",
                                                    "3.7-IV4", "3.8-IV0", "3.9-IV0", "4.0-IV0", "4.0-IV1", "4.0-IV2",
                                                    "4.0-IV3", "4.1-IV0", "4.1-IV1", "4.2-IV0", "4.2-IV1"};
static_assert(releases.size() == raft::metadata_version_max - raft::metadata_version_min + 1);

// Where others reach the controller: the first of its listeners, as it advertises itself.
std::expected<raft::Endpoints, std::string> own_endpoint(const BrokerConfig& config) {
  if (config.controller_listeners.empty()) {
    return wrong("--standalone: this node has no controller listener; name one in controller.listener.names and listeners");
  }
  const ListenerConfig& listener = config.controller_listeners.front();
  std::string host = listener.advertised_host.empty() ? listener.host : listener.advertised_host;
  const bool everywhere = host.empty() || host == "0.0.0.0" || host == "::";
  if (everywhere) host = "localhost";
  const std::uint16_t port = listener.advertised_port == 0 ? listener.port : listener.advertised_port;
  if (port == 0) return wrong("--standalone: the controller listener needs a port of its own; give it one in listeners");
  return raft::Endpoints{{listener.name, std::move(host), port}};
}

raft::Voter voter_of(NodeId id, Uuid directory, raft::Endpoints endpoints) {
  return {.key = {.id = id, .directory = directory},
          .endpoints = std::move(endpoints),
          .kraft_versions = {raft::static_voters_version, raft::dynamic_voters_version}};
}

}  // namespace

std::expected<raft::VoterSet, std::string> parse_initial_controllers(std::string_view text, const std::string& listener) {
  const auto refused = [](std::string message) { return wrong("--initial-controllers: " + std::move(message)); };
  std::vector<raft::Voter> voters;
  std::string addresses;
  for (const std::string& part : parse_list(text)) {
    const std::size_t colon = part.rfind(':');
    const auto directory = colon == std::string::npos ? std::nullopt : Uuid::parse(std::string_view{part}.substr(colon + 1));
    if (!directory || directory->is_zero()) {
      return refused(fmt::format("'{}' is no controller; write each as id@host:port:directoryId", quote(part)));
    }
    auto address = parse_quorum_voters(std::string_view{part}.substr(0, colon));
    if (!address) return refused(fmt::format("'{}' is no controller; write each as id@host:port:directoryId", quote(part)));
    const bool known = std::ranges::find(voters, *directory, [](const auto& one) { return one.key.directory; }) != voters.end();
    if (known) return refused(fmt::format("names the directory {} twice", directory->to_string()));
    const QuorumVoter& voter = address->front();
    voters.push_back(voter_of(voter.id, *directory, {{listener, voter.endpoint.host, voter.endpoint.port}}));
    addresses += (addresses.empty() ? "" : ",") + part.substr(0, colon);
  }
  if (voters.empty()) return refused("names nobody; write each controller as id@host:port:directoryId");
  // Ids and addresses that come twice.
  if (const auto unique = parse_quorum_voters(addresses); !unique) return refused(unique.error());
  return raft::VoterSet{std::move(voters)};
}

std::expected<std::optional<raft::VoterSet>, std::string> first_voters(const BrokerConfig& config, const FormatOptions& options,
                                                                       Uuid directory) {
  const FirstVoters said = options.first_voters;
  const bool is_static = !config.quorum_voters.empty();
  if (is_static && said != FirstVoters::unsaid) {
    return wrong(
        fmt::format("{} is set: the voters are static, and none can be given; remove that key, or the option", voters_key));
  }
  if (said == FirstVoters::unsaid) {
    if (is_static || !config.is_controller || config.is_alone()) return std::nullopt;
    return wrong(
        fmt::format("because {} is not set on this controller, say who votes first: one of --standalone, "
                    "--initial-controllers and --no-initial-controllers",
                    voters_key));
  }
  if (said == FirstVoters::none) return std::nullopt;
  if (said == FirstVoters::named) {
    auto voters = parse_initial_controllers(options.initial_controllers, config.controller_listener_name);
    if (!voters) return wrong(voters.error());
    return *std::move(voters);
  }
  if (!config.is_controller) return wrong("--standalone: only a controller can be the first voter; see process.roles");
  auto endpoint = own_endpoint(config);
  if (!endpoint) return wrong(endpoint.error());
  return raft::VoterSet{{voter_of(config.node_id, directory, *std::move(endpoint))}};
}

std::expected<std::pair<std::string, std::int16_t>, std::string> parse_feature_level(std::string_view text) {
  const std::size_t equals = text.find('=');
  const auto level = equals == std::string_view::npos ? std::nullopt : parse_integer(text.substr(equals + 1));
  if (equals == 0 || !level || *level < 0 || *level > std::numeric_limits<std::int16_t>::max()) {
    return wrong(fmt::format("--feature {}: write it as name=level", quote(text)));
  }
  return std::pair{std::string{text.substr(0, equals)}, static_cast<std::int16_t>(*level)};
}

std::optional<std::int16_t> metadata_version_of_release(std::string_view release) {
  for (std::size_t at = releases.size(); at > 0; --at) {
    const std::string_view name = releases[at - 1];
    const bool whole = name == release;
    const bool newest = name.starts_with(release) && name.substr(release.size()).starts_with("-IV");
    if (whole || newest) return static_cast<std::int16_t>(raft::metadata_version_min + static_cast<std::int16_t>(at) - 1);
  }
  return std::nullopt;
}

std::expected<raft::Records, std::string> format_records(const BrokerConfig& config, const FormatOptions& options,
                                                         bool dynamic) {
  const raft::SupportedFeatures supported = raft::supported_features();
  std::map<std::string, std::int16_t> levels;
  for (const auto& [name, level] : options.features) {
    const auto known = supported.find(name);
    if (known == supported.end()) {
      std::string names;
      for (const auto& [other, range] : supported) names += (names.empty() ? "" : ", ") + other;
      return wrong(fmt::format("--feature {}: no such feature; there are {}", quote(name), names));
    }
    if (!known->second.contains(level)) {
      return wrong(
          fmt::format("--feature {}: the level must be {} to {}, not {}", name, known->second.min, known->second.max, level));
    }
    levels.emplace(name, level);
  }
  if (options.release) {
    const auto level = metadata_version_of_release(*options.release);
    if (!level) {
      return wrong(fmt::format("--release-version {}: no such release; there are {} to {}", quote(*options.release),
                               releases.front(), releases.back()));
    }
    if (!levels.emplace(std::string{raft::metadata_version_feature}, *level).second) {
      return wrong("--release-version says what metadata.version is; do not give it with --feature too");
    }
  }
  if (const auto kraft = levels.find(std::string{raft::kraft_version_feature}); kraft != levels.end()) {
    if (kraft->second == raft::static_voters_version && dynamic) {
      return wrong("--feature kraft.version: cannot be 0 where the voters are kept in the log; leave it out");
    }
    if (kraft->second != raft::static_voters_version && !dynamic) {
      return wrong(
          fmt::format("--feature kraft.version: cannot be {} with static voters; leave it out, and raise it when the "
                      "cluster runs",
                      kraft->second));
    }
  }
  // As in Kafka, clusters begin with eligible leader replicas from 4.1 on (KIP-966).
  constexpr std::int16_t first_with_eligible_replicas = 26;
  const auto version = levels.find(std::string{raft::metadata_version_feature});
  if (version == levels.end() || version->second >= first_with_eligible_replicas) {
    levels.try_emplace(std::string{raft::elr_version_feature}, 1);
  }
  return raft::bootstrap_records(levels, BrokerConfigSchema{config});
}

}  // namespace squall::broker
