// One run of the virtual world: its seed, its clock, its nodes and what happened in it.
//
// Everything that is drawn comes from the seed; nothing is read from the host. Callbacks given to `at` and `after` run between
// fibers, on the scheduler's own stack: they may inject faults and start nodes, and must not wait. Observers run on the stack
// of the fiber that emitted: they may do the same (a crash takes effect at that fiber's next call of its world).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "sim/disk.h"
#include "sim/ledger.h"
#include "sim/network.h"
#include "sim/node.h"
#include "sim/profile.h"
#include "sim/scheduler.h"
#include "sim/trace.h"

namespace squall::sim {

struct SimulationOptions {
  std::uint64_t seed = 1;
  // What every node's wall clock shows at virtual time 0, its own skew aside.
  WallTime wall_start = wall_time_ms(1'767'225'600'000);  // 2026-01-01
  std::size_t ring_size = 1024;
  std::size_t fiber_stack_bytes = runtime::FiberEngine::default_stack_bytes;
  // So many steps without virtual time moving are a livelock.
  std::uint64_t livelock_steps = 10'000'000;
  // One in so many reads and writes comes back short; 0: none does.
  std::uint32_t short_io_one_in = 64;
  NetworkOptions network{};
};

using ControlFunction = std::move_only_function<void()>;

class Simulation {
 public:
  explicit Simulation(SimulationOptions options);
  ~Simulation();  // crashes what still runs
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  // References stay valid as long as the simulation. Names are unique.
  Node& add_node(NodeOptions options);
  [[nodiscard]] std::size_t node_count() const { return nodes_.size(); }
  [[nodiscard]] Node& node(std::size_t index) { return *nodes_[index]; }
  [[nodiscard]] Node* find_node(std::string_view name);
  [[nodiscard]] Network& network() { return *network_; }

  // ---- time ----
  [[nodiscard]] Instant now() const { return scheduler_.now(); }
  // Runs `function` at `when`, or at once (but never inside this call) if that has passed.
  void at(Instant when, ControlFunction function);
  void after(Duration delay, ControlFunction function) { at(now() + delay, std::move(function)); }
  // Runs everything up to `until`, which is then the time. `idle` is never returned: time passes all the same.
  RunEnd run_until(Instant until);
  RunEnd run_for(Duration duration) { return run_until(now() + duration); }
  // Runs as long as `predicate` holds and `limit` is not passed; it is asked before each step.
  RunEnd run_while(const std::function<bool()>& predicate, Instant limit = end_of_time);
  // From within a run: it ends before its next step. Cheaper than a predicate, which each step has to ask.
  void stop() { scheduler_.stop(); }

  // ---- what happened ----
  void on_event(EventObserver observer) { trace_.observe(std::move(observer)); }
  [[nodiscard]] Trace& trace() { return trace_; }
  [[nodiscard]] TraceHash trace_hash() const { return trace_.hash(); }
  [[nodiscard]] Ledger& ledger() { return ledger_; }
  [[nodiscard]] std::uint64_t steps() const { return scheduler_.steps(); }  // fiber switches and events
  // The last records, and the last product events, as lines of text, oldest first.
  [[nodiscard]] std::vector<std::string> recent(std::size_t limit) const;
  [[nodiscard]] std::vector<std::string> recent_events(std::size_t limit) const;

  // ---- for the parts of the virtual world ----
  [[nodiscard]] Scheduler& scheduler() { return scheduler_; }
  [[nodiscard]] const SimulationOptions& options() const { return options_; }
  // A stream that depends on the seed and `name` alone.
  [[nodiscard]] Random fork_random(std::string_view name) const { return random_.fork(name); }
  // Records that a fault was injected, in the ledger and in the trace.
  FaultId inject(std::string_view kind, std::string target);
  void hit(FaultId fault) {
    if (fault != 0) ledger_.hit(fault, now());
  }

 private:
  void dispatch(const Event& event);
  std::uint32_t keep(ControlFunction function);

  SimulationOptions options_;
  Random random_;
  Trace trace_;
  Ledger ledger_;
  Scheduler scheduler_;
  std::unique_ptr<Network> network_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<ControlFunction> controls_;  // by slot
  std::vector<std::uint32_t> free_controls_;
};

}  // namespace squall::sim
