#include "scenarios/run/runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "scenarios/run/cluster.h"
#include "scenarios/run/cluster_watch.h"
#include "scenarios/run/fault_scheduler.h"
#include "scenarios/run/workloads.h"

namespace squall::scenarios {
namespace {

constexpr Duration set_up_limit = std::chrono::seconds{60};
constexpr Duration stop_limit = std::chrono::seconds{90};
constexpr Duration sweep_limit = std::chrono::seconds{120};
constexpr Duration settle_limit = std::chrono::seconds{30};
constexpr Duration progress_step = std::chrono::milliseconds{100};

sim::SimulationOptions simulation_options(std::uint64_t seed) {
  sim::SimulationOptions options;
  options.seed = seed;
  return options;
}

AvailabilityBounds bounds_of(const ExpectSpec& expect) {
  const auto bound = [](const std::optional<Value>& value) {
    return value ? std::optional<Duration>{Duration{value->least()}} : std::nullopt;
  };
  return {bound(expect.available_after_heal), bound(expect.produce_latency_max), bound(expect.unavailable_max),
          bound(expect.controller_failover)};
}

class Runner {
 public:
  Runner(const Scenario& scenario, const RunOptions& options)
      : options_{options},
        run_{scenario,
             make_plan(scenario, options.seed),
             options.seed,
             simulation_options(options.seed),
             bounds_of(scenario.expect),
             options.keep_events},
        watch_{run_},
        faults_{run_} {
    run_.simulation.on_event([this](const sim::ProductEvent& event) { observe(event); });
    run_.checks.on_first_finding([this] { stop(); });
    if (options_.ready) options_.ready(run_.simulation);
  }

  std::expected<RunResult, LanguageError> go() {
    if (auto built = build_cluster(run_); !built) return std::unexpected(built.error());
    if (auto up = set_up(); !up) return std::unexpected(up.error());
    if (!stopped_) safety();
    if (!stopped_) liveness();
    if (!stopped_) end_workloads();
    if (!stopped_) sweep();
    if (!stopped_ && run_.plan.dynamic_voters) settle_voters();
    if (!stopped_) compare_nodes();
    if (!stopped_) stop_everything();
    if (!stopped_) run_.checks.finish(run_.now());
    return result();
  }

 private:
  void observe(const sim::ProductEvent& event) {
    run_.timeline.event(event);
    watch_.event(event);
    if (event.name == runtime::EventName::node_started) {
      run_.checks.identity().started(event.node_name, event.text("cluster").value_or(""), event.at);
    }
    if (event.name == runtime::EventName::log_dir_failed) {
      for (ServerNode& server : run_.servers) {
        if (server.node->index() == event.node) server.dir_failed = true;
      }
    }
    if (event.name == runtime::EventName::leader_elected) note_leader(event);
    faults_.event(event);
    if (options_.on_event) options_.on_event(event);
    if (options_.break_on && event.name == *options_.break_on && !broke_on_event_) {
      broke_on_event_ = true;
      interrupt();
    }
  }

  void note_leader(const sim::ProductEvent& event) {
    const auto found = declared_.find(event.text("partition").value_or(""));
    if (found == declared_.end()) return;
    run_.atlas.leads(found->second, NodeId{static_cast<std::int32_t>(event.number("leader").value_or(-1))}, run_.now());
  }

  void stop() {
    stopped_ = true;
    run_.simulation.stop();
  }

  void interrupt() {
    stop();
    interrupted_ = true;
  }

  // One step of `run_phase`. What nothing ends but its time or a finding need not be asked after each event.
  sim::RunEnd run_step(Instant step, const std::function<bool()>& done) {
    if (!done) return run_.simulation.run_until(step);
    const sim::RunEnd end = run_.simulation.run_while([&] { return !stopped_ && !done(); }, step);
    const bool early = !stopped_ && run_.now() < step && !done() && end != sim::RunEnd::livelock;
    return early ? run_.simulation.run_until(step) : end;
  }

  // Runs until `done` (may be empty) holds, a finding stops the run, or `limit`. True if `done`.
  bool run_phase(std::string_view phase, Instant limit, const std::function<bool()>& done) {
    while (!stopped_ && !(done && done()) && run_.now() < limit) {
      Instant step = std::min(limit, run_.now() + progress_step);
      if (options_.until) step = std::min(step, Instant{*options_.until});
      if (run_step(step, done) == sim::RunEnd::livelock) {
        livelock_ = true;
        run_.checks.report({"time_moves", "the cluster spins: millions of steps without virtual time moving on", run_.now()});
      }
      if (begun_ && run_.plan.is_cluster()) look_at_cluster();
      watch_.sample();
      if (options_.until && run_.now() >= Instant{*options_.until}) interrupt();
      if (options_.progress) options_.progress({phase, run_.now(), limit, run_.checks.tally()});
    }
    return done && done();
  }

