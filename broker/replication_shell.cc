#include "broker/replication_shell.h"

#include <mutex>
#include <string_view>

#include "broker/broker_state.h"
#include "broker/topic_lookup.h"

namespace squall::broker {
namespace {

// ISR changes go to the active controller.
class ControllerAsker final : public AlterPartitionSender {
 public:
  explicit ControllerAsker(ControllerChannel& channel) : channel_{channel} {}
  client::Result<protocol::AlterPartitionResponse> send(const protocol::AlterPartitionRequest& request,
                                                        Instant deadline) override {
    auto answer = channel_.ask(request, deadline);
    if (!answer) return std::unexpected(client::Error{.failure = client::Failure::timed_out, .detail = "no controller"});
    return std::move(*answer);
  }

 private:
  ControllerChannel& channel_;
};

std::int32_t int32(const BrokerConfig& config, std::string_view key) { return static_cast<std::int32_t>(config.integer(key)); }

ThrottleWindow throttle_of(const BrokerConfig& config) {
  return ThrottleWindow{ThrottleWindow::unlimited, int32(config, "replication.quota.window.num"),
                        std::chrono::seconds{config.integer("replication.quota.window.size.seconds")}};
}

ReplicationConfig replication_of(const BrokerConfig& config) {
  ReplicationConfig replication;
  replication.lag_max = config.milliseconds("replica.lag.time.max.ms");
  replication.fetch_backoff = config.milliseconds("replica.fetch.backoff.ms");
  replication.min_in_sync = int32(config, "min.insync.replicas");
  return replication;
}

std::optional<runtime::Endpoint> endpoint_among_brokers(const BrokerState& state, std::string_view listener, NodeId id) {
  const BrokerImage* broker = state.config_image->brokers.get(id);
  const BrokerEndpointImage* endpoint = broker == nullptr ? nullptr : endpoint_of(*broker, listener);
  if (endpoint == nullptr) return std::nullopt;
  return runtime::Endpoint{endpoint->host, endpoint->port};
}

BrokerEpoch own_epoch(const BrokerState& state) {
  const BrokerImage* self = state.config_image->brokers.get(state.config.node_id);
  return self == nullptr ? no_broker_epoch : BrokerEpoch{self->epoch};
}

// A broker's own value, else that of all brokers (KIP-226).
std::int64_t rate_of(const BrokerState& state, std::string_view key) {
  for (const std::string& name : {std::to_string(state.config.node_id.value()), std::string{}}) {
    const auto& values = state.config_image->config_of(ConfigResource::broker, name);
    if (const auto at = values.find(key); at != values.end()) {
      if (const auto rate = parse_integer(at->second)) return *rate;
    }
  }
  return ThrottleWindow::unlimited;
}

void set_throttles(BrokerState& state) {
  state.leader_throttle.set_rate(rate_of(state, "leader.replication.throttled.rate"));
  state.replicas->follower_throttle().set_rate(rate_of(state, "follower.replication.throttled.rate"));
}

ReplicaManagerOptions options_of(BrokerState& state) {
  const BrokerConfig& config = state.config;
  ReplicaManagerOptions options;
  options.self = config.node_id;
  options.fetchers = int32(config, "num.replica.fetchers");
  options.limits.max_wait_ms = int32(config, "replica.fetch.wait.max.ms");
  options.limits.min_bytes = int32(config, "replica.fetch.min.bytes");
  options.limits.partition_max_bytes = int32(config, "replica.fetch.max.bytes");
  options.limits.max_bytes = int32(config, "replica.fetch.response.max.bytes");
  options.limits.state_high_watermark = state.selects_by_rack;
  options.replication = replication_of(config);
  options.socket_timeout = config.milliseconds("replica.socket.timeout.ms");
  options.follower_throttle = throttle_of(config);
  options.endpoint_of = [&state, listener = config.inter_broker_listener](NodeId id) {
    return endpoint_among_brokers(state, listener, id);
  };
  options.broker_epoch = [&state] { return own_epoch(state); };
  options.rounds_of = [&state](const Partition& partition) {
    return state.fetch_sessions.rounds_of({partition.topic_id(), partition.name().topic, partition.name().partition});
  };
  state.isr_changes = std::make_unique<ControllerAsker>(*state.replication_channel);
  options.controller = state.isr_changes.get();
  return options;
}

}  // namespace

void load_partitions(BrokerState& state) {
  const std::lock_guard turn{state.metadata_turn};
  state.config_image = state.image();
  state.selects_by_rack = state.config.text("replica.selector.class").value_or("").ends_with("RackAwareReplicaSelector");
  state.leader_throttle = throttle_of(state.config);
  state.replicas = std::make_shared<ReplicaManager>(state.world, options_of(state));
  const PartitionSetup setup{
      .self = state.config.node_id, .replication = replication_of(state.config), .host = state.replicas.get()};
  auto partitions = std::make_unique<PartitionTable>(state.world, *state.logs, setup,
                                                     [&state](std::string_view topic) { return state.topic_config(topic); });
  set_throttles(state);
  partitions->load(*state.config_image);
  state.partitions = std::move(partitions);
}

void apply_image(BrokerState& state, const std::shared_ptr<const MetadataImage>& image, const ImageChange& change) {
  const std::lock_guard turn{state.metadata_turn};
  if (state.partitions == nullptr) return;
  state.config_image = image;
  set_throttles(state);
  state.partitions->apply(*image, change);
  state.directories.metadata_changed(change);
}

}  // namespace squall::broker
