#include "broker/broker.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "broker/broker_state.h"
#include "broker/control_plane.h"
#include "broker/controller_handlers/controller_handlers.h"
#include "broker/controller_watch.h"
#include "broker/format.h"
#include "broker/replication_shell.h"
#include "log/meta_properties.h"
#include "raft/controller/decision.h"
#include "raft/metadata/metadata_topic.h"
#include "runtime/deadline.h"

namespace squall::broker {
namespace {

std::unexpected<StartError> failed(ExitCode code, std::string message) {
  return std::unexpected(StartError{code, std::move(message)});
}

log::LogManagerOptions log_options(BrokerState& state, const std::vector<std::string>& dirs) {
  const BrokerConfig& config = state.config;
  log::LogManagerOptions options;
  options.log_dirs = dirs;
  options.cluster_id = state.cluster_id;
  options.node_id = config.node_id;
  options.config_of = [&state](std::string_view topic) {
    if (topic != raft::metadata_topic_name) return state.topic_config(topic).log;
    return raft::metadata_log_config(static_cast<std::int32_t>(state.config.integer("metadata.log.segment.bytes")),
                                     state.config.integer("metadata.log.segment.ms"));
  };
  options.retention_check_interval_ms = config.integer("log.retention.check.interval.ms");
  options.recovery_point_checkpoint_interval_ms = config.integer("log.flush.offset.checkpoint.interval.ms");
  options.log_start_checkpoint_interval_ms = config.integer("log.flush.start.offset.checkpoint.interval.ms");
  options.high_watermark_checkpoint_interval_ms = config.integer("replica.high.watermark.checkpoint.interval.ms");
  options.producer_id_expiration_ms = config.integer("producer.id.expiration.ms");
  options.producer_id_expiration_check_interval_ms = config.integer("producer.id.expiration.check.interval.ms");
  options.recovery_fibers_per_dir = static_cast<std::int32_t>(config.integer("num.recovery.threads.per.data.dir"));
  return options;
}

// Sessions hear of what retention has deleted.
void on_log_start_moved(const BrokerState& state, const log::TopicPartition& name) {
  if (state.partitions == nullptr) return;
  if (const PartitionRef& partition = state.partitions->find(name.topic, name.partition.value())) partition->notify();
}

constexpr std::string_view mend_disk = "see to the disk and its free room, then start the node again";

// A directory has failed: its partitions are out of use here, and the controller must hear of it; a node with none left cannot
// go on.
void on_dir_failed(BrokerState& state, const std::string& dir) {
  if (state.partitions != nullptr) {
    for (const log::LogDirInfo& info : state.logs->dirs()) {
      if (info.path != dir) continue;
      for (const PartitionRef& partition : state.partitions->all()) {
        if (partition->directory() == info.directory_id) partition->fail();
      }
    }
  }
  if (state.logs == nullptr) return;  // while they are opened: what `open` returns says it
  state.directories.tell_failed();
  const bool metadata_lost = dir == state.config.metadata_log_dir;
  auto dirs = state.logs->dirs();
  const bool none_left = std::ranges::none_of(dirs, [](const log::LogDirInfo& info) { return info.online; });
  if (none_left) {
    std::string why;
    for (const log::LogDirInfo& info : dirs) why += fmt::format("{}{}: {}", why.empty() ? "" : "; ", info.path, info.failure);
    state.fail(fmt::format("all log directories have failed ({}); {}", why, mend_disk));
  } else if (metadata_lost) {
    if (state.metadata_logs) dirs = state.metadata_logs->dirs();
    const auto lost = std::ranges::find(dirs, dir, &log::LogDirInfo::path);
    const std::string why = lost == dirs.end() ? "while it was opened" : lost->failure;
    state.fail(fmt::format("{}: the directory of the metadata log has failed ({}); {}", dir, why, mend_disk));
  }
}

// A node of a cluster knows by its metadata directory which; a node that is its own cluster makes one up.
std::expected<void, StartError> learn_cluster(BrokerState& state) {
  const BrokerConfig& config = state.config;
  const auto cluster = formatted_cluster(state.world, config);
  if (!cluster) return std::unexpected(cluster.error());
  state.cluster_id = *cluster;
  if (!state.cluster_id.empty() || config.is_alone()) return {};
  return failed(
      ExitCode::corrupt_metadata,
      fmt::format("{}: not formatted; if node {} is new, run `squall-broker format` with its configuration and the id of "
                  "its cluster; if it is not, its data is lost: restore it from a copy, or, only where other replicas that "
                  "are in sync hold all of it, format it and let it fetch everything again",
                  config.metadata_log_dir, config.node_id));
}

std::expected<void, StartError> open_logs(BrokerState& state) {
  const BrokerConfig& config = state.config;
  if (auto known = learn_cluster(state); !known) return known;
  const std::vector<std::string> log_dirs =
      config.is_broker ? config.log_dirs : std::vector<std::string>{config.metadata_log_dir};
  const bool shared = std::ranges::find(log_dirs, config.metadata_log_dir) != log_dirs.end();
  std::vector<std::string> all = log_dirs;
  if (!shared) all.push_back(config.metadata_log_dir);
  for (const std::string& dir : all) create_dirs(state.world, dir);
  const auto open = [&](const std::vector<std::string>& dirs) -> std::expected<std::unique_ptr<log::LogManager>, StartError> {
    log::LogManagerOptions options = log_options(state, dirs);
    options.on_dir_failed = [&state](const std::string& dir) { on_dir_failed(state, dir); };
    options.on_log_start_moved = [&state](const log::TopicPartition& name) { on_log_start_moved(state, name); };
    auto logs = std::make_unique<log::LogManager>(state.world, std::move(options));
    if (auto opened = logs->open(); !opened) {
      const bool identity = opened.error().reason.starts_with(log::meta_properties_name);
      return failed(identity ? ExitCode::corrupt_metadata : ExitCode::storage_failed,
                    fmt::format("{}: {}", opened.error().dir, opened.error().reason));
    }
    return logs;
  };
  auto logs = open(log_dirs);
  if (!logs) return std::unexpected(logs.error());
  state.logs = std::move(*logs);
  state.cluster_id = state.logs->cluster_id();  // of the directories, or a new one
  if (shared) return {};
  auto metadata_logs = open({config.metadata_log_dir});
  if (!metadata_logs) return std::unexpected(metadata_logs.error());
  state.metadata_logs = std::move(*metadata_logs);
  return {};
}

LifecycleOptions lifecycle_options(BrokerState& state) {
  const BrokerConfig& config = state.config;
  LifecycleOptions options;
  options.node_id = config.node_id;
  options.cluster_id = state.cluster_id;
  options.incarnation = state.incarnation;
  options.features = raft::supported_features();
  options.rack = config.rack;
  if (state.logs->was_clean_shutdown()) options.previous_epoch = state.logs->previous_broker_epoch();
  for (const log::LogDirInfo& dir : state.logs->dirs()) {
    if (dir.online) options.log_dirs.push_back(dir.directory_id);
  }
  for (const ListenerState& listener : state.listeners) {
    if (listener.kind != ListenerKind::broker) continue;
    options.listeners.push_back({listener.config.name, listener.advertised_host, listener.advertised_port});
  }
  options.heartbeat_interval = config.milliseconds("broker.heartbeat.interval.ms");
  options.session_timeout = config.milliseconds("broker.session.timeout.ms");
  options.registration_timeout = config.milliseconds("initial.broker.registration.timeout.ms");
  options.on_failure = [&state](std::string reason) { state.fail(std::move(reason), ExitCode::not_admitted); };
  return options;
}

// A request that is not answered within `request_timeout` takes its connection with it.
std::unique_ptr<ControllerChannel> open_channel(BrokerState& state, Duration request_timeout) {
  ControllerChannelOptions options;
  options.connection.client_id = fmt::format("broker-{}", state.config.node_id);
  options.connection.request_timeout = request_timeout;
  options.serve = [&state](ByteView request, const Principal&, ByteView client_address,
                           Instant) -> ControllerResult<ByteBuffer> {
    ByteBuffer frame{request.begin(), request.end()};
    const ConnectionInfo connection{0, std::string{as_text(client_address)}, &state.listeners.front()};
    return serve_forwarded(state, connection, frame);
  };
  auto channel = std::make_unique<ControllerChannel>(state.world, *state.control_plane->quorum,
                                                     state.control_plane->controller.get(), std::move(options));
  channel->start();
  return channel;
}

std::unexpected<StartError> not_joined(const BrokerState& state) {
  return std::unexpected(
      state.failure.value_or(StartError{ExitCode::not_admitted, "it was stopped before it had joined its cluster"}));
}

// A broker joins: it registers, learns what it holds from metadata that is not older than its registration, and asks to be
// unfenced. It may wait for as long as there is no controller.
std::expected<void, StartError> join_cluster(BrokerState& state) {
  state.lifecycle = std::make_unique<BrokerLifecycle>(
      state.world, LifecycleSurroundings::of(*state.lifecycle_channel, *state.control_plane->loader), lifecycle_options(state));
  state.lifecycle->start();
  if (!state.lifecycle->wait_until_registered(end_of_time)) return not_joined(state);
  if (!state.lifecycle->wait_until_caught_up(end_of_time)) return not_joined(state);
  load_partitions(state);
  state.directories.start();
  state.lifecycle->set_ready();
  if (!state.lifecycle->wait_until_unfenced(end_of_time) || state.stop_asked || state.failure) return not_joined(state);
  return {};
}

std::expected<void, StartError> open_metrics(BrokerState& state) {
  const auto port = static_cast<std::uint16_t>(state.config.integer("squall.metrics.port"));
  if (port == 0) return {};
  const runtime::Endpoint endpoint{*state.config.text("squall.metrics.host"), port};
  auto server = MetricsServer::open(state.world, endpoint);
  if (!server) {
    return failed(ExitCode::bad_usage, fmt::format("cannot listen on {} for the metrics: {}; change squall.metrics.port",
                                                   to_string(endpoint), runtime::to_string(server.error())));
  }
  state.metrics_server = std::move(*server);
  return {};
}

std::expected<void, StartError> start_parts(BrokerState& state) {
  if (auto done = open_logs(state); !done) return done;
  state.server = std::make_unique<Server>(state, ListenerKind::broker);
  state.controller_server = std::make_unique<Server>(state, ListenerKind::controller);
  for (Server* server : {state.server.get(), state.controller_server.get()}) {
    if (auto bound = server->bind(); !bound) return failed(ExitCode::bad_usage, bound.error());
  }
  if (auto done = open_metrics(state); !done) return done;
  auto plane = open_control_plane(state);
  if (!plane) return std::unexpected(plane.error());
  state.control_plane = std::move(*plane);
  const Duration request_timeout = state.config.milliseconds("request.timeout.ms");
  // A heartbeat that got stuck must leave time for another one within the session (KAFKA-14392).
  const Duration heartbeat_timeout = state.config.milliseconds("broker.session.timeout.ms") / 2;
  state.controller_channel = open_channel(state, request_timeout);
  state.lifecycle_channel = open_channel(state, std::min(request_timeout, heartbeat_timeout));
  state.replication_channel = open_channel(state, request_timeout);
  if (state.stop_asked || state.failure) return not_joined(state);
  broker::start(*state.control_plane);
  state.controller_server->start();
  watch_controller(state.shared_from_this());
  if (!state.config.controller_listeners.empty()) announce_controller(state.shared_from_this());
  if (state.config.is_broker) {
    if (auto joined = join_cluster(state); !joined) return joined;
  }
  state.logs->start();
  if (state.metadata_logs) state.metadata_logs->start();
  state.world.emit(runtime::EventName::node_started,
                   {{"node_id", state.config.node_id.value()}, {"cluster", state.cluster_id}});
  if (state.replicas) state.replicas->start();
  state.server->start();
  return {};
}

// Who is starting gives up at the next thing that it would wait for.
void end_start(BrokerState& state) {
  if (!state.starting) return;
  if (state.lifecycle_channel) state.lifecycle_channel->stop();
  if (state.lifecycle) state.lifecycle->stop();
  while (state.starting) (void)state.start_ended.wait();
}

std::int64_t broker_epoch(const BrokerState& state) { return state.lifecycle ? state.lifecycle->broker_epoch() : -1; }

}  // namespace

Broker::Broker(runtime::World& world, BrokerConfig config) : state_{std::make_shared<BrokerState>(world, std::move(config))} {}

Broker::~Broker() = default;

std::expected<void, StartError> Broker::start() {
  BrokerState& state = *state_;
  SQUALL_ASSERT(state.server == nullptr && !state.starting, "a broker is started once");
  if (state.stop_asked) return not_joined(state);
  Random incarnations = state.world.fork_random("incarnation");
  state.incarnation = Uuid::random(incarnations);
  state.starting = true;
  auto started = start_parts(state);
  state.starting = false;
  state.started = started.has_value();
  state.start_ended.wake_all();
  return started;
}

void Broker::stop() {
  BrokerState& state = *state_;
  if (std::exchange(state.stop_asked, true)) return;
  end_start(state);
  if (state.server == nullptr) {
    state.stopping = true;
    return state.failure_waiters.wake_all();
  }
  const Duration grace = state.config.milliseconds("squall.shutdown.grace.ms");
  // Who cannot go on has nothing to wait for: its log, or the controller's, does not work any more.
  if (state.started && !state.failure && state.lifecycle && state.config.boolean("controlled.shutdown.enable")) {
    (void)state.lifecycle->begin_controlled_shutdown(runtime::deadline_in(state.world, grace));
  }
  state.stopping = true;
  state.stop_watchers.notify();
  state.directories.stop();
  // A quorum that failed answers nobody: what waits for the controller is not worth the grace.
  if (state.failure && state.controller_channel) state.controller_channel->stop();
  state.server->stop(runtime::deadline_in(state.world, grace));
  if (state.metrics_server) state.metrics_server->stop();
  if (state.replicas) state.replicas->stop();
  if (state.lifecycle) state.lifecycle->stop();
  if (state.controller_channel) state.controller_channel->stop();
  if (state.lifecycle_channel) state.lifecycle_channel->stop();
  if (state.replication_channel) state.replication_channel->stop();
  state.directories.wait();
  if (state.control_plane) broker::stop(*state.control_plane, grace);
  state.controller_server->stop(runtime::deadline_in(state.world, grace));
  state.logs->shutdown(broker_epoch(state));
  if (state.metadata_logs) state.metadata_logs->shutdown(broker_epoch(state));
  state.world.emit(runtime::EventName::node_stopped, {{"node_id", state.config.node_id.value()}});
  state.failure_waiters.wake_all();
}

std::optional<StartError> Broker::wait_until_failed() {
  const auto state = state_;
  while (!state->failure && !state->stopping) (void)state->failure_waiters.wait();
  return state->failure;
}

std::optional<Broker::Standing> Broker::standing() const {
  if (state_->control_plane == nullptr) return std::nullopt;
  const ControlPlane& plane = *state_->control_plane;
  const raft::Quorum& quorum = plane.quorum->core();
  return Standing{.epoch = quorum.epoch(),
                  .leader = quorum.leader(),
                  .is_active_controller = plane.is_active_controller(),
                  .high_watermark = quorum.high_watermark(),
                  .log_end = quorum.log().end(),
                  .committed = plane.quorum->committed(),
                  .log_start = plane.log->log_start()};
}

LeaderEpoch Broker::metadata_epoch_before(Offset offset) const {
  return state_->control_plane == nullptr ? no_epoch : state_->control_plane->quorum->core().log().epoch_before(offset);
}

std::string Broker::metadata_log_path() const { return raft::metadata_log_path(state_->config.metadata_log_dir); }

std::vector<Broker::ReplicaStanding> Broker::replicas() const {
  std::vector<ReplicaStanding> all;
  if (state_->partitions == nullptr) return all;
  for (const PartitionRef& partition : state_->partitions->all()) {
    if (!partition->online()) continue;
    const log::Log& log = partition->log();
    all.push_back({.topic = partition->name().topic,
                   .partition = partition->name().partition.value(),
                   .leads = partition->leads(),
                   .leader_epoch = partition->leader_epoch(),
                   .log_start = log.log_start_offset(),
                   .high_watermark = log.high_watermark(),
                   .log_end = log.log_end_offset(),
                   .path = log.path()});
  }
  return all;
}

std::shared_ptr<const raft::MetadataImage> Broker::image() const {
  return state_->control_plane == nullptr ? nullptr : state_->image();
}

std::shared_ptr<const raft::VoterSet> Broker::voters() const {
  return state_->control_plane == nullptr ? nullptr : state_->control_plane->quorum->core().voter_history().sets.last().value;
}

Uuid Broker::metadata_directory() const {
  return state_->control_plane == nullptr ? Uuid{} : state_->control_plane->quorum->core().config().local.directory;
}

const std::vector<runtime::Endpoint>& Broker::endpoints() const { return state_->endpoints; }
const BrokerConfig& Broker::config() const { return state_->config; }

}  // namespace squall::broker
