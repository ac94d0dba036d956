#include "broker/config.h"

#include <fmt/format.h>

#include <boost/program_options.hpp>

#include <algorithm>
#include <sstream>

#include "base/assert.h"
#include "broker/config_keys.h"
#include "broker/listener_list.h"
#include "broker/quorum_addresses.h"

namespace squall::broker {
namespace {

namespace po = boost::program_options;

po::options_description described_options() {
  po::options_description options{"server.properties"};
  for (const ConfigKey& key : broker_config_keys()) {
    auto* value = po::value<std::string>()->value_name(std::string{to_string(key.type)});
    if (key.default_value) value->default_value(std::string{*key.default_value});
    options.add_options()(std::string{key.name}.c_str(), value, std::string{key.doc}.c_str());
  }
  return options;
}

std::string where(const std::string& file, const Property& property) {
  if (property.line == 0) return fmt::format("override: {}", property.key);
  return fmt::format("{}:{}: {}", file, property.line, property.key);
}

std::string remedy(const ConfigKey& key) {
  if (key.default_value) return fmt::format("the default is '{}'; remove the line to use it", *key.default_value);
  return "remove the line to leave it unset";
}

}  // namespace

// Gathers what the sources say, then fills a BrokerConfig.
struct ConfigBuilder {
  std::string file;
  std::string working_dir;
  std::map<std::string, Property, std::less<>> properties;
  ParsedConfig parsed;

  std::string problem(std::string_view key, std::string_view message) const {
    const auto at = properties.find(key);
    return fmt::format("{}: {}", at == properties.end() ? std::string{key} : where(file, at->second), message);
  }

  void take(const Property& property) {
    if (find_broker_config_key(property.key) == nullptr) {
      const std::string_view nearest = nearest_broker_config_key(property.key);
      const std::string hint = nearest.empty() ? std::string{} : fmt::format("; did you mean '{}'?", nearest);
      parsed.warnings.push_back(fmt::format("{}: unknown key, ignored{}", where(file, property), hint));
      return;
    }
    const auto [at, fresh] = properties.try_emplace(property.key, property);
    if (fresh) return;
    if (property.line != 0) {
      parsed.warnings.push_back(fmt::format("{}: set again, line {} is overridden", where(file, property), at->second.line));
    }
    at->second = property;
  }

  std::expected<void, std::string> check() const {
    for (const auto& [name, property] : properties) {
      const ConfigKey& key = *find_broker_config_key(name);
      if (const auto wrong = check_value(key, property.value)) {
        return std::unexpected(fmt::format("{}: {}; {}", where(file, property), *wrong, remedy(key)));
      }
    }
    return {};
  }

  // Boost.Program_options merges what was set with the defaults of the table.
  void store() {
    po::parsed_options options{nullptr};
    const po::options_description description = described_options();
    options.description = &description;
    for (const auto& [name, property] : properties) {
      parsed.config.given_.emplace(name, property.value);
      options.options.emplace_back(name, std::vector<std::string>{property.value});
    }
    po::variables_map merged;
    po::store(options, merged);
    for (const ConfigKey& key : broker_config_keys()) {
      const po::variable_value& value = merged[std::string{key.name}];
      SQUALL_ASSERT(value.empty() == (!key.default_value && !properties.contains(key.name)), "defaults come from the table");
    }
  }

  std::expected<void, std::string> resolve_identity() {
    BrokerConfig& config = parsed.config;
    const auto old_name = config.optional_integer("broker.id");
    const bool named = config.given().contains("node.id");
    if (named && old_name && *old_name != config.integer("node.id")) {
      return std::unexpected(problem("broker.id", "differs from node.id; remove it"));
    }
    config.node_id = NodeId{static_cast<std::int32_t>(!named && old_name ? *old_name : config.integer("node.id"))};
    config.rack = config.text("broker.rack");
    const std::vector<std::string> roles = parse_list(*config.text("process.roles"));
    config.is_broker = std::ranges::find(roles, "broker") != roles.end();
    config.is_controller = std::ranges::find(roles, "controller") != roles.end();
    if (std::ranges::count(roles, "broker") > 1 || std::ranges::count(roles, "controller") > 1) {
      return std::unexpected(problem("process.roles", "names a role twice; name each once"));
    }
    return {};
  }

