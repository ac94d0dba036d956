// A scenario as it was written: distributions not yet drawn, roles not yet resolved. docs/scenarios.md is its reference.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/events.h"
#include "scenarios/language/error.h"
#include "scenarios/language/selector.h"
#include "scenarios/language/value.h"
#include "scenarios/language/vocabulary.h"

namespace squall::scenarios {

using ConfigEntries = std::vector<std::pair<std::string, Value>>;  // in the order of the file; Unit::word

// `[cluster]` describes nodes: without controllers the one broker is a controller too; else the controllers are nodes of their
// own, or, if `combined`, the first of the brokers.
struct ClusterSpec {
  std::string control_plane = "kraft";
  std::int64_t brokers = 1;
  std::int64_t controllers = 0;
  bool combined = false;
  bool dynamic_voters = false;      // the voters are kept in the log (KIP-853), not in the configuration
  std::int64_t initial_voters = 0;  // of the controllers, the first ones; 0: all. The others can be added
  std::int64_t racks = 0;           // over which nodes are spread; 0: they have none
  std::string hardware = "nvme-10g";
  ConfigEntries config;                        // of every node
  ConfigEntries broker_config;                 // of those with the broker role; wins over `config`
  ConfigEntries controller_config;             // of those with the controller role
  Value disks = Value::fixed(1, Unit::count);  // log directories of each broker, each on a disk of its own
  std::optional<Value> page_cache;
  std::optional<Value> clock_skew;  // of each broker's wall clock
  std::optional<Value> disk_size;   // else as the hardware profile says
  // Where each key of `config`, `broker_config` and `controller_config` stands.
  std::vector<std::pair<std::string, Place>> config_places;
  std::vector<std::pair<std::string, Place>> broker_config_places;
  std::vector<std::pair<std::string, Place>> controller_config_places;

  [[nodiscard]] bool dedicated_controllers() const { return controllers > 0 && !combined; }
  // Nodes with the controller role.
  [[nodiscard]] std::int64_t controller_count() const { return controllers > 0 ? controllers : 1; }
};

struct TopicSpec {
  std::string name;
  Value partitions = Value::fixed(1, Unit::count);
  std::int64_t replication = 1;
  Place replication_place;
  ConfigEntries config;
  std::vector<std::pair<std::string, Place>> config_places;  // where each key of `config` stands
  Place place;
};

enum class WorkloadKind : std::uint8_t { produce, consume, admin };

enum class AdminOperation : std::uint8_t {
  create_topic,
  delete_topic,
  add_partitions,
  delete_records,
  alter_config,
  describe,
  list_offsets,
  reassign,
  elect_leader,
  recreate_topic,
};
inline constexpr std::size_t admin_operation_count = 10;
[[nodiscard]] std::span<const std::string_view> admin_operation_names();

// One `[[workload]]`. Members that the kind does not use keep their defaults.
struct WorkloadSpec {
  WorkloadKind kind = WorkloadKind::produce;
  std::string name;   // given, or made of its kind and topic
  Place name_place;   // line 0: not given
  std::string topic;  // produce, consume: the topic; admin: the prefix of the topics that it makes
  Value clients = Value::fixed(1, Unit::count);
  Value start = Value::fixed(0, Unit::duration);
  std::optional<Value> stop;
  Place start_place;  // of `start` and `stop`; line 0: not given
  Place stop_place;

