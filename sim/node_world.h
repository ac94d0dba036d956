// The world of one process: what a node's code sees of the virtual machine. It lives on, dead, after the process has ended, so
// that whatever the process left behind may still call it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "runtime/world.h"
#include "sim/node.h"
#include "sim/scheduler.h"
#include "sim/trace.h"

namespace squall::sim {

class NodeWorld final : public runtime::World {
 public:
  NodeWorld(Node& node, std::uint32_t incarnation);

  // ---- clock and random ----
  [[nodiscard]] Instant now() const override;
  [[nodiscard]] WallTime wall_now() const override;
  void sleep_until(Instant until) override;
  [[nodiscard]] Random fork_random(std::string_view name) override;

  // ---- fibers ----
  runtime::FiberId spawn(std::string_view name, runtime::FiberFunction function) override;
  [[nodiscard]] runtime::FiberId current_fiber() const override;
  void yield() override;
  void park() override;
  runtime::Wake park_until(Instant deadline) override;
  void unpark(runtime::FiberId fiber) override;
  void cancel(runtime::FiberId fiber) override;

  // ---- disk ----
  runtime::Result<std::unique_ptr<runtime::File>> open(const std::string& path, runtime::OpenMode mode) override;
  runtime::Result<void> create_dir(const std::string& path) override;
  runtime::Result<void> rename(const std::string& from, const std::string& to) override;
  runtime::Result<void> remove(const std::string& path) override;
  runtime::Result<std::vector<runtime::DirectoryEntry>> list(const std::string& path) override;
  runtime::Result<void> sync_dir(const std::string& path) override;
  runtime::Result<std::unique_ptr<runtime::FileLock>> lock(const std::string& path) override;
  runtime::Result<runtime::DiskSpace> space(const std::string& path) override;

  // ---- network ----
  runtime::Result<std::unique_ptr<runtime::Listener>> listen(const runtime::Endpoint& endpoint) override;
  runtime::Result<std::unique_ptr<runtime::Connection>> connect(const runtime::Endpoint& endpoint, Instant deadline) override;

  // ---- events, metrics, cpu ----
  void emit(runtime::EventName name, runtime::EventFields fields) override;
  runtime::Metrics& metrics() override { return metrics_; }
  void charge(runtime::Cost cost, std::uint64_t count) override;

  // ---- for the parts of the virtual world ----
  [[nodiscard]] Node& node() const { return node_; }
  [[nodiscard]] Scheduler& scheduler() const { return scheduler_; }
  [[nodiscard]] bool dead() const { return dead_; }
  void die() { dead_ = true; }
  // True in a dead world, where a call must do nothing. A fiber that goes on calling although everything fails is cancelled
  // after a while: else it would spin for ever.
  [[nodiscard]] bool refuse();
  // Throws FiberCancelled if the world is dead or the running fiber is due to be cancelled.
  void check_cancelled();
  // Suspends the running fiber until it is woken or `until` has come (simulated time); throws FiberCancelled as above.
  runtime::Wake wait(Instant until);
  // Waits until the simulated time `until`, whatever wakes the fiber.
  void wait_full(Instant until);
  // Waits until what was charged is done: before anything that others can see.
  void settle() {
    const Scheduler::Work& work = scheduler_.work();
    if (work.debt_ps >= 1000 || work.done_at > scheduler_.now()) pay();
  }
  // Begins what was charged, and goes on at once: when it is done. For bytes that others see only then; what the fiber reads
  // or shows next waits for that moment. A wait less for each answer.
  [[nodiscard]] Instant work_off();
  // Until work_off() has come: the fiber takes no new input before.
  [[nodiscard]] bool is_busy() const { return scheduler_.work().done_at > scheduler_.now(); }
  void record(Crossing crossing, std::uint64_t a, std::uint64_t b, std::uint64_t digest = 0) const;
  // Records the failure and returns it.
  runtime::IoError failed(Crossing crossing, runtime::IoError error) const;
  [[nodiscard]] bool draw_short();  // a short count is due
  [[nodiscard]] Random& io_random() { return io_random_; }
  [[nodiscard]] bool handle_available() const { return open_files + open_connections < node_.options().handles_max; }

  // Handles that the process holds.
  std::size_t open_files = 0;
  std::size_t open_connections = 0;
  std::size_t open_listeners = 0;
  std::size_t held_locks = 0;
  std::vector<std::string> locked_paths;

 private:
  void pay();
  runtime::Result<void> names_changed(Crossing crossing, const std::string& path, runtime::Result<void> result);

  Node& node_;
  Scheduler& scheduler_;
  bool dead_ = false;
  std::uint32_t refusals_ = 0;
  Random random_;
  Random io_random_;
  runtime::Metrics metrics_;
};

}  // namespace squall::sim