  void look_at_cluster() {
    StaysAvailable& availability = run_.checks.availability();
    availability.possible(run_.could_serve(), run_.now());
    run_.atlas.look(run_.now());
    if (faulted_) availability.controlled(run_.has_active_controller(), run_.controllers_suffice(), run_.now());
  }

  // A fiber of the run's own client, waited for. False when `limit` came first, or the run stopped: what `task` refers to is
  // then needed for as long as the run goes on.
  bool control(std::string_view phase, Duration limit, std::function<void(runtime::World&, Instant)> task) {
    const auto done = std::make_shared<bool>(false);  // not on the stack: the task may outlive its limit
    const Instant deadline = run_.now() + limit;
    if (run_.control->state() != sim::NodeState::running) {
      // The node's process does nothing by itself: it stays until the run ends, and tasks are spawned into it.
      run_.control->start("control", [this](runtime::World& world) {
        control_main_ = world.current_fiber();
        while (!control_stop_) world.park();
      });
      run_.control->set_stop_handler([this] {
        control_stop_ = true;
        run_.control->world().unpark(control_main_);
      });
    }
    run_.control->spawn("control-task", [this, done, limit, task = std::move(task)] {
      runtime::World& world = run_.control->world();
      task(world, world.now() + limit);
      *done = true;
    });
    return run_phase(phase, deadline + std::chrono::seconds{10}, [&] { return *done; });
  }

  std::expected<void, LanguageError> set_up() {
    bool made = false;
    std::string why = "no broker answered";
    control("set-up", set_up_limit,
            [&](runtime::World& world, Instant deadline) { made = create_declared_topics(run_, world, deadline, why); });
    if (!made && !stopped_) {
      return std::unexpected(LanguageError{run_.scenario.file, {}, "", "the cluster never came up: " + why});
    }
    for (const TopicPlan& topic : run_.plan.topics) {
      for (std::int32_t index = 0; index < topic.partitions; ++index) {
        run_.partitions.push_back(run_.checks.history().partition_id(topic.name, index));
        declared_.emplace(fmt::format("{}-{}", topic.name, index), run_.partitions.back());
      }
    }
    run_.begun = run_.now();
    begun_ = !stopped_;
    return {};
  }

  void safety() {
    run_.timeline.add(run_.now(), EntryKind::phase, "the workloads begin");
    start_clients(run_);
    faults_.start();
    const auto before = run_.timeline.counts();
    faulted_ = true;
    run_phase("under faults", run_.begun + run_.scenario.run.duration, nullptr);
    faulted_ = false;
    if (stopped_) return;
    const auto after = run_.timeline.counts();
    const auto count = [](const auto& counts, runtime::EventName name) {
      const auto found = counts.find(name);
      return found == counts.end() ? 0U : found->second;
    };
    for (const EventExpectation& one : run_.scenario.expect.events) {
      judge_events(one, static_cast<std::int64_t>(count(after, one.event) - count(before, one.event)));
    }
  }

  void judge_events(const EventExpectation& expected, std::int64_t happened) {
    if (happened > expected.most) {
      run_.checks.report({"expected_events",
                          fmt::format("{} happened {} times before the heal, but at most {} is expected",
                                      runtime::to_string(expected.event), happened, expected.most),
                          run_.now()});
    } else if (happened < expected.least) {
      unfelt_.push_back(fmt::format("{} happened {} times before the heal, and at least {} is expected",
                                    runtime::to_string(expected.event), happened, expected.least));
    }
  }

  // What the faults were to bring about, and did not.
  void judge_effects(RunResult& result) const {
    result.gates.insert(result.gates.end(), unfelt_.begin(), unfelt_.end());
    const auto gate = [&](const std::optional<Value>& wanted, Duration had, std::string_view what) {
      if (!wanted || had >= Duration{wanted->least()}) return;
      result.gates.push_back(fmt::format("{} was {}, and more than {} is expected", what,
                                         show_quantity(had.count(), Unit::duration),
                                         show_quantity(wanted->least(), Unit::duration)));
    };
    gate(run_.scenario.expect.produce_latency_min, result.longest_latency, "the longest time to an acknowledgement");
    gate(run_.scenario.expect.unavailable_min, result.longest_gap, "the longest time without an acknowledgement");
  }

