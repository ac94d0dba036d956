// Whole runs in the virtual world: clients, network, broker, log and checks on one core of the host. The rates divide by
// processor time; the wall time of each run stands beside it.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <numeric>
#include <sstream>
#include <string>

#include "scenarios/run/runner.h"

namespace squall::scenarios {
namespace {

struct Measured {
  std::uint64_t requests = 0;  // that brokers and controllers have taken up
  std::uint64_t steps = 0;
  std::uint64_t crossings = 0;
  std::uint64_t records = 0;  // acknowledged and read
  double virtual_seconds = 0;
};

std::uint64_t requests_of(sim::Node& broker) {
  std::uint64_t sum = 0;
  for (const auto& [name, counter] : broker.world().metrics().counters()) {
    if (name.starts_with("squall_broker_requests_total{")) sum += counter.value;
  }
  return sum;
}

std::expected<Scenario, std::string> load(const std::string& name) {
  const char* folder = std::getenv("SQUALL_SCENARIOS");
  const std::string path = std::string{folder == nullptr ? "scenarios" : folder} + "/benchmarks/" + name + ".toml";
  std::ifstream file{path, std::ios::binary};
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) return std::unexpected(path + " cannot be read; SQUALL_SCENARIOS names the folder of the scenarios");
  auto parsed = parse_scenario(text.str(), path, "benchmarks/" + name);
  if (!parsed) return std::unexpected(parsed.error().to_string());
  return std::move(*parsed);
}

std::expected<Measured, std::string> run(const Scenario& scenario) {
  Measured measured;
  sim::Simulation* simulation = nullptr;
  RunOptions options;
  options.ready = [&](sim::Simulation& made) { simulation = &made; };
  options.progress = [&](const Progress&) {
    std::uint64_t requests = 0;
    for (std::size_t node = 0; node < simulation->node_count(); ++node) {
      if (simulation->node(node).state() == sim::NodeState::running) requests += requests_of(simulation->node(node));
    }
    measured.requests = std::max(measured.requests, requests);
  };
  const auto result = run_scenario(scenario, options);
  if (!result) return std::unexpected(result.error().to_string());
  if (result->verdict != Verdict::held)
    return std::unexpected("the run ended with the verdict " + std::string{to_string(result->verdict)});
  measured.steps = result->events;
  measured.crossings = result->crossings;
  measured.records = result->tally.records_acked + result->tally.records_read;
  measured.virtual_seconds = static_cast<double>(result->virtual_time.count()) / 1e9;
  return measured;
}

void scenario(benchmark::State& state, const std::string& name) {
  const auto loaded = load(name);
  if (!loaded) return state.SkipWithError(loaded.error().c_str());
  Measured sum;
  for (auto _ : state) {
    const auto measured = run(*loaded);
    if (!measured) return state.SkipWithError(measured.error().c_str());
    sum.requests += measured->requests;
    sum.steps += measured->steps;
    sum.crossings += measured->crossings;
    sum.records += measured->records;
    sum.virtual_seconds += measured->virtual_seconds;
  }
  const auto rate = [&](const char* counter, double value) {
    state.counters[counter] = benchmark::Counter(value, benchmark::Counter::kIsRate);
  };
  rate("requests/s", static_cast<double>(sum.requests));
  rate("steps/s", static_cast<double>(sum.steps));
  rate("crossings/s", static_cast<double>(sum.crossings));
  rate("records/s", static_cast<double>(sum.records));
  rate("times_real", sum.virtual_seconds);
  state.counters["requests"] = benchmark::Counter(static_cast<double>(sum.requests), benchmark::Counter::kAvgIterations);
}
BENCHMARK_CAPTURE(scenario, everyday, std::string{"everyday"})->Unit(benchmark::kMillisecond)->Iterations(1)->Repetitions(3);
BENCHMARK_CAPTURE(scenario, idle, std::string{"idle"})->Unit(benchmark::kMillisecond)->Iterations(1)->Repetitions(3);
BENCHMARK_CAPTURE(scenario, busy, std::string{"busy"})->Unit(benchmark::kMillisecond)->Iterations(1)->Repetitions(3);
BENCHMARK_CAPTURE(scenario, cluster_200, std::string{"cluster_200"})
    ->Unit(benchmark::kMillisecond)
    ->Iterations(1)
    ->Repetitions(3);
BENCHMARK_CAPTURE(scenario, cluster_idle, std::string{"cluster_idle"})
    ->Unit(benchmark::kMillisecond)
    ->Iterations(1)
    ->Repetitions(3);
BENCHMARK_CAPTURE(scenario, cluster_busy, std::string{"cluster_busy"})
    ->Unit(benchmark::kMillisecond)
    ->Iterations(1)
    ->Repetitions(3);

}  // namespace
}  // namespace squall::scenarios

BENCHMARK_MAIN();
