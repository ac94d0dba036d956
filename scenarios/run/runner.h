// One run of a scenario with one seed: the virtual cluster, its clients, its faults, its checks, its verdict.
//
// Phases: the cluster comes up and the topics are made; the workloads run under faults for `run.duration` (safety); all that
// can be healed is healed, and every partition must work again (liveness); the workloads end; everything is read once more from
// log start to log end; all processes stop. A finding ends the run at once.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "runtime/events.h"
#include "scenarios/checks/check_set.h"
#include "scenarios/language/scenario.h"
#include "scenarios/run/timeline.h"
#include "sim/simulation.h"

namespace squall::scenarios {

struct Progress {
  std::string_view phase;
  Instant at;
  Instant until;  // when the phase ends at the latest
  const Tally& tally;
};

struct RunOptions {
  std::uint64_t seed = 1;
  bool keep_events = false;                       // for a trace file
  std::optional<Duration> until;                  // stop there
  std::optional<runtime::EventName> break_on;     // stop at the first such event
  std::function<void(const Progress&)> progress;  // about every 100 virtual milliseconds
  std::function<void(sim::Simulation&)> ready;    // the simulation is there: to watch its trace, or to report a failed assert
  std::function<void(const sim::ProductEvent&)> on_event;
};

enum class Verdict : std::uint8_t {
  held,         // all checks held, and the run did enough to mean it
  failed,       // a check found its property broken
  did_nothing,  // a gate is closed: the run proves nothing
  interrupted,  // by `until` or `break_on`, before its end
};
[[nodiscard]] std::string_view to_string(Verdict verdict);

struct CheckResult {
  std::string name;
  std::string property;
  std::uint64_t compared = 0;
  std::uint64_t violations = 0;
};

struct RunResult {
  Verdict verdict = Verdict::held;
  bool broke_on_event = false;  // `break_on` happened
  std::string id;
  std::uint64_t seed = 0;
  std::string trace;  // the hash, as text
  Duration virtual_time{};
  std::uint64_t events = 0;     // steps of the simulation
  std::uint64_t crossings = 0;  // records of the trace
  std::vector<Finding> findings;
  std::vector<std::string> gates;  // those that are closed
  std::vector<CheckResult> checks;
  Tally tally;
  std::vector<sim::FaultEntry> faults;  // the ledger
  std::uint64_t faults_that_hit = 0;
  std::vector<TimelineEntry> timeline;
  std::uint64_t timeline_left_out = 0;
  std::vector<std::pair<std::string, std::uint64_t>> event_counts;
  std::vector<TracedEvent> traced;
  std::vector<std::string> nodes;        // names by index
  std::vector<std::string> last_events;  // before the end
  Duration longest_latency{};
  Duration mean_latency{};
  Duration longest_gap{};
  Duration longest_failover{};  // without an active controller, seen every 100 ms
  Duration available_after_heal{};
};

// The error is of the scenario: what it says that only the broker can judge, such as an unknown property.
[[nodiscard]] std::expected<RunResult, LanguageError> run_scenario(const Scenario& scenario, const RunOptions& options);

// "broker/gc_pause@17#1a2b3c4d": one word that says which run this is.
struct RunId {
  std::string name;
  std::uint64_t seed = 0;
  std::string digest;
  [[nodiscard]] std::string to_string() const;
  [[nodiscard]] static std::optional<RunId> parse(std::string_view text);
};

}  // namespace squall::scenarios
