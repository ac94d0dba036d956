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
#include "scenarios/language/scenario.h"

namespace squall::scenarios {

using DrawnConfig = std::vector<std::pair<std::string, std::string>>;

struct TopicPlan {
  std::string name;
  std::int32_t partitions = 1;
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
  DrawnConfig broker_config;
  std::int64_t disks = 1;
  std::optional<std::int64_t> disk_size;
  std::optional<std::int64_t> page_cache;
  Duration clock_skew{};
  std::vector<TopicPlan> topics;
  std::vector<WorkloadPlan> workloads;
  std::vector<FaultSpec> faults;  // those that are in this run, the swarm's included

  // Whether the topic keeps the timestamps that its producers give.
  [[nodiscard]] bool keeps_create_time(std::string_view topic) const;
};

// Draws from streams named after what is drawn, so that a new key in one table moves no other.
[[nodiscard]] Plan make_plan(const Scenario& scenario, std::uint64_t seed);

}  // namespace squall::scenarios
