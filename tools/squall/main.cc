// `squall`: a Kafka-compatible cluster on virtual time, from one seed.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <exception>
#include <string_view>

#include "tools/squall/commands.h"

namespace {

using squall::tools::RunArguments;

// What is wrong with a seed, or nothing. The conversion alone would wrap "-1" around and cut what is too large.
std::string check_seed(const std::string& text) {
  std::uint64_t seed = 0;
  const char* end = text.data() + text.size();
  const auto [read_to, error] = std::from_chars(text.data(), end, seed);
  if (error == std::errc{} && read_to == end) return {};
  return fmt::format("\"{}\" is not a seed, which is a whole number from 0 to {}", text, UINT64_MAX);
}

// The flag as it was typed: what cannot be parsed has set no variable.
bool asks_for_json(int argc, char** argv) {
  return std::any_of(argv + 1, argv + argc, [](const char* one) { return std::string_view{one} == "--json"; });
}

// `seeds` is the option that asks for many runs, if the command has one: some options are about one run.
void add_run_options(CLI::App& command, RunArguments& arguments, CLI::Option* seeds) {
  const std::array about_one_run{
      command.add_option("--trace", arguments.trace, "write a trace that Perfetto and chrome://tracing open"),
      command.add_option("--until", arguments.until, "stop at this virtual time, such as 12.5s"),
      command.add_option("--break-on", arguments.break_on, "stop at the first such event; see `squall list events`")};
  for (CLI::Option* one : about_one_run) {
    if (seeds != nullptr) one->excludes(seeds);
  }
  command.add_flag("--verify", arguments.verify, "run twice and compare every event");
  command.add_flag("--json", arguments.json, "one JSON object on standard output");
  command.add_flag("--verbose,-v", arguments.verbose, "every product event as it happens, and every check");
}

// On a full disk, or into a pipe that nobody reads.
int cannot_be_written() {
  return squall::tools::complain("standard output cannot be written", false, squall::tools::exit_usage);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"A Kafka-compatible cluster on virtual time: faults, checks and replays from one seed."};
  app.require_subcommand(1);
  app.footer("Exit codes: 0 all held; 1 a check failed; 2 bad usage or scenario; 3 the harness itself is at fault.");

  RunArguments run;
  run.command = argv[0];
  CLI::App* run_app = app.add_subcommand("run", "run a scenario: verdict and timeline");
  run_app->add_option("scenario", run.scenario, "a file, or the name of a shipped scenario")->required();
  auto* seed = run_app->add_option("--seed", run.seed, "the seed (default: the scenario's first)")->check(check_seed);
  auto* seeds = run_app->add_option("--seeds", run.seeds, "a range A..B: stops at the first that fails")->excludes(seed);
  add_run_options(*run_app, run, seeds);

  RunArguments replay;
  replay.command = argv[0];
  std::string id;
  CLI::App* replay_app = app.add_subcommand("replay", "the same run again, from the id that it printed");
  replay_app->add_option("id", id, "such as broker/gc_pause@17#1a2b3c4d")->required();
  add_run_options(*replay_app, replay, nullptr);

  std::string what;
  bool list_json = false;
  CLI::App* list_app = app.add_subcommand("list", "scenarios, faults, checks, hardware profiles, events");
  list_app->add_option("what", what, "only these")
      ->check(CLI::IsMember({"scenarios", "faults", "checks", "profiles", "events"}));
  list_app->add_flag("--json", list_json, "one JSON object on standard output");

  try {
    app.parse(argc, argv);
    const int code = run_app->parsed()      ? squall::tools::run_command(run)
                     : replay_app->parsed() ? squall::tools::replay_command(id, std::move(replay))
                                            : squall::tools::list_command(what, list_json);
    return std::fflush(stdout) == 0 && std::ferror(stdout) == 0 ? code : cannot_be_written();
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help
    return squall::tools::complain(std::string{error.what()} + "; see `squall --help`", asks_for_json(argc, argv),
                                   squall::tools::exit_usage);
  } catch (const std::exception& error) {
    if (std::ferror(stdout) != 0) return cannot_be_written();
    return squall::tools::complain(std::string{"internal error: "} + error.what(), false, squall::tools::exit_harness);
  }
}