  void liveness() {
    run_.timeline.add(run_.now(), EntryKind::phase, "everything is healed");
    faults_.heal();
    watch_.healed();
    run_.checks.availability().healed(run_.now());
    // What destroys stored bytes may destroy the only copy of the metadata log.
    const bool topics_at_risk = std::ranges::any_of(run_.plan.faults, [](const auto& one) {
      return one.kind == FaultKind::wipe || one.kind == FaultKind::bit_rot || one.kind == FaultKind::phantom_write ||
             one.kind == FaultKind::misdirected_write;
    });
    control("after the heal", run_.scenario.run.heal, [this, topics_at_risk](runtime::World& world, Instant deadline) {
      std::string why;
      // Topics that are gone are made again, as an operator would.
      if (topics_at_risk && !create_declared_topics(run_, world, deadline, why)) return;
      probe_partitions(run_, world, deadline);
    });
    if (!stopped_) run_.timeline.add(run_.now(), EntryKind::phase, "every partition has taken a write and shown it");
    run_phase("recovering", watch_.recover_by() + progress_step, [this] { return watch_.recovered(); });
  }

  void end_workloads() {
    run_.sending = false;
    const auto finished = [this](WorkloadKind kind) {
      return std::ranges::all_of(run_.clients, [&](const auto& client) {
        return run_.plan.workloads[client->workload].kind != kind || client->finished;
      });
    };
    run_phase("workloads end", run_.now() + stop_limit,
              [&] { return finished(WorkloadKind::produce) && finished(WorkloadKind::admin); });
    run_.stopping = true;
    run_phase("workloads end", run_.now() + stop_limit, [&] { return finished(WorkloadKind::consume); });
    if (stopped_) return;
    for (const auto& client : run_.clients) judge_end(*client->node, client->finished);
  }

  void judge_end(sim::Node& node, bool ended) {
    if (!ended) return run_.checks.leaks().never_stopped(node.name(), run_.now());
    const sim::LeakReport& left = node.leaks();
    run_.checks.leaks().stopped(node.name(), {left.fibers, left.connections, left.listeners, left.files, left.locks},
                                run_.now());
  }

  void sweep() {
    run_.timeline.add(run_.now(), EntryKind::phase, "everything is read once more");
    const bool swept = control("reading everything", sweep_limit,
                               [this](runtime::World& world, Instant deadline) { sweep_partitions(run_, world, deadline); });
    if (!swept && !stopped_) {
      run_.checks.availability().never_worked(run_.checks.history().partition(run_.partitions.front()), run_.now());
    }
  }

  // What was asked for came about, and all nodes know the same voters.
  void settle_voters() {
    const auto agreed = [this] {
      const std::vector<VoterView> voters = run_.view->voters();
      return run_.voter_changes == 0 && !voters.empty() && std::ranges::all_of(run_.servers, [&](const ServerNode& one) {
               return one.insight == nullptr || one.insight->voters() == voters;
             });
    };
    if (run_phase("voters settle", run_.now() + stop_limit, agreed) || stopped_) return;
    run_.checks.report({"voters_agree",
                        run_.voter_changes > 0 ? "a change of voters never came about, though nothing is in its way any more"
                                               : "the nodes do not agree on who votes",
                        run_.now()});
  }

  void compare_nodes() {
    run_phase("settling", run_.now() + settle_limit, [this] { return watch_.settled(); });
    if (!stopped_) watch_.compare();
  }

  void stop_servers(const std::function<bool(const ServerPlan&)>& which) {
    for (ServerNode& server : run_.servers) {
      if (!which(*server.plan)) continue;
      server.wanted = false;
      server.node->request_stop();
    }
    run_phase("stopping", run_.now() + stop_limit, [this, &which] {
      return std::ranges::all_of(run_.servers, [&](const ServerNode& one) {
        return !which(*one.plan) || one.node->state() != sim::NodeState::running;
      });
    });
  }

  void stop_everything() {
    run_.timeline.add(run_.now(), EntryKind::phase, "all processes are stopped");
    run_.control->request_stop();
    // Brokers ask the controllers before they stop.
    stop_servers([](const ServerPlan& server) { return server.is_broker; });
    if (!stopped_) stop_servers([](const ServerPlan& server) { return !server.is_broker; });
    if (stopped_) return;
    for (ServerNode& server : run_.servers) judge_end(*server.node, server.node->state() != sim::NodeState::running);
  }

