// What the parts of one broker share. One per Broker; every handler gets it by its request.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/broker_metrics.h"
#include "broker/buffer_pool.h"
#include "broker/config.h"
#include "broker/fetch_session.h"
#include "broker/fetch_watch.h"
#include "broker/local_metadata_store.h"
#include "broker/metrics_server.h"
#include "broker/partition_table.h"
#include "broker/producer_ids.h"
#include "broker/server.h"
#include "log/log_manager.h"
#include "protocol/compression.h"
#include "runtime/wait_queue.h"
#include "runtime/world.h"

namespace squall::broker {

struct ListenerState {
  ListenerConfig config;
  runtime::Endpoint local;
  // What clients of this listener are told to connect to.
  std::string advertised_host;
  std::uint16_t advertised_port = 0;
};

// Every fiber of the broker holds it, so that it outlives them: a dead node unwinds its fibers in any order.
struct BrokerState : std::enable_shared_from_this<BrokerState> {
  BrokerState(runtime::World& its_world, BrokerConfig its_config);

  runtime::World& world;
  BrokerConfig config;
  BrokerMetrics metrics;
  std::string cluster_id;

  std::unique_ptr<log::LogManager> logs;
  std::unique_ptr<log::LogManager> metadata_logs;  // null: the metadata log is in one of `log.dirs`
  std::unique_ptr<LocalMetadataStore> metadata;
  std::shared_ptr<const MetadataImage> config_image;  // what topic configurations are taken from while a change is applied
  std::unique_ptr<PartitionTable> partitions;
  FetchSessionCache fetch_sessions;
  ProducerIds producer_ids;
  std::vector<ListenerState> listeners;
  std::vector<runtime::Endpoint> endpoints;  // where the listeners listen
  std::unique_ptr<Server> server;
  protocol::Compressor compressor;                // for recompression; never held across a wait
  std::shared_ptr<MetricsServer> metrics_server;  // null: none

  bool stopping = false;
  WatchList stop_watchers;  // long polls end when the broker stops
  std::optional<std::string> failure;
  runtime::WaitQueue failure_waiters;

  [[nodiscard]] TopicConfig topic_config(std::string_view topic) const;
  void fail(std::string reason);
};

}  // namespace squall::broker
