// A small world for tests of one node's storage: a virtual clock that jumps, fibers that are switched at any disk call by a
// seeded draw, a MemoryDisk with faults. No network.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "runtime/scheduler.h"
#include "runtime/world.h"
#include "tests/support/memory_disk.h"

namespace squall::tests {

class MemoryWorld final : public runtime::World {
 public:
  explicit MemoryWorld(MemoryDisk& disk, std::uint64_t seed = 1);
  ~MemoryWorld() override;

  // Runs `main` in a fiber until it has ended or the power is cut; then ends all others. True if it was not cut.
  bool run(std::function<void()> main);

  // ---- faults ----
  std::uint64_t cut_after = std::numeric_limits<std::uint64_t>::max();  // disk calls
  // Called before each disk call with its name and path: an error makes it fail.
  std::function<std::optional<runtime::IoError>(std::string_view call, const std::string& path)> fault;
  std::uint64_t disk_calls = 0;
  WallTime wall{std::chrono::milliseconds{1'700'000'000'000}};  // at now() == 0
  // ---- what happened ----
  [[nodiscard]] std::uint64_t count(runtime::EventName name) const;
  [[nodiscard]] std::size_t fibers() const { return scheduler_.alive(); }
  void advance(Duration by) { now_ += by; }
  // One disk call: counts it, may fail, may switch fibers. For the files, too.
  runtime::Result<void> call(std::string_view name, const std::string& path);

  // ---- World ----
  [[nodiscard]] Instant now() const override { return now_; }
  [[nodiscard]] WallTime wall_now() const override {
    return wall + std::chrono::duration_cast<std::chrono::milliseconds>(now_.time_since_epoch());
  }
  void sleep_until(Instant until) override;
  [[nodiscard]] Random fork_random(std::string_view name) override { return random_.fork(name); }
  runtime::FiberId spawn(std::string_view name, runtime::FiberFunction function) override;
  [[nodiscard]] runtime::FiberId current_fiber() const override { return scheduler_.current(); }
  void yield() override { scheduler_.yield(); }
  void park() override { scheduler_.park(); }
  runtime::Wake park_until(Instant deadline) override { return scheduler_.park_until(deadline); }
  void unpark(runtime::FiberId fiber) override { scheduler_.unpark(fiber); }
  void cancel(runtime::FiberId fiber) override { scheduler_.cancel(fiber); }
  runtime::Result<std::unique_ptr<runtime::File>> open(const std::string& path, runtime::OpenMode mode) override;
  runtime::Result<void> create_dir(const std::string& path) override;
  runtime::Result<void> rename(const std::string& from, const std::string& to) override;
  runtime::Result<void> remove(const std::string& path) override;
  runtime::Result<std::vector<runtime::DirectoryEntry>> list(const std::string& path) override;
  runtime::Result<void> sync_dir(const std::string& path) override;
  runtime::Result<std::unique_ptr<runtime::FileLock>> lock(const std::string& path) override;
  runtime::Result<runtime::DiskSpace> space(const std::string&) override { return runtime::DiskSpace{1 << 30, 1 << 29}; }
  runtime::Result<std::unique_ptr<runtime::Listener>> listen(const runtime::Endpoint&) override {
    return std::unexpected(runtime::IoError::unreachable);
  }
  runtime::Result<std::unique_ptr<runtime::Connection>> connect(const runtime::Endpoint&, Instant) override {
    return std::unexpected(runtime::IoError::unreachable);
  }
  void emit(runtime::EventName name, runtime::EventFields) override { ++events_[name]; }
  runtime::Metrics& metrics() override { return metrics_; }
  void charge(runtime::Cost, std::uint64_t) override {}

 private:
  MemoryDisk& disk_;
  runtime::Scheduler scheduler_;
  Random random_;
  Random switches_;
  Instant now_{};
  std::map<runtime::EventName, std::uint64_t> events_;
  std::set<std::string> locked_;
  runtime::Metrics metrics_;
  bool dead_ = false;
};

}  // namespace squall::tests
