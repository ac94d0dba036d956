#include "broker/control_plane.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "broker/broker_state.h"
#include "broker/replication_shell.h"
#include "raft/controller/features.h"
#include "raft/metadata/metadata_topic.h"
#include "raft/metadata/record_version.h"
#include "raft/shell/format.h"

namespace squall::broker {
namespace {

std::unexpected<StartError> failed(ExitCode code, std::string message) {
  return std::unexpected(StartError{code, std::move(message)});
}

std::string log_path(const BrokerState& state) { return raft::metadata_log_path(state.config.metadata_log_dir); }

log::LogManager& manager_of(BrokerState& state) { return state.metadata_logs ? *state.metadata_logs : *state.logs; }

// The identity of the directory that holds the metadata log: with the node id, the replica's (KIP-853).
Uuid directory_id(BrokerState& state) {
  for (const log::LogDirInfo& dir : manager_of(state).dirs()) {
    if (dir.path == state.config.metadata_log_dir) return dir.directory_id;
  }
  return {};
}

raft::Endpoints own_endpoints(const BrokerState& state) {
  raft::Endpoints endpoints;
  for (const ListenerState& listener : state.listeners) {
    if (listener.kind != ListenerKind::controller) continue;
    endpoints.push_back({listener.config.name, listener.advertised_host, listener.advertised_port});
  }
  return endpoints;
}

// Voters that the configuration names. A node that names none, itself or others, is a quorum of its own.
raft::VoterSet static_voters(const BrokerState& state) {
  const BrokerConfig& config = state.config;
  std::vector<raft::Voter> voters;
  for (const QuorumVoter& voter : config.quorum_voters) {
    voters.push_back({.key = {.id = voter.id, .directory = {}},
                      .endpoints = {{config.controller_listener_name, voter.endpoint.host, voter.endpoint.port}},
                      .kraft_versions = {raft::static_voters_version, raft::dynamic_voters_version}});
  }
  if (voters.empty() && config.bootstrap_servers.empty()) {
    voters.push_back({.key = {.id = config.node_id, .directory = {}},
                      .endpoints = own_endpoints(state),
                      .kraft_versions = {raft::static_voters_version, raft::dynamic_voters_version}});
  }
  return raft::VoterSet{std::move(voters)};
}

raft::QuorumNodeOptions quorum_options(BrokerState& state) {
  const BrokerConfig& config = state.config;
  raft::QuorumNodeOptions options;
  options.cluster_id = state.cluster_id;
  options.listener = config.controller_listener_name;
  options.on_failure = [&state](std::string reason) {
    const bool stranger = state.control_plane != nullptr && state.control_plane->quorum->core().is_stranger();
    state.fail(std::move(reason), stranger ? ExitCode::not_admitted : ExitCode::storage_failed);
  };
  raft::QuorumConfig& quorum = options.quorum;
  quorum.local = {.id = config.node_id, .directory = directory_id(state)};
  quorum.endpoints = own_endpoints(state);
  quorum.may_vote = config.is_controller;
  quorum.auto_join = config.is_controller && config.boolean("controller.quorum.auto.join.enable");
  quorum.election_timeout = config.milliseconds("controller.quorum.election.timeout.ms");
  quorum.election_stagger_max = quorum.election_timeout / 4;
  quorum.fetch_timeout = config.milliseconds("controller.quorum.fetch.timeout.ms");
  quorum.election_backoff_max = config.milliseconds("controller.quorum.election.backoff.max.ms");
  quorum.request_timeout = config.milliseconds("controller.quorum.request.timeout.ms");
  quorum.retry_backoff = config.milliseconds("controller.quorum.retry.backoff.ms");
  // Fetches of an idle quorum come back twice a fetch time-out, and in Kafka's 500 ms at most.
  quorum.fetch_wait_max = std::min<Duration>(std::chrono::milliseconds{500}, quorum.fetch_timeout / 4);
  for (const runtime::Endpoint& server : config.bootstrap_servers) {
    options.bootstrap_servers.push_back(server);
    quorum.bootstrap_servers.push_back(NodeId{-1 - static_cast<std::int32_t>(options.bootstrap_servers.size())});
  }
  return options;
}

raft::ControllerSettings controller_settings(const BrokerState& state) {
  const BrokerConfig& config = state.config;
  raft::ControllerSettings settings;
  settings.node_id = config.node_id;
  settings.cluster_id = state.cluster_id;
  settings.features = raft::supported_features();
  if (config.is_broker) settings.own_broker = state.incarnation;
  settings.session_timeout = config.milliseconds("broker.session.timeout.ms");
  settings.leader_imbalance_check_interval = std::chrono::seconds{config.integer("leader.imbalance.check.interval.seconds")};
  settings.unclean_election_interval = config.milliseconds("unclean.leader.election.interval.ms");
  settings.no_op_interval = config.milliseconds("metadata.max.idle.interval.ms");
  if (*settings.no_op_interval == Duration{0}) settings.no_op_interval.reset();
  settings.auto_leader_rebalance = config.boolean("auto.leader.rebalance.enable");
  return settings;
}

raft::MetadataLoaderOptions loader_options(BrokerState& state) {
  const BrokerConfig& config = state.config;
  raft::MetadataLoaderOptions options;
  options.on_image = [&state](const std::shared_ptr<const MetadataImage>& image, const raft::MetadataDelta& delta) {
    apply_image(state, image, delta);
    if (state.lifecycle) state.lifecycle->metadata_changed(*image);
  };
  options.on_failure = [&state](std::string reason) { state.fail(std::move(reason)); };
  options.snapshot_bytes = static_cast<std::uint64_t>(config.integer("metadata.log.max.record.bytes.between.snapshots"));
  options.snapshot_interval = config.milliseconds("metadata.log.max.snapshot.interval.ms");
  options.retention.bytes = static_cast<std::uint64_t>(config.integer("metadata.max.retention.bytes"));
  options.retention.ms = config.integer("metadata.max.retention.ms");
  return options;
}

// What a voter had synced it may have acknowledged: without it, it would help to elect a leader that lacks what was committed.
// A node that only follows fetches it again.
std::expected<void, StartError> check_nothing_lost(BrokerState& state, const log::TopicPartition& name, Offset end) {
  const auto lost = manager_of(state).lost_below(name);
  if (!state.config.is_controller || !lost || *lost <= end) return {};
  return failed(ExitCode::corrupt_metadata,
                fmt::format("{}: the metadata log ends at offset {}, but this voter had it on its disk up to {}; restore the "
                            "directory from a copy, or, if a majority of voters is whole without this one, empty its log "
                            "directories and format it anew",
                            log_path(state), end, *lost));
}

// The log itself. Missing metadata beside logs of topics is a lost directory, never a new cluster.
std::expected<std::shared_ptr<log::Log>, StartError> open_log(BrokerState& state) {
  const log::TopicPartition name{std::string{raft::metadata_topic_name}, PartitionIndex{0}};
  if (manager_of(state).find(name) == nullptr) {
    if (auto whole = check_nothing_lost(state, name, Offset{0}); !whole) return std::unexpected(whole.error());
  }
  auto opened = manager_of(state).create_log(name, metadata_topic_id, log::PartitionAge::known, state.config.metadata_log_dir);
  if (!opened) {
    return failed(ExitCode::storage_failed, fmt::format("{}: cannot open the metadata log: {}; see to the disk and start again",
                                                        state.config.metadata_log_dir, log::to_string(opened.error())));
  }
  if ((*opened)->path() != log_path(state)) {
    return failed(
        ExitCode::corrupt_metadata,
        fmt::format("{}: the metadata log is here, and not in {}; put the directories of log.dirs back in their order, "
                    "or name its directory in metadata.log.dir",
                    (*opened)->path(), state.config.metadata_log_dir));
  }
  const bool others = std::ranges::any_of(state.logs->logs(), [&](const auto& held) { return held->partition() != name; });
  const bool empty = (*opened)->log_end_offset() == Offset{0} && !(*opened)->quarantined();
  if (state.config.is_controller && empty && others) {
    return failed(ExitCode::corrupt_metadata,
                  fmt::format("{}: the metadata is gone, but there are logs of topics; restore the directory from a copy, "
                              "or remove the log directories to begin anew",
                              log_path(state)));
  }
  return std::move(*opened);
}

}  // namespace

raft::Records first_records(const BrokerConfig& config) {
  const std::map<std::string, std::int16_t> features{{std::string{raft::metadata_version_feature}, raft::metadata_version_max},
                                                     {std::string{raft::elr_version_feature}, 1}};
  return raft::bootstrap_records(features, BrokerConfigSchema{config});
}

std::expected<std::unique_ptr<ControlPlane>, StartError> open_control_plane(BrokerState& state) {
  auto opened = open_log(state);
  if (!opened) return std::unexpected(opened.error());
  auto plane = std::make_unique<ControlPlane>(state.config);
  auto log =
      raft::MetadataLog::open(state.world, std::move(*opened), {.dir = log_path(state), .static_voters = static_voters(state)});
  if (!log) return failed(ExitCode::corrupt_metadata, log.error());
  const log::TopicPartition name{std::string{raft::metadata_topic_name}, PartitionIndex{0}};
  if (auto whole = check_nothing_lost(state, name, (*log)->log_end()); !whole) return std::unexpected(whole.error());
  plane->log = std::move(*log);
  plane->quorum = std::make_unique<raft::QuorumNode>(state.world, *plane->log, quorum_options(state));
  if (state.config.is_controller) {
    auto bootstrap = raft::read_bootstrap_records(state.world, state.config.metadata_log_dir);
    if (!bootstrap) return failed(ExitCode::corrupt_metadata, bootstrap.error());
    raft::ControllerNodeOptions options;
    options.settings = controller_settings(state);
    options.bootstrap = *bootstrap ? std::move(**bootstrap) : first_records(state.config);
    options.on_failure = [&state](std::string reason) { state.fail(std::move(reason)); };
    options.on_active = [&state] {
      for (ControllerChannel* const channel :
           {state.controller_channel.get(), state.lifecycle_channel.get(), state.replication_channel.get()}) {
        if (channel != nullptr) channel->retry_now();
      }
    };
    plane->controller = std::make_unique<raft::ControllerNode>(state.world, *plane->quorum, plane->schema, std::move(options));
  }
  plane->loader = std::make_unique<raft::MetadataLoader>(state.world, *plane->quorum, loader_options(state));
  return plane;
}

void start(ControlPlane& plane) {
  plane.quorum->start();
  if (plane.controller) plane.controller->start();
  plane.loader->start();
}

void stop(ControlPlane& plane, Duration grace) {
  plane.loader->stop();
  if (plane.controller) plane.controller->stop();
  plane.quorum->stop(grace);
}

}  // namespace squall::broker