  std::expected<void, std::string> resolve_quorum() {
    BrokerConfig& config = parsed.config;
    if (const auto text = config.text("controller.quorum.voters"); text && !text->empty()) {
      auto voters = parse_quorum_voters(*text);
      if (!voters) return std::unexpected(problem("controller.quorum.voters", voters.error()));
      config.quorum_voters = std::move(*voters);
    }
    if (const auto text = config.text("controller.quorum.bootstrap.servers"); text && !text->empty()) {
      auto servers = parse_bootstrap_servers(*text);
      if (!servers) return std::unexpected(problem("controller.quorum.bootstrap.servers", servers.error()));
      config.bootstrap_servers = std::move(*servers);
    }
    if (auto good = check_quorum(config); !good) return std::unexpected(problem(good.error().key, good.error().message));
    return {};
  }

  std::expected<void, std::string> resolve_listeners() {
    BrokerConfig& config = parsed.config;
    ListenerText text{.listeners = *config.text("listeners"),
                      .advertised = config.text("advertised.listeners"),
                      .protocol_map = *config.text("listener.security.protocol.map"),
                      .protocol_map_given = config.given().contains("listener.security.protocol.map"),
                      .controller_names = *config.text("controller.listener.names"),
                      .inter_broker = config.text("inter.broker.listener.name"),
                      .is_broker = config.is_broker,
                      .is_controller = config.is_controller,
                      .is_alone = config.is_alone()};
    auto listeners = parse_listeners(text);
    if (!listeners) return std::unexpected(problem(listeners.error().key, listeners.error().message));
    config.listeners = std::move(listeners->broker);
    config.controller_listeners = std::move(listeners->controller);
    config.inter_broker_listener = std::move(listeners->inter_broker);
    config.controller_listener_name = std::move(listeners->controller_name);
    return {};
  }

  // Times that only make sense together.
  std::expected<void, std::string> check_times() {
    const BrokerConfig& config = parsed.config;
    if (config.integer("replica.fetch.wait.max.ms") > config.integer("replica.lag.time.max.ms")) {
      return std::unexpected(problem("replica.fetch.wait.max.ms",
                                     "must be at most replica.lag.time.max.ms, or followers leave the ISR for waiting"));
    }
    const std::int64_t heartbeat = config.integer("broker.heartbeat.interval.ms");
    const std::int64_t session = config.integer("broker.session.timeout.ms");
    if (heartbeat > session / 2) {
      parsed.warnings.push_back(
          problem("broker.heartbeat.interval.ms",
                  fmt::format("{} is more than half of broker.session.timeout.ms, {}: a heartbeat that is "
                              "late once fences the broker",
                              heartbeat, session)));
    }
    return {};
  }

  std::string absolute(std::string path) const {
    if (!path.starts_with('/')) path = working_dir + (working_dir.ends_with('/') ? "" : "/") + path;
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    return path;
  }

  std::expected<void, std::string> resolve_dirs() {
    BrokerConfig& config = parsed.config;
    const auto several = config.text("log.dirs");
    const std::string_view key = several ? "log.dirs" : "log.dir";
    for (const std::string& dir : parse_list(several ? *several : *config.text("log.dir"))) {
      const std::string path = absolute(dir);
      if (std::ranges::find(config.log_dirs, path) != config.log_dirs.end()) {
        return std::unexpected(problem(key, fmt::format("names '{}' twice; name each directory once", path)));
      }
      config.log_dirs.push_back(path);
    }
    if (config.log_dirs.empty()) return std::unexpected(problem(key, "names no directory; name at least one"));
    const auto metadata = config.text("metadata.log.dir");
    config.metadata_log_dir = metadata && !metadata->empty() ? absolute(*metadata) : config.log_dirs.front();
    return {};
  }