  // produce
  std::optional<Value> rate;  // records (admin: operations) a second of the whole workload; absent: as fast as it goes
  Value acks = Value::word("all");
  Value idempotence = Value::word("true");  // as Kafka: only with acks = "all" and at most 5 in flight
  Value compression = Value::word("none");
  Value record_size = Value::fixed(128, Unit::bytes);
  Value keys = Value::fixed(0, Unit::count);  // drawn for each record; 0: no key
  Value partition = Value::word("round-robin");
  Value batch_size = Value::fixed(16384, Unit::bytes);
  Value linger = Value::fixed(0, Unit::duration);
  Value in_flight = Value::fixed(5, Unit::count);
  Value headers = Value::fixed(0, Unit::count);
  Value request_timeout = Value::fixed(5'000'000'000, Unit::duration);
  Value delivery_timeout = Value::fixed(30'000'000'000, Unit::duration);
  Value records = Value::fixed(0, Unit::count);  // stops after this many; 0: never

  // consume
  Value from = Value::word("earliest");
  Value max_wait = Value::fixed(500'000'000, Unit::duration);
  Value min_bytes = Value::fixed(1, Unit::bytes);
  Value max_bytes = Value::fixed(1'048'576, Unit::bytes);
  Value think = Value::fixed(0, Unit::duration);      // between two polls
  Value rewind = Value::fixed(0, Unit::probability);  // chance, at each poll, of starting again at the log start

  // admin
  std::vector<AdminOperation> operations;
  Value topics = Value::fixed(4, Unit::count);  // how many topics of its own it keeps at most

  Place place;
};

enum class TriggerKind : std::uint8_t { at_time, on_event, after_fault };

struct FaultSpec {
  std::string name;  // given, or `pause#1`
  TriggerKind trigger = TriggerKind::at_time;
  Value at = Value::fixed(0, Unit::duration);
  // on_event
  runtime::EventName event{};
  std::vector<std::pair<std::string, std::string>> where;  // fields that must be equal, as text
  Value event_count = Value::fixed(1, Unit::count);        // the how-manieth such event, counted anew after each firing
  // after_fault
  std::string after;                              // the name of another fault
  bool after_end = false;                         // after it ended instead of after it began
  Value delay = Value::fixed(0, Unit::duration);  // between trigger and fault
  std::optional<Value> every;                     // fires again this long after each firing
  std::optional<Value> times;                     // at most so often; absent: once, or with `every` without end
  Value chance = Value::fixed(probability_certain, Unit::probability);  // of being in the run at all

  FaultKind kind{};
  std::optional<Selector> node;  // `node`
  std::optional<Selector> from;
  std::optional<Selector> to;
  Place at_place;
  std::vector<std::pair<std::string_view, Place>> selector_places;  // of `node`, `from` and `to`, where they are given
  std::vector<std::pair<std::string_view, Value>> values;           // all other parameters of the vocabulary, defaults included
  Place place;

  [[nodiscard]] const Value& value(std::string_view parameter) const;
};

// Faults drawn for the run: `count` of them, of kinds drawn from `faults`, each at a drawn time with default parameters.
struct SwarmSpec {
  Value count = Value::fixed(0, Unit::count);
  Value between = Value::fixed(0, Unit::duration);  // the pause before each next one
  std::vector<FaultKind> kinds;
};

// How often an event is to happen between the begin of the workloads and the heal.
struct EventExpectation {
  runtime::EventName event{};
  std::int64_t least = 0;  // else the run has not shown what it is for
  std::int64_t most = INT64_MAX;
};

struct ExpectSpec {
  std::optional<Value> available_after_heal;  // the first write and read after the heal, within this
  std::optional<Value> produce_latency_max;   // acknowledged within this, from send to answer
  std::optional<Value> unavailable_max;       // the longest time between two acknowledgements of a produce workload
  std::optional<Value> controller_failover;   // the longest time without an active controller
  std::optional<Value> produce_latency_min;   // gates: the faults must have been felt
  std::optional<Value> unavailable_min;
  std::vector<EventExpectation> events;
  std::optional<Value> full_isr_after_heal;  // every partition led and with all replicas in sync, within this
  std::int64_t acked_min = 1;                // gates: an empty run cannot pass
  std::int64_t read_min = 1;
  std::int64_t faults_min = -1;     // that hit; -1: one, if the run has any
  std::int64_t operations_min = 0;  // admin operations that succeeded
};

struct RunSpec {
  Duration duration{60'000'000'000};
  Duration heal{10'000'000'000};  // length of the liveness phase after `duration`
  std::uint64_t first_seed = 1;
  std::uint64_t last_seed = 1;
};

struct Scenario {
  std::string file;    // as it was named to the parser
  std::string name;    // `broker/gc_pause`: what ids call it
  std::string digest;  // 8 hexadecimal digits of its text
  std::string title;
  ClusterSpec cluster;
  std::vector<TopicSpec> topics;
  std::vector<WorkloadSpec> workloads;
  std::vector<FaultSpec> faults;
  std::optional<SwarmSpec> swarm;
  ExpectSpec expect;
  RunSpec run;
};

struct SeedRange {
  std::uint64_t first = 1;
  std::uint64_t last = 1;
};
// "1..200" or one number; nothing if it is neither, or ends before it begins.
[[nodiscard]] std::optional<SeedRange> parse_seed_range(std::string_view text);

// Parses `text`. `file` and `name` are used for errors and ids.
[[nodiscard]] std::expected<Scenario, LanguageError> parse_scenario(std::string_view text, std::string file, std::string name);

// The hardware profiles that `cluster.hardware` may name.
[[nodiscard]] std::span<const std::string_view> hardware_profile_names();

}  // namespace squall::scenarios
