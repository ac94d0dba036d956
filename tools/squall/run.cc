#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>

#include "scenarios/report/json.h"
#include "scenarios/report/report.h"
#include "scenarios/run/runner.h"
#include "tools/squall/assert_report.h"
#include "tools/squall/commands.h"
#include "tools/squall/library.h"
#include "tools/squall/verify.h"

namespace squall::tools {
namespace {

using scenarios::RunOptions;
using scenarios::RunResult;
using scenarios::Scenario;
using scenarios::SeedRange;
using scenarios::Verdict;

std::expected<SeedRange, std::string> seeds_of(const RunArguments& arguments, const Scenario& scenario) {
  if (arguments.seed) return SeedRange{*arguments.seed, *arguments.seed};
  if (arguments.seeds.empty()) return SeedRange{scenario.run.first_seed, scenario.run.first_seed};
  const auto range = scenarios::parse_seed_range(arguments.seeds);
  if (!range) return std::unexpected(fmt::format("--seeds: \"{}\" is not a range such as 1..200", arguments.seeds));
  return *range;
}

// On a terminal one line that is written over; in a pipe nothing.
class ProgressLine {
 public:
  explicit ProgressLine(bool wanted) : shown_{wanted && isatty(STDERR_FILENO) == 1} {}
  ~ProgressLine() { clear(); }
  void show(std::uint64_t seed, const scenarios::Progress& progress) {
    if (!shown_) return;
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < std::chrono::milliseconds{50}) return;
    last_ = now;
    fmt::print(stderr, "\r\x1b[Kseed {}: {} at {}, {} acknowledged, {} read", seed, progress.phase,
               scenarios::show_time(progress.at), progress.tally.records_acked, progress.tally.records_read);
    std::fflush(stderr);
    dirty_ = true;
  }
  void clear() {
    if (dirty_) fmt::print(stderr, "\r\x1b[K");
    dirty_ = false;
  }

 private:
  bool shown_;
  bool dirty_ = false;
  std::chrono::steady_clock::time_point last_;
};

struct Timed {
  RunResult result;
  double wall_seconds = 0;
};

class Session {
 public:
  Session(const RunArguments& arguments, const Scenario& scenario)
      : arguments_{arguments}, scenario_{scenario}, progress_{!arguments.json} {}

  int run_all(SeedRange seeds) {
    const bool many = seeds.first != seeds.last;
    const auto begun = std::chrono::steady_clock::now();
    for (std::uint64_t seed = seeds.first;; ++seed) {
      const int code = run_seed(seed, many);
      if (code != exit_held || seed == seeds.last) {
        if (many && code == exit_held) summary(seeds, begun);
        return code;
      }
    }
  }

  void stop_at(Duration until) { until_ = until; }
  void break_on(runtime::EventName event) { break_on_ = event; }

 private:
  [[nodiscard]] RunOptions options_for(std::uint64_t seed) {
    RunOptions options;
    options.seed = seed;
    options.keep_events = !arguments_.trace.empty();
    options.progress = [this, seed](const scenarios::Progress& progress) { progress_.show(seed, progress); };
    if (!arguments_.until.empty()) options.until = until_;
    options.break_on = break_on_;
    return options;
  }

  // One run, watched by `watch`.
  std::expected<Timed, std::string> run_once(std::uint64_t seed, const std::function<void(sim::Simulation&)>& watch) {
    RunOptions options = options_for(seed);
    const std::string id = scenarios::RunId{scenario_.name, seed, scenario_.digest}.to_string();
    options.ready = [&](sim::Simulation& simulation) {
      watch_asserts(&simulation, id, arguments_.command, arguments_.json);
      if (watch) watch(simulation);
    };
    if (arguments_.verbose && !arguments_.json) {
      options.on_event = [](const sim::ProductEvent& event) {
        // Without a throw, which would end the run: the end tells that it could not be written.
        const std::string line =
            fmt::format("{:>14}  {}  {}\n", scenarios::show_time(event.at), event.node_name, sim::to_string(event));
        (void)std::fwrite(line.data(), 1, line.size(), stdout);
      };
    }
    const auto begun = std::chrono::steady_clock::now();
    auto result = scenarios::run_scenario(scenario_, options);
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begun;
    watch_asserts(nullptr, id, arguments_.command, arguments_.json);
    progress_.clear();
    if (!result) return std::unexpected(result.error().to_string());
    return Timed{std::move(*result), wall.count()};
  }