  RunResult result() {
    RunResult result;
    const CheckSet& checks = run_.checks;
    result.id = RunId{run_.scenario.name, options_.seed, run_.scenario.digest}.to_string();
    result.seed = options_.seed;
    result.trace = sim::to_string(run_.simulation.trace_hash());
    result.virtual_time = run_.now().time_since_epoch();
    result.events = run_.simulation.steps();
    result.crossings = run_.simulation.trace().count();
    result.findings = checks.findings();
    result.tally = checks.tally();
    result.faults = run_.simulation.ledger().entries();
    result.faults_that_hit = run_.simulation.ledger().effective();
    result.timeline = run_.timeline.entries();
    result.timeline_left_out = run_.timeline.left_out();
    result.traced = run_.timeline.traced();
    for (const auto& [name, count] : run_.timeline.counts()) {
      result.event_counts.emplace_back(std::string{runtime::to_string(name)}, count);
    }
    for (std::size_t node = 0; node < run_.simulation.node_count(); ++node) {
      result.nodes.push_back(run_.simulation.node(node).name());
    }
    for (const auto& check : checks.checks()) {
      result.checks.push_back(
          {std::string{check->name()}, std::string{check->property()}, check->compared(), check->violations()});
    }
    // Who spins shows in what it does, not in events.
    result.last_events = livelock_ ? run_.simulation.recent(24) : run_.simulation.recent_events(12);
    result.longest_latency = run_.checks.availability().longest_latency();
    if (result.tally.batches_acked > 0) {
      result.mean_latency = Duration{static_cast<std::int64_t>(result.tally.latency_sum_ns / result.tally.batches_acked)};
    }
    result.longest_failover = run_.checks.availability().longest_failover();
    result.longest_gap = run_.checks.availability().longest_gap();
    result.available_after_heal = run_.checks.availability().available_after();
    judge(result);
    return result;
  }

  void judge(RunResult& result) const {
    if (!result.findings.empty()) {
      result.verdict = Verdict::failed;
      return;
    }
    result.broke_on_event = broke_on_event_;
    if (interrupted_) {
      result.verdict = Verdict::interrupted;
      return;
    }
    const ExpectSpec& expect = run_.scenario.expect;
    const auto has = [&](WorkloadKind kind) {
      return std::ranges::any_of(run_.plan.workloads, [&](const auto& one) { return one.kind == kind; });
    };
    result.gates = closed_gates(
        {.acked_min = has(WorkloadKind::produce) ? expect.acked_min : 0,
         .read_min = has(WorkloadKind::consume) ? expect.read_min : 0,
         .faults_min = expect.faults_min >= 0     ? expect.faults_min
                       : run_.plan.faults.empty() ? 0
                                                  : 1,
         .operations_min = has(WorkloadKind::admin) ? std::max<std::int64_t>(1, expect.operations_min) : expect.operations_min},
        result.tally, result.faults_that_hit);
    if (run_.plan.workloads.empty()) result.gates.emplace_back("it has no workload");
    judge_effects(result);
    if (!result.gates.empty()) result.verdict = Verdict::did_nothing;
  }

  const RunOptions& options_;
  bool stopped_ = false;
  bool interrupted_ = false;
  bool broke_on_event_ = false;
  bool livelock_ = false;
  bool begun_ = false;
  bool faulted_ = false;
  std::vector<std::string> unfelt_;
  bool control_stop_ = false;
  runtime::FiberId control_main_;
  RunContext run_;
  ClusterWatch watch_;
  FaultScheduler faults_;
  std::map<std::string, PartitionId, std::less<>> declared_;  // the declared partitions, as events name them
};

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::held: return "held";
    case Verdict::failed: return "failed";
    case Verdict::did_nothing: return "did-nothing";
    case Verdict::interrupted: return "interrupted";
  }
  return "";
}

std::expected<RunResult, LanguageError> run_scenario(const Scenario& scenario, const RunOptions& options) {
  Runner runner{scenario, options};
  return runner.go();
}

std::string RunId::to_string() const { return fmt::format("{}@{}#{}", name, seed, digest); }

std::optional<RunId> RunId::parse(std::string_view text) {
  const std::size_t hash = text.rfind('#');
  const std::size_t at = text.rfind('@', hash);
  if (hash == std::string_view::npos || at == std::string_view::npos || at > hash) return std::nullopt;
  const auto seed = text.substr(at + 1, hash - at - 1);
  RunId id{std::string{text.substr(0, at)}, 0, std::string{text.substr(hash + 1)}};
  if (seed.empty() || id.name.empty() || id.digest.empty()) return std::nullopt;
  const char* end = seed.data() + seed.size();
  const auto [read_to, error] = std::from_chars(seed.data(), end, id.seed);
  if (error != std::errc{} || read_to != end) return std::nullopt;
  return id;
}

}  // namespace squall::scenarios