  void resolve_numbers() {
    BrokerConfig& config = parsed.config;
    const auto size = [&](std::string_view key) { return static_cast<std::size_t>(config.integer(key)); };
    config.socket_request_max_bytes = size("socket.request.max.bytes");
    config.max_connections = size("max.connections");
    config.max_connections_per_ip = size("max.connections.per.ip");
    config.connections_max_idle = config.milliseconds("connections.max.idle.ms");
    config.queued_max_requests = size("queued.max.requests");
    config.queued_max_request_bytes = config.integer("queued.max.request.bytes");
    config.fetch_max_bytes = config.integer("fetch.max.bytes");
    config.num_partitions = static_cast<std::int32_t>(config.integer("num.partitions"));
    config.default_replication_factor = static_cast<std::int16_t>(config.integer("default.replication.factor"));
    config.auto_create_topics = config.boolean("auto.create.topics.enable");
  }

  std::expected<ParsedConfig, std::string> build() {
    if (auto checked = check(); !checked) return std::unexpected(checked.error());
    store();
    if (auto done = resolve_identity(); !done) return std::unexpected(done.error());
    if (auto done = resolve_quorum(); !done) return std::unexpected(done.error());
    if (auto done = resolve_listeners(); !done) return std::unexpected(done.error());
    if (auto done = check_times(); !done) return std::unexpected(done.error());
    if (auto done = resolve_dirs(); !done) return std::unexpected(done.error());
    resolve_numbers();
    return std::move(parsed);
  }
};

std::optional<std::string> BrokerConfig::text(std::string_view key) const {
  if (const auto at = given_.find(key); at != given_.end()) return at->second;
  const ConfigKey* row = find_broker_config_key(key);
  SQUALL_ASSERT(row != nullptr, "the key is in the table");
  if (!row->default_value) return std::nullopt;
  return std::string{*row->default_value};
}

std::optional<std::int64_t> BrokerConfig::optional_integer(std::string_view key) const {
  const auto value = text(key);
  if (!value) return std::nullopt;
  const auto number = parse_integer(*value);
  SQUALL_ASSERT(number.has_value(), "numbers were checked when the configuration was made");
  return number;
}

std::int64_t BrokerConfig::integer(std::string_view key) const {
  const auto number = optional_integer(key);
  SQUALL_ASSERT(number.has_value(), "the key has a default");
  return *number;
}

bool BrokerConfig::boolean(std::string_view key) const {
  const auto value = parse_boolean(text(key).value_or(""));
  SQUALL_ASSERT(value.has_value(), "booleans were checked when the configuration was made");
  return *value;
}

Duration BrokerConfig::milliseconds(std::string_view key) const {
  constexpr std::int64_t longest = Duration::max().count() / 2'000'000;  // half of time: sums with an instant stay in range
  return std::chrono::milliseconds{std::clamp<std::int64_t>(integer(key), -1, longest)};
}

std::expected<ParsedConfig, std::string> parse_broker_config(const ConfigSource& source) {
  const auto properties = parse_properties(source.text);
  if (!properties) {
    return std::unexpected(fmt::format("{}:{}: {}", source.file, properties.error().line, properties.error().message));
  }
  ConfigBuilder builder{.file = source.file, .working_dir = source.working_dir, .properties = {}, .parsed = {}};
  for (const Property& property : *properties) builder.take(property);
  for (const auto& [key, value] : source.overrides) builder.take({key, std::string{trim(value)}, 0});
  return builder.build();
}

std::expected<ParsedConfig, std::string> broker_config_from(const ConfigValues& values) {
  ConfigSource source;
  for (const auto& [key, value] : values) source.overrides.emplace_back(key, value);
  return parse_broker_config(source);
}

std::string config_help() {
  std::ostringstream out;
  out << described_options();
  return out.str();
}

}  // namespace squall::broker