  int run_seed(std::uint64_t seed, bool many) {
    TraceComparison comparison;
    const auto first =
        run_once(seed, arguments_.verify ? std::function<void(sim::Simulation&)>{[&](sim::Simulation& simulation) {
                   comparison.record_first(simulation);
                 }}
                                         : nullptr);
    if (!first) return complain(first.error(), arguments_.json, exit_usage);
    if (arguments_.verify) {
      const auto second = run_once(seed, [&](sim::Simulation& simulation) { comparison.compare_second(simulation); });
      if (!second) return complain(second.error(), arguments_.json, exit_harness);
      if (first->result.trace != second->result.trace || !comparison.difference().empty()) {
        return complain(fmt::format("not deterministic: {} has trace {} and then {}; {}", first->result.id, first->result.trace,
                                    second->result.trace, comparison.difference()),
                        arguments_.json, exit_harness);
      }
    }
    acked_ += first->result.tally.records_acked;
    return report(*first, many);
  }

  int report(const Timed& run, bool many) {
    const scenarios::ReportOptions options{run.wall_seconds, arguments_.verbose, arguments_.command};
    if (!arguments_.trace.empty()) {
      std::ofstream file{arguments_.trace, std::ios::binary};
      file << scenarios::trace_report(run.result);
      if (!file.flush()) return complain(arguments_.trace + " cannot be written", arguments_.json, exit_usage);
    }
    const bool good = run.result.verdict == Verdict::held || run.result.verdict == Verdict::interrupted;
    const bool missed = run.result.verdict == Verdict::held && break_on_ && !run.result.broke_on_event;
    const std::string no_event = fmt::format("--break-on: there was no {} in {}", arguments_.break_on, run.result.id);
    if (arguments_.json) {
      fmt::print("{}", scenarios::json_report(scenario_, run.result, options));
    } else if (!many || !good) {
      fmt::print("{}", scenarios::text_report(scenario_, run.result, options));
      if (arguments_.verify && good) fmt::print("verified: a second run gave the same trace\n");
    }
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) return exit_usage;  // the caller tells
    if (missed) return complain(no_event, false, exit_usage);
    return good ? exit_held : exit_failed;
  }

  void summary(SeedRange seeds, std::chrono::steady_clock::time_point begun) const {
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begun;
    if (arguments_.json) return;
    fmt::print("{}: held with every seed from {} to {} ({} records acknowledged, {:.1f} s)\n", scenario_.name, seeds.first,
               seeds.last, acked_, wall.count());
  }

  const RunArguments& arguments_;
  const Scenario& scenario_;
  ProgressLine progress_;
  std::optional<Duration> until_;
  std::optional<runtime::EventName> break_on_;
  std::uint64_t acked_ = 0;
};

std::string nearest_event(const std::string& name) {
  std::vector<std::string_view> names;
  for (const runtime::EventName event : runtime::all_events()) names.push_back(runtime::to_string(event));
  return scenarios::suggestion(name, names);
}

}  // namespace

int complain(const std::string& what, bool json, int code) {
  if (json) {
    scenarios::JsonWriter object;
    object.begin_object().member("verdict", "error").member("error", what).member("exit_code", code).end_object();
    fmt::print("{}\n", object.text());
  } else {
    fmt::print(stderr, "{}\n", what);
  }
  return code;
}

int run_command(const RunArguments& arguments) {
  const auto scenario = load_scenario(arguments.scenario);
  if (!scenario) return complain(scenario.error(), arguments.json, exit_usage);
  if (!arguments.digest.empty() && arguments.digest != scenario->digest) {
    return complain(fmt::format("{} has changed since: the id names digest {}, the file has {}", scenario->file,
                                arguments.digest, scenario->digest),
                    arguments.json, exit_usage);
  }
  const auto seeds = seeds_of(arguments, *scenario);
  if (!seeds) return complain(seeds.error(), arguments.json, exit_usage);
  Session session{arguments, *scenario};
  if (!arguments.until.empty()) {
    const auto until = scenarios::parse_quantity(arguments.until, scenarios::Unit::duration);
    if (!until) return complain("--until: " + until.error(), arguments.json, exit_usage);
    if (*until < 0) return complain("--until: must be at least 0s", arguments.json, exit_usage);
    session.stop_at(Duration{*until});
  }
  if (!arguments.break_on.empty()) {
    const auto event = runtime::event_named(arguments.break_on);
    if (!event) {
      return complain(fmt::format("--break-on: \"{}\" is no event{}", arguments.break_on, nearest_event(arguments.break_on)),
                      arguments.json, exit_usage);
    }
    session.break_on(*event);
  }
  return session.run_all(*seeds);
}

int replay_command(const std::string& id, RunArguments arguments) {
  const auto parsed = scenarios::RunId::parse(id);
  if (!parsed) {
    return complain(fmt::format("\"{}\" is no id such as broker/gc_pause@17#1a2b3c4d", id), arguments.json, exit_usage);
  }
  arguments.scenario = parsed->name;
  arguments.seed = parsed->seed;
  arguments.digest = parsed->digest;
  return run_command(arguments);
}

}  // namespace squall::tools
