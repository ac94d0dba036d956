// The smallest World: fibers first come, first served, and a clock that jumps to the next deadline when all of them wait.
// No disk, no network.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/scheduler.h"
#include "runtime/world.h"

namespace squall::runtime {

class TestWorld final : public World {
 public:
  ~TestWorld() override {
    scheduler_.cancel_all();
    run();
  }
  // Runs `main` and all that it starts, until every fiber has ended or waits for ever.
  void run(FiberFunction main) {
    spawn("main", std::move(main));
    run();
  }
  void run() {
    while (true) {
      while (scheduler_.run_ready()) {
      }
      if (scheduler_.next_deadline() == end_of_time) return;
      now_ = scheduler_.next_deadline();
      scheduler_.fire_timers(now_);
    }
  }
  Scheduler& scheduler() { return scheduler_; }

  [[nodiscard]] Instant now() const override { return now_; }
  [[nodiscard]] WallTime wall_now() const override { return WallTime{}; }
  void sleep_until(Instant until) override {
    while (now_ < until) (void)park_until(until);
  }
  [[nodiscard]] Random fork_random(std::string_view name) override { return Random{1}.fork(name); }
  FiberId spawn(std::string_view name, FiberFunction function) override { return scheduler_.spawn(name, std::move(function)); }
  [[nodiscard]] FiberId current_fiber() const override { return scheduler_.current(); }
  void yield() override { scheduler_.yield(); }
  void park() override { scheduler_.park(); }
  Wake park_until(Instant deadline) override { return scheduler_.park_until(deadline); }
  void unpark(FiberId fiber) override { scheduler_.unpark(fiber); }
  void cancel(FiberId fiber) override { scheduler_.cancel(fiber); }

  Result<std::unique_ptr<File>> open(const std::string&, OpenMode) override { return none(); }
  Result<void> create_dir(const std::string&) override { return none(); }
  Result<void> rename(const std::string&, const std::string&) override { return none(); }
  Result<void> remove(const std::string&) override { return none(); }
  Result<std::vector<DirectoryEntry>> list(const std::string&) override { return none(); }
  Result<void> sync_dir(const std::string&) override { return none(); }
  Result<std::unique_ptr<FileLock>> lock(const std::string&) override { return none(); }
  Result<DiskSpace> space(const std::string&) override { return none(); }
  Result<std::unique_ptr<Listener>> listen(const Endpoint&) override { return none(); }
  Result<std::unique_ptr<Connection>> connect(const Endpoint&, Instant) override { return none(); }
  void emit(EventName, EventFields) override {}
  Metrics& metrics() override { return metrics_; }
  void charge(Cost, std::uint64_t) override {}

 private:
  static std::unexpected<IoError> none() { return std::unexpected{IoError::access_denied}; }

  Scheduler scheduler_;
  Instant now_{};
  Metrics metrics_;
};

}  // namespace squall::runtime
