#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "scenarios/report/report.h"

namespace squall::scenarios {
namespace {

constexpr std::size_t timeline_lines = 60;
constexpr std::size_t event_lines_min = 20;  // however many faults there are

std::string show(Duration duration) { return show_quantity(duration.count(), Unit::duration); }

std::string headline(const RunResult& result) {
  switch (result.verdict) {
    case Verdict::held: return "held: every check held";
    case Verdict::failed: return fmt::format("FAILED: {}", result.findings.front().check);
    case Verdict::did_nothing: return "DID NOTHING: the run proves nothing";
    case Verdict::interrupted: return "interrupted, as asked";
  }
  return "";
}

std::string effects(const TimelineEntry& entry, const RunResult& result) {
  if (entry.fault == 0 || entry.fault > result.faults.size()) return "";
  const std::uint64_t count = result.faults[entry.fault - 1].effects;
  return count == 0 ? "  (changed nothing)" : fmt::format("  (changed {} operation{})", count, count == 1 ? "" : "s");
}

std::string timeline_line(const TimelineEntry& entry, const RunResult& result) {
  constexpr std::string_view marks[] = {"--", "!!", "++", "  ", "**"};
  const std::string_view mark = marks[static_cast<std::size_t>(entry.kind)];
  const std::string where = entry.node.empty() ? "" : entry.node + ": ";
  return fmt::format("  {:>12}  {} {}{}{}\n", show_time(entry.at), mark, where, entry.text, effects(entry, result));
}

// How many events of each weight are shown: as many as there is room for beside phases and faults, the weightiest first.
std::array<std::size_t, weights> room_for_events(const std::vector<TimelineEntry>& entries) {
  std::array<std::size_t, weights> count{};
  std::size_t others = 0;
  for (const TimelineEntry& entry : entries) {
    ++(entry.kind == EntryKind::event ? count[static_cast<std::size_t>(entry.weight)] : others);
  }
  std::size_t room = std::max(event_lines_min, timeline_lines - std::min(others, timeline_lines));
  for (std::size_t& one : count) {
    one = std::min(one, room);
    room -= one;
  }
  return count;
}

std::string timeline(const RunResult& result, bool whole) {
  std::string text = "timeline\n";
  std::array<std::size_t, weights> room = room_for_events(result.timeline);
  std::size_t hidden = 0;
  for (const TimelineEntry& entry : result.timeline) {
    if (entry.kind == EntryKind::event && !whole) {
      std::size_t& left = room[static_cast<std::size_t>(entry.weight)];
      if (left == 0) {
        ++hidden;
        continue;
      }
      --left;
    }
    text += timeline_line(entry, result);
  }
  hidden += result.timeline_left_out;
  if (hidden > 0) text += fmt::format("  {:>12}     and {} more events\n", "", hidden);
  return text;
}

std::string counts(const RunResult& result, const ReportOptions& options) {
  const Tally& tally = result.tally;
  std::string text = "what it did\n";
  text += fmt::format("  records        {} sent, {} acknowledged, {} given up, {} read, {} read once more at the end\n",
                      tally.records_sent, tally.records_acked, tally.records_failed, tally.records_read, tally.records_swept);
  if (tally.operations > 0) text += fmt::format("  admin          {} operations\n", tally.operations);
  text += fmt::format("  faults         {} injected, {} changed something\n", result.faults.size(), result.faults_that_hit);
  text += fmt::format("  latency        {} mean, {} longest; longest time without an acknowledgement {}\n",
                      show(result.mean_latency), show(result.longest_latency), show(result.longest_gap));
  if (result.longest_failover.count() > 0) {
    text += fmt::format("  controllers    longest time without an active one {}\n", show(result.longest_failover));
  }
  if (result.available_after_heal.count() > 0) {
    text += fmt::format("  available      {} after the heal, every partition\n", show(result.available_after_heal));
  }
  if (tally.records_excused > 0) {
    text += fmt::format("  not demanded   {} records that a fault was allowed to destroy\n", tally.records_excused);
  }
  if (tally.corruption_detected > 0) text += fmt::format("  corruption     detected {} times\n", tally.corruption_detected);
  std::uint64_t compared = 0;
  for (const CheckResult& check : result.checks) compared += check.compared;
  text += fmt::format("  checks         {} comparisons by {} checks\n", compared, result.checks.size());
  if (options.verbose) {
    for (const CheckResult& check : result.checks) {
      text += fmt::format("    {:<22} {:>12}  {}\n", check.name, check.compared, check.property);
    }
    text += "product events\n";
    for (const auto& [name, count] : result.event_counts) text += fmt::format("  {:<24} {:>10}\n", name, count);
  }
  const auto virtual_seconds = static_cast<double>(result.virtual_time.count()) / 1e9;
  text += fmt::format("  time           {:.3f} virtual seconds in {:.3f} s; {} events\n", virtual_seconds, options.wall_seconds,
                      result.events);
  return text;
}

std::string failure(const RunResult& result) {
  std::string text;
  const std::size_t shown = std::min<std::size_t>(5, result.findings.size());
  for (std::size_t at = 0; at < shown; ++at) {
    const Finding& finding = result.findings[at];
    const auto check = std::ranges::find(result.checks, finding.check, &CheckResult::name);
    text += fmt::format("broken: {}\n", check != result.checks.end() ? check->property : std::string{finding.check});
    text += fmt::format("  at {}: {}\n", show_time(finding.at), finding.what);
  }
  if (result.findings.size() > shown) text += fmt::format("  and {} more\n", result.findings.size() - shown);
  text += "last events before it\n";
  for (const std::string& line : result.last_events) text += "  " + line + "\n";
  return text;
}

}  // namespace

std::string text_report(const Scenario& scenario, const RunResult& result, const ReportOptions& options) {
  std::string text = fmt::format("{}\n{}, seed {}\n\n", scenario.title, scenario.name, result.seed);
  text += timeline(result, options.verbose);
  text += "\n" + counts(result, options) + "\n";
  if (result.verdict == Verdict::failed) text += failure(result);
  for (const std::string& gate : result.gates) text += "closed gate: " + gate + "\n";
  text += fmt::format("{}\nid {}  trace {}\n", headline(result), result.id, result.trace);
  if (result.verdict != Verdict::held) text += fmt::format("replay: {} replay '{}'\n", options.command, result.id);
  return text;
}

}  // namespace squall::scenarios
