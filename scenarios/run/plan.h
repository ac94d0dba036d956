// A scenario with everything drawn that is drawn before the run: what the cluster is, what each workload does, which faults are
// in it. What is drawn when a fault fires stays a distribution.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.h"
#include "base/types.h"
#include "scenarios/language/scenario.h"

namespace squall::scenarios {

using DrawnConfig = std::vector<std::pair<std::string, std::string>>;

// A broker, a controller, or both. Brokers have the ids 1, 2, …; controllers that are nodes of their own 101, 102, …
struct ServerPlan {
  NodeId id;
  std::string name;  // of the node, and its host
  bool is_broker = true;
  bool is_controller = true;
  std::int64_t rack = 0;  // from 1; 0: none
};
inline constexpr std::int32_t first_controller_id = 101;

struct TopicPlan {
  std::string name;
  std::int32_t partitions = 1;
  std::int16_t replication = 1;
  DrawnConfig config;
};

// A workload with its settings drawn. Settings of the other kinds keep their defaults.
struct WorkloadPlan {
  std::size_t index = 0;
  WorkloadKind kind{};
  std::string name;
  std::string topic;
  std::size_t clients = 1;
  Duration start{};
  std::optional<Duration> stop;
  std::int64_t interval_ns = 0;  // of one client, between two records or operations; 0: as fast as it goes
  Duration request_timeout{};

  std::string acks;
  bool idempotence = false;
  std::string compression;
  std::int64_t record_size_max = 0;
  Value record_size;  // drawn for each record
  Value keys;         // likewise
  std::string partition;
  std::int64_t batch_size = 0;
  Duration linger{};
  std::int64_t in_flight = 5;
  std::int64_t headers = 0;
  Duration delivery_timeout{};
  std::int64_t records = 0;

  bool from_earliest = true;
  Duration max_wait{};
  std::int64_t min_bytes = 1;
  std::int64_t max_bytes = 0;
  Value think;
  Value rewind;

  std::vector<AdminOperation> operations;
  std::int64_t topics = 4;
};

struct Plan {
  std::vector<ServerPlan> servers;  // brokers first
  bool dynamic_voters = false;
  std::int64_t initial_voters = 0;  // how many controllers, the first ones, vote from the beginning
  DrawnConfig config;               // of all servers
  DrawnConfig broker_config;        // of brokers; wins over `config`
  DrawnConfig controller_config;    // of controllers; likewise
  std::int64_t disks = 1;
  std::optional<std::int64_t> disk_size;
  std::optional<std::int64_t> page_cache;
  Duration clock_skew{};
  std::vector<TopicPlan> topics;
  std::vector<WorkloadPlan> workloads;
  std::vector<FaultSpec> faults;  // those that are in this run, the swarm's included

  [[nodiscard]] bool is_cluster() const { return servers.size() > 1; }
  [[nodiscard]] std::int64_t broker_count() const;
  [[nodiscard]] std::int64_t controller_count() const;
  // The controllers that vote from the beginning.
  [[nodiscard]] std::vector<const ServerPlan*> first_voters() const;
  // A controller that is no broker has one disk, whatever the brokers have.
  [[nodiscard]] std::int64_t disks_of(const ServerPlan& server) const { return server.is_broker ? disks : 1; }
  // What the scenario sets for brokers, or for this topic; nothing if it leaves the default.
  [[nodiscard]] std::optional<std::string> broker_value(std::string_view key) const;
  [[nodiscard]] std::optional<std::string> topic_value(std::string_view topic, std::string_view topic_key,
                                                       std::string_view broker_key) const;
  [[nodiscard]] std::int16_t replication_of(std::string_view topic) const;

  // Whether the topic keeps the timestamps that its producers give.
  [[nodiscard]] bool keeps_create_time(std::string_view topic) const;
};

// Draws from streams named after what is drawn, so that a new key in one table moves no other.
[[nodiscard]] Plan make_plan(const Scenario& scenario, std::uint64_t seed);

}  // namespace squall::scenarios
