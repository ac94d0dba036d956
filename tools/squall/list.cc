#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>

#include "runtime/events.h"
#include "scenarios/checks/check_set.h"
#include "scenarios/report/json.h"
#include "sim/profile.h"
#include "tools/squall/commands.h"
#include "tools/squall/library.h"

namespace squall::tools {
namespace {

using scenarios::JsonWriter;

struct Line {
  std::string name;
  std::string help;
  std::vector<std::string> details;
};

std::vector<Line> list_scenarios() {
  std::vector<Line> lines;
  for (const FoundScenario& found : shipped_scenarios()) {
    const auto scenario = load_scenario(found.path.string());
    lines.push_back({found.name, scenario ? scenario->title : scenario.error(), {}});
  }
  return lines;
}

std::vector<Line> list_faults() {
  std::vector<Line> lines;
  for (const scenarios::FaultInfo& fault : scenarios::all_faults()) {
    Line line{std::string{fault.name}, std::string{fault.help}, {}};
    if (fault.harm == scenarios::Harm::unsynced) line.help += " [may cost what is not flushed]";
    if (fault.harm == scenarios::Harm::stored) line.help += " [may cost what is stored]";
    for (const scenarios::ParameterInfo& parameter : fault.parameters) {
      line.details.push_back(fmt::format("{:<10} {}{}", parameter.name, parameter.help,
                                         parameter.fallback.empty() ? "" : fmt::format(" (default {})", parameter.fallback)));
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

std::vector<Line> list_checks() {
  std::vector<Line> lines;
  for (const scenarios::CheckInfo& check : scenarios::all_checks()) {
    lines.push_back({std::string{check.name}, std::string{check.property}, {}});
  }
  return lines;
}

std::vector<Line> list_profiles() {
  std::vector<Line> lines;
  for (const sim::HardwareProfile& profile : sim::all_profiles()) {
    constexpr std::uint64_t mib = 1 << 20;
    lines.push_back(
        {std::string{profile.name},
         fmt::format("{} cores, {} MiB page cache; disk {} IOPS, {}/{} MiB/s, sync {} us; network {} MB/s, {} us",
                     profile.cores, profile.page_cache_bytes / mib, profile.disk.iops, profile.disk.read_bytes_per_second / mib,
                     profile.disk.write_bytes_per_second / mib, profile.disk.sync_latency.count() / 1'000,
                     profile.network.bytes_per_second / 1'000'000, profile.network.latency.count() / 1'000),
         {}});
  }
  return lines;
}

std::vector<Line> list_events() {
  std::vector<Line> lines;
  for (const runtime::EventName event : runtime::all_events()) {
    lines.push_back(
        {std::string{runtime::to_string(event)}, fmt::format("{}", fmt::join(runtime::fields_of(event), ", ")), {}});
  }
  return lines;
}

struct Kind {
  std::string_view name;
  std::vector<Line> (*list)();
};
constexpr std::array<Kind, 5> kinds{{{"scenarios", list_scenarios},
                                     {"faults", list_faults},
                                     {"checks", list_checks},
                                     {"profiles", list_profiles},
                                     {"events", list_events}}};

void print_text(const Kind& kind) {
  fmt::print("{}\n", kind.name);
  for (const Line& line : kind.list()) {
    fmt::print("  {:<28} {}\n", line.name, line.help);
    for (const std::string& detail : line.details) fmt::print("      {}\n", detail);
  }
}

void write_json(JsonWriter& json, const Kind& kind) {
  json.key(kind.name).begin_array();
  for (const Line& line : kind.list()) {
    json.begin_object().member("name", line.name).member("help", line.help).end_object();
  }
  json.end_array();
}

}  // namespace

int list_command(const std::string& what, bool json) {
  JsonWriter object;
  object.begin_object();
  for (const Kind& kind : kinds) {
    // Without a word: what a newcomer looks for.
    const bool wanted = what.empty() ? kind.name != "events" : kind.name == what;
    if (!wanted) continue;
    if (json) {
      write_json(object, kind);
    } else {
      print_text(kind);
    }
  }
  if (json) fmt::print("{}\n", object.end_object().text());
  return exit_held;
}

}  // namespace squall::tools
