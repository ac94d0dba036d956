// What the parts of one broker share. One per Broker; every handler gets it by its request.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/broker.h"
#include "broker/broker_metrics.h"
#include "broker/buffer_pool.h"
#include "broker/config.h"
#include "broker/controller_channel.h"
#include "broker/directory_reporter.h"
#include "broker/fetch_session.h"
#include "broker/fetch_watch.h"
#include "broker/lifecycle.h"
#include "broker/listener_kind.h"
#include "broker/metadata_image.h"
#include "broker/metrics_server.h"
#include "broker/partition_table.h"
#include "broker/producer_ids.h"
#include "broker/replica_manager.h"
#include "broker/replication/throttle.h"
#include "broker/server.h"
#include "log/log_manager.h"
#include "protocol/compression.h"
#include "runtime/mutex.h"
#include "runtime/wait_queue.h"
#include "runtime/world.h"

namespace squall::broker {

struct ControlPlane;

struct ListenerState {
  ListenerKind kind = ListenerKind::broker;
  ListenerConfig config;
  runtime::Endpoint local;
  // What clients of this listener are told to connect to.
  std::string advertised_host;
  std::uint16_t advertised_port = 0;
};

// Every fiber of the broker holds it, so that it outlives them: a dead node unwinds its fibers in any order.
struct BrokerState : std::enable_shared_from_this<BrokerState> {
  BrokerState(runtime::World& its_world, BrokerConfig its_config);
  ~BrokerState();
  BrokerState(const BrokerState&) = delete;
  BrokerState& operator=(const BrokerState&) = delete;

  runtime::World& world;
  BrokerConfig config;
  BrokerMetrics metrics;
  std::string cluster_id;

  Uuid incarnation;                                // of this process, for the controller
  std::unique_ptr<log::LogManager> logs;           // of a broker; else the directory of the metadata log alone
  std::unique_ptr<log::LogManager> metadata_logs;  // null: the metadata log is in one of `log.dirs`
  std::unique_ptr<ControlPlane> control_plane;
  std::unique_ptr<ControllerChannel> controller_channel;   // what clients ask for, and what may take its time
  std::unique_ptr<ControllerChannel> lifecycle_channel;    // heartbeats, which nothing may hold up
  std::unique_ptr<ControllerChannel> replication_channel;  // AlterPartition
  std::unique_ptr<BrokerLifecycle> lifecycle;              // null: not a broker
  std::shared_ptr<const MetadataImage> config_image;       // what topic configurations are taken from while a change is applied
  runtime::Mutex metadata_turn;                            // one image is applied at a time
  // Made by `load_partitions` (broker/replication_shell.h); null before, and without the broker role.
  std::unique_ptr<AlterPartitionSender> isr_changes;
  std::shared_ptr<ReplicaManager> replicas;
  std::unique_ptr<PartitionTable> partitions;
  ThrottleWindow leader_throttle;  // KIP-73: what followers may fetch of throttled replicas
  bool selects_by_rack = false;    // replica.selector.class
  DirectoryReporter directories;   // tells the controller of them
  FetchSessionCache fetch_sessions;
  ProducerIds producer_ids;
  std::vector<ListenerState> listeners;
  std::vector<runtime::Endpoint> endpoints;   // where the listeners listen
  std::unique_ptr<Server> server;             // for clients and other brokers
  std::unique_ptr<Server> controller_server;  // for the quorum, and for brokers
  std::int64_t last_connection = 0;
  protocol::Compressor compressor;                // for recompression; never held across a wait
  std::shared_ptr<MetricsServer> metrics_server;  // null: none

  bool starting = false;  // `Broker::start` has not returned
  bool started = false;
  bool stop_asked = false;  // who still starts gives up
  runtime::WaitQueue start_ended;
  bool stopping = false;
  WatchList stop_watchers;  // long polls end when the broker stops
  std::optional<StartError> failure;
  runtime::WaitQueue failure_waiters;

  // The newest published image of the cluster; never null.
  [[nodiscard]] const std::shared_ptr<const MetadataImage>& image() const;
  [[nodiscard]] TopicConfig topic_config(std::string_view topic) const;
  // Ends a start, too.
  void fail(std::string reason, ExitCode code = ExitCode::storage_failed);
};

}  // namespace squall::broker
