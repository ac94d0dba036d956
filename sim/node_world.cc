#include "sim/node_world.h"

#include <fmt/core.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "base/assert.h"
#include "sim/file.h"
#include "sim/simulation.h"

namespace squall::sim {

using runtime::IoError;
using runtime::Result;

namespace {

constexpr std::uint32_t refusals_max = 1'000;
// Work is paid for in one go: at this much, and before anything that others can see. So that a request which costs a few
// microseconds here and there suspends its fiber once.
constexpr std::uint64_t debt_max_ps = 20'000'000;

bool is_path(std::string_view path) { return !path.empty() && path.front() == '/'; }

}  // namespace

NodeWorld::NodeWorld(Node& node, std::uint32_t incarnation)
    : node_{node},
      scheduler_{node.simulation().scheduler()},
      random_{node.simulation().fork_random(fmt::format("node {} {}", node.name(), incarnation))},
      io_random_{random_.fork("short counts")} {}

// ---- clock and random ----

Instant NodeWorld::now() const { return node_.local_now(); }

WallTime NodeWorld::wall_now() const { return node_.clock().wall(scheduler_.now()); }

void NodeWorld::sleep_until(Instant until) {
  settle();
  do {
    wait_full(node_.clock().to_world(until));
  } while (now() < until);
}

Random NodeWorld::fork_random(std::string_view name) { return random_.fork(name); }

// ---- fibers ----

runtime::FiberId NodeWorld::spawn(std::string_view name, runtime::FiberFunction function) {
  if (dead_) return {};
  const runtime::Fiber& fiber = scheduler_.spawn(*this, name, [this, run = std::move(function)]() mutable {
    if (!dead_) run();
  });
  record(Crossing::spawn, fiber.id().slot, fiber.id().generation);
  return fiber.id();
}

runtime::FiberId NodeWorld::current_fiber() const {
  const runtime::Fiber* fiber = scheduler_.running();
  return fiber == nullptr ? runtime::FiberId{} : fiber->id();
}

void NodeWorld::yield() {
  check_cancelled();
  scheduler_.yield();
  check_cancelled();
}

void NodeWorld::park() { park_until(end_of_time); }

runtime::Wake NodeWorld::park_until(Instant deadline) {
  check_cancelled();
  runtime::Fiber& fiber = *scheduler_.running();
  if (std::exchange(fiber.permit, false)) return runtime::Wake::unparked;
  runtime::Wake wake;
  do {
    fiber.parked = true;
    wake = scheduler_.wait(node_.clock().to_world(deadline));  // anew each time: the clock's drift may have changed
    fiber.parked = false;
    check_cancelled();
  } while (wake == runtime::Wake::deadline && now() < deadline);
  return wake;
}

void NodeWorld::unpark(runtime::FiberId id) {
  if (dead_) return;
  runtime::Fiber* fiber = scheduler_.find(id);
  if (fiber == nullptr || fiber->owner != this) return;
  if (fiber->parked && !fiber->queued) {
    scheduler_.make_ready(*fiber);
  } else {
    fiber->permit = true;
  }
}

void NodeWorld::cancel(runtime::FiberId id) {
  if (dead_) return;
  runtime::Fiber* fiber = scheduler_.find(id);
  if (fiber == nullptr || fiber->owner != this || fiber->cancel_requested) return;
  fiber->cancel_requested = true;
  scheduler_.make_ready(*fiber);
}

bool NodeWorld::refuse() {
  if (!dead_) return false;
  if (++refusals_ > refusals_max && std::uncaught_exceptions() == 0) throw runtime::FiberCancelled{};
  return true;
}

void NodeWorld::check_cancelled() {
  runtime::Fiber* fiber = scheduler_.running();
  SQUALL_ASSERT(fiber != nullptr, "only a fiber waits");
  if (dead_) throw runtime::FiberCancelled{};
  if (fiber->cancel_requested && !fiber->cancel_delivered) {
    fiber->cancel_delivered = true;
    throw runtime::FiberCancelled{};
  }
}

runtime::Wake NodeWorld::wait(Instant until) {
  check_cancelled();
  const runtime::Wake wake = scheduler_.wait(until);
  check_cancelled();
  return wake;
}

void NodeWorld::wait_full(Instant until) {
  while (scheduler_.now() < until) wait(until);
}

// ---- disk ----

Result<std::unique_ptr<runtime::File>> NodeWorld::open(const std::string& path, runtime::OpenMode mode) {
  if (refuse()) return std::unexpected{IoError::closed};
  if (!is_path(path)) return std::unexpected{failed(Crossing::open, IoError::invalid_argument)};
  settle();
  if (!handle_available()) return std::unexpected{failed(Crossing::open, IoError::too_many_open)};
  Disk& disk = node_.disk(path);
  InodeRef inode = disk.names().find(path);
  if (inode && inode->is_directory) return std::unexpected{failed(Crossing::open, IoError::is_a_directory)};
  if (inode && mode == runtime::OpenMode::create_new) {
    return std::unexpected{failed(Crossing::open, IoError::already_exists)};
  }
  if (!inode) {
    if (mode == runtime::OpenMode::read || mode == runtime::OpenMode::read_write) {
      return std::unexpected{failed(Crossing::open, IoError::not_found)};
    }
    auto created = disk.names().create_file(path);
    if (!created) return std::unexpected{failed(Crossing::open, created.error())};
    inode = std::move(*created);
    node_.note_dirty();
  }
  record(Crossing::open, static_cast<std::uint64_t>(mode), inode->id, digest_of(path));
  return std::make_unique<SimFile>(*this, disk, std::move(inode), path, mode != runtime::OpenMode::read);
}

Result<void> NodeWorld::names_changed(Crossing crossing, const std::string& path, Result<void> result) {
  if (!result) return std::unexpected{failed(crossing, result.error())};
  record(crossing, 0, 0, digest_of(path));
  node_.note_dirty();
  return {};
}

Result<void> NodeWorld::create_dir(const std::string& path) {
  if (refuse()) return std::unexpected{IoError::closed};
  if (!is_path(path)) return std::unexpected{IoError::invalid_argument};
  settle();
  return names_changed(Crossing::create_dir, path, node_.disk(path).names().create_dir(path));
}

Result<void> NodeWorld::rename(const std::string& from, const std::string& to) {
  if (refuse()) return std::unexpected{IoError::closed};
  if (!is_path(from) || !is_path(to)) return std::unexpected{IoError::invalid_argument};
  settle();
  Disk& disk = node_.disk(from);
  if (&disk != &node_.disk(to)) return std::unexpected{failed(Crossing::rename, IoError::invalid_argument)};
  auto result = names_changed(Crossing::rename, from + '\n' + to, disk.names().rename(from, to));
  disk.name_removed();
  return result;
}

Result<void> NodeWorld::remove(const std::string& path) {
  if (refuse()) return std::unexpected{IoError::closed};
  if (!is_path(path)) return std::unexpected{IoError::invalid_argument};
  settle();
  Disk& disk = node_.disk(path);
  auto result = names_changed(Crossing::remove, path, disk.names().remove(path));
  disk.name_removed();
  return result;
}

Result<std::vector<runtime::DirectoryEntry>> NodeWorld::list(const std::string& path) {
  if (refuse()) return std::unexpected{IoError::closed};
  if (!is_path(path)) return std::unexpected{IoError::invalid_argument};
  settle();
  const InodeRef directory = node_.disk(path).names().find(path);
  if (!directory) return std::unexpected{failed(Crossing::list, IoError::not_found)};
  if (!directory->is_directory) return std::unexpected{failed(Crossing::list, IoError::not_a_directory)};
  std::vector<runtime::DirectoryEntry> entries;
  for (const auto& [name, inode] : directory->entries) entries.push_back({.name = name, .is_directory = inode->is_directory});
  record(Crossing::list, entries.size(), 0, digest_of(path));
  return entries;
}

Result<void> NodeWorld::sync_dir(const std::string& path) {
  if (refuse()) return std::unexpected{IoError::closed};
  if (!is_path(path)) return std::unexpected{IoError::invalid_argument};
  settle();
  const auto result = node_.disk(path).sync_dir(*this, path);
  if (!result) return std::unexpected{failed(Crossing::sync_dir, result.error())};
  record(Crossing::sync_dir, 0, 0, digest_of(path));
  return {};
}

Result<std::unique_ptr<runtime::FileLock>> NodeWorld::lock(const std::string& path) {
  if (refuse()) return std::unexpected{IoError::closed};
  if (!is_path(path)) return std::unexpected{IoError::invalid_argument};
  settle();
  const auto created = node_.disk(path).names().create_file(path);
  if (!created) return std::unexpected{failed(Crossing::lock, created.error())};
  if (std::ranges::find(locked_paths, path) != locked_paths.end()) {
    return std::unexpected{failed(Crossing::lock, IoError::locked)};
  }
  record(Crossing::lock, 0, 0, digest_of(path));
  return std::make_unique<SimFileLock>(*this, path);
}

Result<runtime::DiskSpace> NodeWorld::space(const std::string& path) {
  if (refuse()) return std::unexpected{IoError::closed};
  if (!is_path(path)) return std::unexpected{IoError::invalid_argument};
  Disk& disk = node_.disk(path);
  const std::uint64_t used = std::min(disk.used_bytes(), disk.capacity_bytes());
  return runtime::DiskSpace{.total_bytes = disk.capacity_bytes(), .usable_bytes = disk.capacity_bytes() - used};
}

// ---- network ----

Result<std::unique_ptr<runtime::Listener>> NodeWorld::listen(const runtime::Endpoint& endpoint) {
  if (refuse()) return std::unexpected{IoError::closed};
  return node_.simulation().network().listen(*this, endpoint);
}

Result<std::unique_ptr<runtime::Connection>> NodeWorld::connect(const runtime::Endpoint& endpoint, Instant deadline) {
  if (refuse()) return std::unexpected{IoError::closed};
  settle();
  return node_.simulation().network().connect(*this, endpoint, deadline);
}

// ---- events, metrics, cpu ----

void NodeWorld::emit(runtime::EventName name, runtime::EventFields fields) {
  if (dead_) return;
  node_.simulation().trace().product_event({.at = scheduler_.now(),
                                            .node = node_.index(),
                                            .node_name = node_.name(),
                                            .name = name,
                                            .fields = {fields.begin(), fields.size()}});
}

void NodeWorld::charge(runtime::Cost cost, std::uint64_t count) {
  if (dead_ || scheduler_.running() == nullptr) return;
  std::uint64_t& debt = scheduler_.work().debt_ps;
  debt += node_.price_ps(cost) * count;
  if (debt >= debt_max_ps) pay();
}

void NodeWorld::pay() {
  if (!dead_) wait_full(work_off());
}

Instant NodeWorld::work_off() {
  Scheduler::Work& work = scheduler_.work();
  const Instant begin = std::max(scheduler_.now(), work.done_at);
  if (work.debt_ps < 1000) return begin;
  if (node_.cpu_fault() != 0) node_.simulation().hit(node_.cpu_fault());
  work.done_at = node_.cores().occupy(begin, Duration{static_cast<std::int64_t>(work.debt_ps / 1000)});
  work.debt_ps %= 1000;
  return work.done_at;
}

// ---- for the parts of the virtual world ----

void NodeWorld::record(Crossing crossing, std::uint64_t a, std::uint64_t b, std::uint64_t digest) const {
  node_.simulation().trace().record({.at = scheduler_.now().time_since_epoch().count(),
                                     .a = a,
                                     .b = b,
                                     .digest = digest,
                                     .node = node_.index(),
                                     .crossing = crossing});
}

IoError NodeWorld::failed(Crossing crossing, IoError error) const {
  record(Crossing::failed, static_cast<std::uint64_t>(crossing), static_cast<std::uint64_t>(error));
  return error;
}

bool NodeWorld::draw_short() {
  const std::uint32_t one_in = node_.simulation().options().short_io_one_in;
  return one_in != 0 && io_random_.below(one_in) == 0;
}

}  // namespace squall::sim
