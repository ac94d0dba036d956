// What a node is formatted with besides its identity, by the options of Kafka's `kafka-storage format`: who votes first
// (KIP-853), and at which levels the cluster's features begin.
#pragma once

#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "broker/config.h"
#include "raft/controller/decision.h"
#include "raft/quorum/voter_set.h"

namespace squall::broker {

// The first voters of a quorum that keeps them in its log. With controller.quorum.voters there is nothing to say.
enum class FirstVoters : std::uint8_t {
  unsaid,      // only right with static voters, on brokers, and for a node that is its own cluster
  standalone,  // this controller alone
  named,       // those of `initial_controllers`
  none,        // not known to this controller: it is to be added to a quorum that there is already
};

struct FormatOptions {
  std::string cluster_id;         // a UUID in Kafka's text form
  bool ignore_formatted = false;  // directories that are formatted already for this cluster and node are left as they are
  FirstVoters first_voters = FirstVoters::unsaid;
  std::string initial_controllers{};                            // "1@host:9093:dirId,2@host:9093:dirId"
  std::map<std::string, std::int16_t, std::less<>> features{};  // levels by name
  std::optional<std::string> release{};                         // "4.0" or "4.0-IV3": the level of metadata.version by name
};

// "1@host:9093:dirId,...": ordered by id; ids and directories are unique. `listener` is the name of the endpoints.
[[nodiscard]] std::expected<raft::VoterSet, std::string> parse_initial_controllers(std::string_view text,
                                                                                   const std::string& listener);
// The first voters, by Kafka's rules of who must say what; nothing with static voters, and for a node that is to be added.
// `directory` is what the node's metadata directory will be known by, if the options do not give it another id.
[[nodiscard]] std::expected<std::optional<raft::VoterSet>, std::string> first_voters(const BrokerConfig& config,
                                                                                     const FormatOptions& options,
                                                                                     Uuid directory);

// "name=level"
[[nodiscard]] std::expected<std::pair<std::string, std::int16_t>, std::string> parse_feature_level(std::string_view text);
// The level of metadata.version that a release has, or one of its steps: "4.0" is that of "4.0-IV3".
[[nodiscard]] std::optional<std::int16_t> metadata_version_of_release(std::string_view release);
// What the first leader of the new cluster writes: the levels asked for, the newest metadata.version if it is not among them.
// `dynamic`: voters are kept in the log, as kraft.version 1 says.
[[nodiscard]] std::expected<raft::Records, std::string> format_records(const BrokerConfig& config, const FormatOptions& options,
                                                                       bool dynamic);

}  // namespace squall::broker
