// The configuration of a node: server.properties, checked and resolved.
//
// Every value is checked when the configuration is made, so that the accessors cannot fail; asking for a key that is not in
// the table, or by the wrong type, is a bug (asserts).
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "base/types.h"
#include "broker/properties.h"
#include "runtime/io.h"

namespace squall::broker {

using ConfigValues = std::map<std::string, std::string, std::less<>>;

struct ListenerConfig {
  std::string name;  // "PLAINTEXT"
  std::string host;  // empty: all interfaces
  std::uint16_t port = 0;
  std::string advertised_host;        // empty: the host clients reach it by
  std::uint16_t advertised_port = 0;  // 0: the port it listens on
};

// Of a static quorum, as controller.quorum.voters names it.
struct QuorumVoter {
  NodeId id;
  runtime::Endpoint endpoint;
  bool operator==(const QuorumVoter&) const = default;
};

class BrokerConfig {
 public:
  // The keys that were set, as they were written. Default values are not in it.
  [[nodiscard]] const ConfigValues& given() const { return given_; }
  // The value as text: what was set, else the default, else nothing.
  [[nodiscard]] std::optional<std::string> text(std::string_view key) const;
  [[nodiscard]] std::int64_t integer(std::string_view key) const;
  [[nodiscard]] std::optional<std::int64_t> optional_integer(std::string_view key) const;
  [[nodiscard]] bool boolean(std::string_view key) const;
  [[nodiscard]] Duration milliseconds(std::string_view key) const;
  // Whether it was told of no quorum, and is one by itself: such a node has both roles.
  [[nodiscard]] bool is_alone() const { return quorum_voters.empty() && bootstrap_servers.empty(); }

  // Resolved from several keys, or read often.
  NodeId node_id;
  std::optional<std::string> rack;
  bool is_broker = true;
  bool is_controller = true;
  std::vector<ListenerConfig> listeners;             // of the broker role; at least one if it has that role
  std::vector<ListenerConfig> controller_listeners;  // of the controller role; at least one unless `is_alone`
  std::string inter_broker_listener;                 // the name of one of `listeners`; empty without the broker role
  std::string controller_listener_name;              // by which brokers reach the controllers
  std::vector<QuorumVoter> quorum_voters;            // by id; a static quorum
  std::vector<runtime::Endpoint> bootstrap_servers;  // of a quorum that keeps its voters in its log
  std::vector<std::string> log_dirs;                 // absolute, at least one, without doubles
  std::string metadata_log_dir;
  std::size_t socket_request_max_bytes = 0;
  std::size_t max_connections = 0;
  std::size_t max_connections_per_ip = 0;
  Duration connections_max_idle{};
  std::size_t queued_max_requests = 0;
  std::int64_t queued_max_request_bytes = -1;
  std::int64_t fetch_max_bytes = 0;
  std::int32_t num_partitions = 1;
  std::int16_t default_replication_factor = 1;
  bool auto_create_topics = true;

 private:
  friend struct ConfigBuilder;
  ConfigValues given_;
};

struct ParsedConfig {
  BrokerConfig config;
  std::vector<std::string> warnings;  // one line each: unknown keys with the nearest known one, keys set twice
};

// `text` is the content of `file` (named in errors: "server.properties:12: log.segment.bytes: must be ..., not 'x'").
// `overrides` win over the file. A relative directory is taken from `working_dir`.
struct ConfigSource {
  std::string file;
  std::string text;
  std::vector<std::pair<std::string, std::string>> overrides;
  std::string working_dir = "/";
};
[[nodiscard]] std::expected<ParsedConfig, std::string> parse_broker_config(const ConfigSource& source);
// The same from values alone.
[[nodiscard]] std::expected<ParsedConfig, std::string> broker_config_from(const ConfigValues& values);

// The help of all keys, as Boost.Program_options lays it out; and the reference page docs/configuration.md.
[[nodiscard]] std::string config_help();
[[nodiscard]] std::string config_reference_page();

}  // namespace squall::broker
