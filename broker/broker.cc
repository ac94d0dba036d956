#include "broker/broker.h"

#include <fmt/format.h>

#include <algorithm>

#include "broker/broker_state.h"
#include "log/meta_properties.h"
#include "runtime/deadline.h"

namespace squall::broker {
namespace {

constexpr std::string_view metadata_topic = "__cluster_metadata";

std::unexpected<StartError> failed(ExitCode code, std::string message) {
  return std::unexpected(StartError{code, std::move(message)});
}

// The metadata log is kept for ever, and never takes part in topic configuration.
log::LogConfig metadata_log_config() {
  log::LogConfig config;
  config.retention_ms = -1;
  config.retention_bytes = -1;
  config.survives_full_disk = true;
  constexpr std::int32_t largest_batch = 8 << 20;  // Kafka's limit for one batch of the metadata log
  config.max_message_bytes = largest_batch;
  return config;
}

// log.dirs and their parents; `create_dir` wants the parent to exist.
void create_dirs(runtime::World& world, const std::string& path) {
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    (void)world.create_dir(path.substr(0, slash));
  }
}

log::LogManagerOptions log_options(BrokerState& state, const std::vector<std::string>& dirs) {
  const BrokerConfig& config = state.config;
  log::LogManagerOptions options;
  options.log_dirs = dirs;
  options.cluster_id = state.cluster_id;
  options.node_id = config.node_id;
  options.config_of = [&state](std::string_view topic) {
    return topic == metadata_topic ? metadata_log_config() : state.topic_config(topic).log;
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

// A directory has failed: who waits on its partitions must hear of it; a node with none left cannot go on.
void on_dir_failed(BrokerState& state, const std::string& dir) {
  if (state.partitions != nullptr) {
    for (const PartitionRef& partition : state.partitions->all()) partition->notify();
  }
  if (state.logs == nullptr) return;  // while they are opened: what `open` returns says it
  const bool metadata_lost = dir == state.config.metadata_log_dir;
  const auto dirs = state.logs->dirs();
  const bool none_left = std::ranges::none_of(dirs, [](const log::LogDirInfo& info) { return info.online; });
  if (none_left) {
    state.fail("all log directories have failed");
  } else if (metadata_lost) {
    state.fail(fmt::format("the directory of the metadata log, {}, has failed", dir));
  }
}

std::expected<void, StartError> open_logs(BrokerState& state) {
  const BrokerConfig& config = state.config;
  const bool shared = std::ranges::find(config.log_dirs, config.metadata_log_dir) != config.log_dirs.end();
  std::vector<std::string> all = config.log_dirs;
  if (!shared) all.push_back(config.metadata_log_dir);
  for (const std::string& dir : all) create_dirs(state.world, dir);
  const auto open = [&](const std::vector<std::string>& dirs) -> std::expected<std::unique_ptr<log::LogManager>, StartError> {
    log::LogManagerOptions options = log_options(state, dirs);
    options.on_dir_failed = [&state](const std::string& dir) { on_dir_failed(state, dir); };
    auto logs = std::make_unique<log::LogManager>(state.world, std::move(options));
    if (auto opened = logs->open(); !opened) {
      const bool identity = opened.error().reason.contains(log::meta_properties_name);
      return failed(identity ? ExitCode::corrupt_metadata : ExitCode::storage_failed,
                    fmt::format("{}: {}", opened.error().dir, opened.error().reason));
    }
    return logs;
  };
  auto logs = open(config.log_dirs);
  if (!logs) return std::unexpected(logs.error());
  state.logs = std::move(*logs);
  state.cluster_id = state.logs->cluster_id();  // of the directories, or a new one
  if (shared) return {};
  auto metadata_logs = open({config.metadata_log_dir});
  if (!metadata_logs) return std::unexpected(metadata_logs.error());
  state.metadata_logs = std::move(*metadata_logs);
  return {};
}

std::expected<void, StartError> open_metadata(BrokerState& state) {
  log::LogManager& manager = state.metadata_logs ? *state.metadata_logs : *state.logs;
  const log::TopicPartition name{std::string{metadata_topic}, PartitionIndex{0}};
  auto log = manager.create_log(name, metadata_topic_id, log::PartitionAge::known);
  if (!log) {
    return failed(ExitCode::storage_failed, fmt::format("{}: cannot open the metadata log: {}; see to the disk and start again",
                                                        state.config.metadata_log_dir, log::to_string(log.error())));
  }
  const bool others = std::ranges::any_of(state.logs->logs(), [&](const auto& held) { return held->partition() != name; });
  if ((*log)->log_end_offset() == Offset{0} && others) {
    return failed(ExitCode::corrupt_metadata,
                  fmt::format("{}/{}-0: the metadata is gone, but there are logs of topics; restore the directory from a copy, "
                              "or remove the log directories to begin anew",
                              state.config.metadata_log_dir, metadata_topic));
  }
  state.metadata = std::make_unique<LocalMetadataStore>(state.world, state.config, std::move(*log));
  if (auto opened = state.metadata->open(); !opened) {
    return failed(ExitCode::corrupt_metadata,
                  fmt::format("{}/{}-0: {}; restore the directory from a copy, or remove the log directories to begin anew",
                              state.config.metadata_log_dir, metadata_topic, opened.error()));
  }
  state.config_image = state.metadata->image();
  state.partitions = std::make_unique<PartitionTable>(state.world, *state.logs, state.config.node_id,
                                                      [&state](std::string_view topic) { return state.topic_config(topic); });
  state.partitions->load(*state.config_image);
  state.metadata->set_listener(
      [&state](const std::shared_ptr<const MetadataImage>& image, const std::vector<std::string>& topics) {
        state.config_image = image;
        state.partitions->apply(*image, topics);
      });
  return {};
}

std::expected<void, StartError> register_self(BrokerState& state) {
  Registration registration;
  Random random = state.world.fork_random("incarnation");
  registration.incarnation = Uuid::random(random);
  for (const ListenerState& listener : state.listeners) {
    registration.endpoints.push_back({listener.config.name, listener.advertised_host, listener.advertised_port});
  }
  for (const log::LogDirInfo& dir : state.logs->dirs()) {
    if (dir.online) registration.log_dirs.push_back(dir.directory_id);
  }
  if (!state.metadata->register_broker(registration)) {
    return failed(ExitCode::storage_failed, fmt::format("{}: cannot write the metadata log; see to the disk and start again",
                                                        state.config.metadata_log_dir));
  }
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

std::int64_t broker_epoch(const BrokerState& state) {
  const auto& brokers = state.metadata->image()->brokers;
  const auto self = brokers.find(state.config.node_id);
  return self == brokers.end() ? -1 : self->second.epoch;
}

}  // namespace

Broker::Broker(runtime::World& world, BrokerConfig config) : state_{std::make_shared<BrokerState>(world, std::move(config))} {}

Broker::~Broker() = default;

std::expected<void, StartError> Broker::start() {
  BrokerState& state = *state_;
  SQUALL_ASSERT(state.server == nullptr, "a broker is started once");
  if (auto done = open_logs(state); !done) return done;
  if (auto done = open_metadata(state); !done) return done;
  state.server = std::make_unique<Server>(state);
  if (auto bound = state.server->bind(); !bound) return failed(ExitCode::bad_usage, bound.error());
  if (auto done = register_self(state); !done) return done;
  if (auto done = open_metrics(state); !done) return done;
  state.logs->start();
  if (state.metadata_logs) state.metadata_logs->start();
  state.world.emit(runtime::EventName::node_started,
                   {{"node_id", state.config.node_id.value()}, {"cluster", state.cluster_id}});
  state.server->start();
  return {};
}

void Broker::stop() {
  BrokerState& state = *state_;
  if (state.stopping || state.server == nullptr) return;
  state.stopping = true;
  state.stop_watchers.notify();
  state.server->stop(runtime::deadline_in(state.world, state.config.milliseconds("squall.shutdown.grace.ms")));
  if (state.metrics_server) state.metrics_server->stop();
  state.logs->shutdown(broker_epoch(state));
  if (state.metadata_logs) state.metadata_logs->shutdown(broker_epoch(state));
  state.world.emit(runtime::EventName::node_stopped, {{"node_id", state.config.node_id.value()}});
  state.failure_waiters.wake_all();
}

std::string Broker::wait_until_failed() {
  while (!state_->failure && !state_->stopping) (void)state_->failure_waiters.wait();
  return state_->failure.value_or("");
}

const std::vector<runtime::Endpoint>& Broker::endpoints() const { return state_->endpoints; }
const BrokerConfig& Broker::config() const { return state_->config; }

}  // namespace squall::broker
