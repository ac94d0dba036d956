#include "sim/node.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "sim/node_world.h"
#include "sim/simulation.h"

namespace squall::sim {
namespace {

constexpr Duration writeback_interval = std::chrono::seconds{5};
constexpr Duration writeback_age = std::chrono::seconds{30};
// How long a process that returns is given to let its fibers end, before what is left counts as leaked.
constexpr Duration exit_grace = std::chrono::milliseconds{1};

// Values are hashed: append only.
enum class NodeChange : std::uint8_t { started = 1, ended = 2, crashed = 3, powered_off = 4, paused = 5, resumed = 6 };

void note(NodeWorld& world, NodeChange change, std::uint32_t incarnation) {
  world.record(Crossing::node, static_cast<std::uint64_t>(change), incarnation);
}

}  // namespace

Node::Node(Simulation& simulation, std::uint32_t index, NodeOptions options)
    : simulation_{simulation},
      index_{index},
      options_{std::move(options)},
      clock_{options_.clock, simulation.options().wall_start},
      cores_{options_.cores != 0 ? options_.cores : options_.profile.cores},
      nic_out_{options_.profile.network.bytes_per_second},
      nic_in_{options_.profile.network.bytes_per_second},
      page_cache_{options_.profile.page_cache_bytes} {
  set_prices(100);
  const bool has_root = std::ranges::any_of(options_.disks, [](const DiskOptions& disk) { return disk.mount == "/"; });
  if (!has_root) options_.disks.push_back({});
  std::ranges::sort(options_.disks, [](const DiskOptions& left, const DiskOptions& right) {
    return left.mount.size() != right.mount.size() ? left.mount.size() > right.mount.size() : left.mount < right.mount;
  });
  const Random random = simulation.fork_random(fmt::format("disks of {}", options_.name));
  for (const DiskOptions& disk : options_.disks) {
    disks_.push_back(
        std::make_unique<Disk>(*this, disk.mount, options_.profile.disk, disk.capacity_bytes, random.fork(disk.mount)));
  }
}

Node::~Node() = default;

Instant Node::local_now() const { return clock_.monotonic(simulation_.now()); }

Disk& Node::disk(std::string_view path) {
  for (const auto& disk : disks_) {
    const std::string& mount = disk->mount();
    if (mount == "/") return *disk;
    if (path.starts_with(mount) && (path.size() == mount.size() || path[mount.size()] == '/')) return *disk;
  }
  return *disks_.back();
}

// ---- life-cycle ----

void Node::start(std::string_view process, ProcessFunction function) {
  process_ = process;
  function_ = std::move(function);
  restart();
}

void Node::restart() {
  SQUALL_ASSERT(state_ != NodeState::running, "a machine runs one process");
  SQUALL_ASSERT(function_ != nullptr, "a process is started before it is restarted");
  if (state_ == NodeState::powered_off) {
    state_ = NodeState::off;
    simulation_.network().powered_on(*this);
  }
  launch();
}

void Node::launch() {
  ++incarnation_;
  worlds_.push_back(std::make_unique<NodeWorld>(*this, incarnation_));
  NodeWorld& world = *worlds_.back();
  state_ = NodeState::running;
  stop_handler_ = nullptr;
  stopping_ = false;
  cores_.clear(simulation_.now());
  note(world, NodeChange::started, incarnation_);
  main_ = world.spawn(process_, [this, &world] {
    try {
      function_(world);
    } catch (const runtime::FiberCancelled&) {
      if (world.dead()) throw;
    }
    world.wait_full(simulation_.now() + exit_grace);
    process_returned(world);
  });
}

void Node::process_returned(NodeWorld& world) {
  if (world.dead()) return;
  leaks_ = count_leaks(world);
  note(world, NodeChange::ended, incarnation_);
  end_process(NodeState::off);
}

LeakReport Node::count_leaks(const NodeWorld& world) const {
  return {.fibers = simulation_.scheduler().fibers_of(world) - 1,  // all but the main one
          .connections = world.open_connections,
          .listeners = world.open_listeners,
          .files = world.open_files,
          .locks = world.held_locks};
}

void Node::request_stop() {
  if (state_ != NodeState::running) return;
  if (std::exchange(stopping_, stop_handler_ || stopping_)) return;
  if (stop_handler_) {
    world().spawn("stop", std::exchange(stop_handler_, nullptr));
  } else {
    world().cancel(main_);
  }
}

void Node::end_process(NodeState next) {
  NodeWorld& world = *worlds_.back();
  world.die();
  if (paused_) {
    paused_ = false;
    ++pause_serial_;
  }
  state_ = next;
  frozen_.clear();
  simulation_.network().process_gone(world, next == NodeState::powered_off);
  simulation_.scheduler().unwind(world);
}

FaultId Node::crash() {
  if (state_ != NodeState::running) return 0;
  const FaultId fault = simulation_.inject("crash", name());
  simulation_.hit(fault);
  note(*worlds_.back(), NodeChange::crashed, incarnation_);
  end_process(NodeState::off);
  return fault;
}

FaultId Node::power_cut(PowerCut fates) {
  if (state_ == NodeState::powered_off) return 0;
  const FaultId fault = simulation_.inject("power-cut", name());
  if (state_ == NodeState::running) {
    simulation_.hit(fault);
    note(*worlds_.back(), NodeChange::powered_off, incarnation_);
    end_process(NodeState::powered_off);
  }
  state_ = NodeState::powered_off;
  for (const auto& disk : disks_) {
    const Fates drawn = disk->power_cut(fates);
    simulation_.ledger().hit(fault, simulation_.now(), drawn.dropped + drawn.torn);
  }
  page_cache_.clear();
  return fault;
}

FaultId Node::pause() {
  if (state_ != NodeState::running || paused_) return 0;
  paused_ = true;
  ++pause_serial_;
  pause_fault_ = simulation_.inject("pause", name());
  simulation_.hit(pause_fault_);
  note(*worlds_.back(), NodeChange::paused, incarnation_);
  return pause_fault_;
}

FaultId Node::pause(Duration duration) {
  const FaultId fault = pause();
  if (fault == 0) return 0;
  simulation_.after(duration, [this, serial = pause_serial_] {
    if (serial == pause_serial_) resume();
  });
  return fault;
}

void Node::resume() {
  if (!paused_) return;
  paused_ = false;
  ++pause_serial_;
  note(*worlds_.back(), NodeChange::resumed, incarnation_);
  simulation_.scheduler().thaw(frozen_);
}

FaultId Node::set_cpu_percent(std::uint64_t percent) {
  set_prices(percent);
  cpu_fault_ = percent == 100 ? 0 : simulation_.inject("slow-cpu", name());
  return cpu_fault_;
}

void Node::set_prices(std::uint64_t percent) {
  for (std::size_t i = 0; i < prices_.size(); ++i) prices_[i] = options_.profile.price_ps[i] * percent / 100;
}

FaultId Node::jump_clock(Duration step) {
  const FaultId fault = simulation_.inject("clock-jump", name());
  clock_.jump(step);
  simulation_.hit(fault);
  return fault;
}

void Node::correct_clock() { clock_.correct(simulation_.now()); }

FaultId Node::set_drift(std::int64_t ppm) {
  const FaultId fault = simulation_.inject("clock-drift", name());
  clock_.set_drift(ppm, simulation_.now());
  simulation_.hit(fault);
  return fault;
}

runtime::World& Node::world() {
  SQUALL_ASSERT(!worlds_.empty(), "a machine has a world once a process was started");
  return *worlds_.back();
}

void Node::spawn(std::string_view name, runtime::FiberFunction function) { world().spawn(name, std::move(function)); }

// ---- dirty pages ----

void Node::note_dirty() {
  if (writeback_armed_) return;
  writeback_armed_ = true;
  simulation_.scheduler().push(simulation_.now() + writeback_interval, EventKind::writeback, index_, 0);
}

void Node::write_back() {
  writeback_armed_ = false;
  bool left = false;
  for (const auto& disk : disks_) left |= disk->write_back(simulation_.now(), simulation_.now() - writeback_age);
  if (left) note_dirty();
}

}  // namespace squall::sim
