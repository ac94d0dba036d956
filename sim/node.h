// A virtual machine: processor, disks, network address, clocks, and the process that runs on it.
//
// Life-cycle. `off` → start → `running`. A running process ends by itself (its function returns: like exit(), what it left
// open is closed and counted as leaked), by `crash` (the process alone: the page cache survives, peers see resets, locks are
// released) or by `power_cut` (the machine: unsynced bytes and names meet their fates, peers hear nothing). After either the
// process's fibers are unwound with their world dead: each wait throws FiberCancelled, other calls fail and change nothing.
// `restart` runs the same process function again in a new world, on the same disks.
//
// `pause` freezes all fibers and timers of the process, as a long garbage collection does; the machine goes on: its sockets
// accept bytes and connections. On resume everything is late at once.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "runtime/world.h"
#include "sim/clock.h"
#include "sim/cpu.h"
#include "sim/disk.h"
#include "sim/ledger.h"
#include "sim/page_cache.h"
#include "sim/profile.h"
#include "sim/throttle.h"

namespace squall::sim {

class NodeWorld;
class Simulation;

struct DiskOptions {
  std::string mount = "/";           // "/data1": this directory and all below it
  std::uint64_t capacity_bytes = 0;  // 0: the profile's
};

struct NodeOptions {
  std::string name{};
  std::string host{};  // by which other nodes connect; the name when empty
  HardwareProfile profile = default_profile();
  std::uint32_t cores = 0;           // 0: the profile's
  std::vector<DiskOptions> disks{};  // besides the one at "/", which always exists
  ClockOptions clock{};
  std::size_t handles_max = 100'000;  // open files and connections
};

enum class NodeState : std::uint8_t {
  off,          // nothing has run yet, or the process has ended; the machine answers "refused"
  running,      // perhaps paused
  powered_off,  // the machine is silent
};

// What a process had not given back when it ended by itself.
struct LeakReport {
  std::size_t fibers = 0;
  std::size_t connections = 0;
  std::size_t listeners = 0;
  std::size_t files = 0;
  std::size_t locks = 0;
  [[nodiscard]] std::size_t total() const { return fibers + connections + listeners + files + locks; }
};

using ProcessFunction = std::function<void(runtime::World&)>;

class Node {
 public:
  Node(Simulation& simulation, std::uint32_t index, NodeOptions options);
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  [[nodiscard]] std::uint32_t index() const { return index_; }
  [[nodiscard]] const std::string& name() const { return options_.name; }
  [[nodiscard]] const std::string& host() const { return options_.host; }
  [[nodiscard]] const NodeOptions& options() const { return options_; }
  [[nodiscard]] NodeState state() const { return state_; }
  [[nodiscard]] bool paused() const { return paused_; }
  // How often a process was started here.
  [[nodiscard]] std::uint32_t incarnation() const { return incarnation_; }

  // ---- life-cycle ----
  // Not while running. `process` must be a literal; the function is kept for `restart`.
  void start(std::string_view process, ProcessFunction function);
  // What `request_stop` runs, in a fiber of the process; set anew at each start. Without one the main fiber is cancelled.
  void set_stop_handler(std::move_only_function<void()> handler) { stop_handler_ = std::move(handler); }
  // Asks the process to end by itself. Nothing if it does not run.
  void request_stop();
  FaultId crash();
  FaultId power_cut(PowerCut fates = {});
  // Switches the machine on if it was off, and starts the process again. Not while running.
  void restart();
  // Freezes the process until `resume`, or for so long.
  FaultId pause();
  FaultId pause(Duration duration);
  void resume();
  // Everything that is charged costs `percent` / 100 of the profile's price.
  FaultId set_cpu_percent(std::uint64_t percent);
  // The wall clock jumps; the clocks drift from now on.
  FaultId jump_clock(Duration step);
  // Sets the wall clock right; no fault.
  void correct_clock();
  FaultId set_drift(std::int64_t ppm);

  // The world of the process that runs, or of the last one. Not before the first start.
  [[nodiscard]] runtime::World& world();
  // Runs `function` in a new fiber of the running process.
  void spawn(std::string_view name, runtime::FiberFunction function);

  // ---- parts ----
  [[nodiscard]] NodeClock& clock() { return clock_; }
  [[nodiscard]] Instant local_now() const;
  // The disk that holds `path`.
  [[nodiscard]] Disk& disk(std::string_view path = "/");
  [[nodiscard]] const std::vector<std::unique_ptr<Disk>>& disks() const { return disks_; }
  [[nodiscard]] PageCache& page_cache() { return page_cache_; }
  // Empties the page cache: all reads are cold.
  void drop_caches() { page_cache_.clear(); }

  // Of the last process that ended by itself.
  [[nodiscard]] const LeakReport& leaks() const { return leaks_; }

  // ---- for the parts of the virtual world ----
  [[nodiscard]] Simulation& simulation() { return simulation_; }
  [[nodiscard]] VirtualCores& cores() { return cores_; }
  [[nodiscard]] std::uint64_t price_ps(runtime::Cost cost) const { return prices_[static_cast<std::size_t>(cost)]; }
  [[nodiscard]] Throttle& nic_out() { return nic_out_; }
  [[nodiscard]] Throttle& nic_in() { return nic_in_; }
  [[nodiscard]] FaultId nic_fault() const { return nic_fault_; }
  void set_nic_rate(std::uint64_t bytes_per_second, FaultId fault) {
    nic_out_.set_rate(bytes_per_second);
    nic_in_.set_rate(bytes_per_second);
    nic_fault_ = fault;
  }
  [[nodiscard]] bool powered() const { return state_ != NodeState::powered_off; }
  [[nodiscard]] std::vector<runtime::Fiber*>& frozen() { return frozen_; }
  [[nodiscard]] FaultId pause_fault() const { return pause_fault_; }
  [[nodiscard]] FaultId cpu_fault() const { return cpu_fault_; }
  void process_returned(NodeWorld& world);
  void note_dirty();
  void write_back();

 private:
  void launch();
  void end_process(NodeState next);
  void set_prices(std::uint64_t percent);
  [[nodiscard]] LeakReport count_leaks(const NodeWorld& world) const;

  Simulation& simulation_;
  std::uint32_t index_;
  NodeOptions options_;
  NodeState state_ = NodeState::off;
  bool paused_ = false;
  bool writeback_armed_ = false;
  std::uint64_t pause_serial_ = 0;
  std::uint32_t incarnation_ = 0;
  NodeClock clock_;
  VirtualCores cores_;
  std::array<std::uint64_t, runtime::cost_count> prices_{};
  Throttle nic_out_;
  Throttle nic_in_;
  PageCache page_cache_;
  std::vector<std::unique_ptr<Disk>> disks_;  // longest mount first
  std::vector<std::unique_ptr<NodeWorld>> worlds_;
  std::vector<runtime::Fiber*> frozen_;  // ready fibers, while paused
  runtime::FiberId main_;
  std::string_view process_;
  ProcessFunction function_;
  std::move_only_function<void()> stop_handler_;
  bool stopping_ = false;  // the handler has been called
  LeakReport leaks_;
  FaultId pause_fault_ = 0;
  FaultId cpu_fault_ = 0;
  FaultId nic_fault_ = 0;
};

}  // namespace squall::sim
