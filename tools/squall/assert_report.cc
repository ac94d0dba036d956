#include "tools/squall/assert_report.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

#include "base/assert.h"
#include "scenarios/report/json.h"
#include "scenarios/run/timeline.h"
#include "tools/squall/commands.h"

namespace squall::tools {
namespace {

// The handler is given no context, so the program keeps the one run that is under way.
struct Watched {
  sim::Simulation* simulation = nullptr;
  std::string id;
  std::string command;
  bool json = false;
};
Watched watched;

void report(std::string_view what, std::string_view file, int line) {
  if (watched.simulation == nullptr) {
    fmt::print(stderr, "{}:{}: assertion failed: {}\n", file, line, what);
    std::fflush(stderr);
    std::_Exit(exit_harness);
  }
  const std::string at = scenarios::show_time(watched.simulation->now());
  if (watched.json) {
    scenarios::JsonWriter json;
    json.begin_object().member("verdict", "failed").member("id", watched.id);
    json.key("findings").begin_array().begin_object().member("check", "nothing_asserts");
    json.member("what", fmt::format("{} ({}:{})", what, file, line));
    json.key("at_s").seconds(watched.simulation->now().time_since_epoch().count()).end_object().end_array().end_object();
    fmt::print("{}\n", json.text());
  } else {
    fmt::print("broken: No assert of the product fails.\n  at {}: {}\n  in {}:{}\nlast events before it\n", at, what, file,
               line);
    for (const std::string& text : watched.simulation->recent_events(12)) fmt::print("  {}\n", text);
    fmt::print("FAILED: nothing_asserts\nid {}\nreplay: {} replay '{}'\n", watched.id, watched.command, watched.id);
  }
  std::fflush(stdout);
  std::_Exit(exit_failed);
}

}  // namespace

void watch_asserts(sim::Simulation* simulation, const std::string& id, const std::string& command, bool json) {
  watched = Watched{simulation, id, command, json};
  set_failure_handler(report);
}

}  // namespace squall::tools
