// The result of a run as text for people, as one JSON object with stable keys, and as a trace for Perfetto.
#pragma once

#include <string>

#include "scenarios/run/runner.h"

namespace squall::scenarios {

struct ReportOptions {
  double wall_seconds = 0;
  bool verbose = false;            // everything of the timeline, every check
  std::string command = "squall";  // how this program was called, for the replay line
};

// Verdict, timeline, counts; for a failure what broke, when, the id, the replay command and the last events before it.
[[nodiscard]] std::string text_report(const Scenario& scenario, const RunResult& result, const ReportOptions& options);

// One line. Keys: verdict, id, scenario, title, seed, trace, virtual_s, wall_s, events, crossings, findings, gates, checks,
// counts, faults, latency, product_events.
[[nodiscard]] std::string json_report(const Scenario& scenario, const RunResult& result, const ReportOptions& options);

// Chrome's trace format, which Perfetto opens: a track per node, faults as spans, product events as moments.
[[nodiscard]] std::string trace_report(const RunResult& result);

}  // namespace squall::scenarios
