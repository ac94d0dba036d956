// A broker's life in its cluster (KIP-631): it registers, heartbeats, is unfenced when it has caught up, and asks before it
// goes.
//
// One incarnation is one process: a registration that is lost, or forgotten by the controller, is made again with the same one,
// and keeps its epoch if it was known. Every request that this node sends as a broker names the epoch.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "base/types.h"
#include "base/uuid.h"
#include "broker/controller_channel.h"
#include "protocol/messages/broker_heartbeat.h"
#include "protocol/messages/broker_registration.h"
#include "raft/metadata/metadata_image.h"
#include "raft/shell/metadata_loader.h"
#include "runtime/world.h"

namespace squall::broker {

// Values are those of Kafka's metric `BrokerState`.
enum class LifecycleState : std::int8_t {
  not_running = 0,
  starting = 1,  // not registered
  recovery = 2,  // registered, and never unfenced
  running = 3,   // has been unfenced; may be fenced again by a controller that did not hear of it
  pending_controlled_shutdown = 6,
  shutting_down = 7,
};

// Who answers and what is known; made of a channel and a loader, or by a test. All may wait.
struct LifecycleSurroundings {
  std::function<ControllerResult<protocol::BrokerRegistrationResponse>(const protocol::BrokerRegistrationRequest&, Instant)>
      register_broker;
  std::function<ControllerResult<protocol::BrokerHeartbeatResponse>(const protocol::BrokerHeartbeatRequest&, Instant)>
      heartbeat;
  std::function<std::shared_ptr<const raft::MetadataImage>()> image;
  std::function<bool(Offset, Instant)> wait_until_published;

  // Both outlive the lifecycle.
  [[nodiscard]] static LifecycleSurroundings of(ControllerChannel& channel, raft::MetadataLoader& loader);
};

struct LifecycleOptions {
  NodeId node_id = no_node;
  std::string cluster_id;
  Uuid incarnation;  // drawn anew by each process
  std::vector<raft::BrokerEndpointImage> listeners;
  raft::SupportedFeatures features;
  std::optional<std::string> rack;
  std::vector<Uuid> log_dirs;
  std::int64_t previous_epoch = -1;                          // of a clean shutdown; else -1
  Duration heartbeat_interval = std::chrono::seconds{2};     // broker.heartbeat.interval.ms
  Duration session_timeout = std::chrono::seconds{9};        // broker.session.timeout.ms
  Duration registration_timeout = std::chrono::seconds{60};  // initial.broker.registration.timeout.ms
  std::function<void(std::string reason)> on_failure;        // it could not register; told once
};

class BrokerLifecycle {
 public:
  BrokerLifecycle(runtime::World& world, LifecycleSurroundings surroundings, LifecycleOptions options);
  ~BrokerLifecycle();
  BrokerLifecycle(const BrokerLifecycle&) = delete;
  BrokerLifecycle& operator=(const BrokerLifecycle&) = delete;

  void start();
  void stop();     // may wait: ends its fibers
  void abandon();  // ends them soon, and all waits for it at once; never waits

  // The broker can serve: from now on it wants to be unfenced, once its metadata holds its own registration.
  void set_ready();
  // New metadata: a registration from before it had directories (metadata.version 17) is made again, to name them (KIP-858).
  void metadata_changed(const raft::MetadataImage& image);
  // Directories that failed, for all heartbeats from now on (KIP-858).
  void set_offline_log_dirs(std::vector<Uuid> directories);

  [[nodiscard]] LifecycleState state() const;
  // -1 until it is registered.
  [[nodiscard]] std::int64_t broker_epoch() const;
  // As the controller last said.
  [[nodiscard]] bool is_fenced() const;

  // All may wait. False: the deadline, it stopped, or failed.
  [[nodiscard]] bool wait_until_registered(Instant deadline);
  // Until the published metadata holds this broker's own registration.
  [[nodiscard]] bool wait_until_caught_up(Instant deadline);
  [[nodiscard]] bool wait_until_unfenced(Instant deadline);
  // Asks to go, and waits until this broker leads nothing and the others know that. False: it was not allowed by the deadline;
  // it goes nevertheless, and is fenced when its session ends.
  [[nodiscard]] bool begin_controlled_shutdown(Instant deadline);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace squall::broker
