// The real world: one reactor on the calling thread, a few helper threads for what blocks.
//
//   LinuxWorld world{{.handle_signals = true}};
//   world.run([&] { start(world); world.wait_for_stop(); stop(); });
#pragma once

#include <unistd.h>

#include <functional>
#include <memory>
#include <optional>

#include "runtime/linux/core.h"
#include "runtime/linux/event_log.h"
#include "runtime/linux/signals.h"
#include "runtime/wait_queue.h"
#include "runtime/world.h"

namespace squall::runtime {

struct LinuxOptions {
  std::optional<std::uint64_t> seed;  // of the random streams; otherwise from the kernel's entropy
  bool handle_signals = false;        // SIGTERM and SIGINT ask for a stop
  // Signals that follow the request to stop within this are the same request: timeout(1) and terminals send it twice.
  Duration signal_patience = std::chrono::seconds{1};
  std::function<void()> on_impatience{};  // at a signal after that, on the main loop; without it, the main fiber is cancelled
  EventLevel least_level = EventLevel::info;
  int event_fd = STDERR_FILENO;
  std::size_t helper_threads = 4;
};

class LinuxWorld final : public World {
 public:
  explicit LinuxWorld(LinuxOptions options = {});
  ~LinuxWorld() override;

  // Runs `main` in a fiber and drives all others until it has ended; then cancels those that are left, the youngest first, and
  // returns when they have ended too. Not from a fiber. May be called again.
  void run(FiberFunction main);
  // May wait, until a stop has been asked for by signal or by `request_stop`.
  void wait_for_stop();
  void request_stop();
  [[nodiscard]] bool stop_requested() const { return stop_requested_; }

  [[nodiscard]] Instant now() const override { return core_.clock.now(); }
  [[nodiscard]] WallTime wall_now() const override { return Clock::wall_now(); }
  void sleep_until(Instant until) override;
  [[nodiscard]] Random fork_random(std::string_view name) override { return random_.fork(name); }
  FiberId spawn(std::string_view name, FiberFunction function) override;
  [[nodiscard]] FiberId current_fiber() const override { return core_.scheduler.current(); }
  void yield() override { core_.scheduler.yield(); }
  void park() override { core_.scheduler.park(); }
  Wake park_until(Instant deadline) override { return core_.scheduler.park_until(deadline); }
  void unpark(FiberId fiber) override { core_.scheduler.unpark(fiber); }
  void cancel(FiberId fiber) override { core_.scheduler.cancel(fiber); }

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  Result<void> create_dir(const std::string& path) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& path) override;
  Result<std::vector<DirectoryEntry>> list(const std::string& path) override;
  Result<void> sync_dir(const std::string& path) override;
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override;
  Result<DiskSpace> space(const std::string& path) override;
  Result<std::unique_ptr<Listener>> listen(const Endpoint& endpoint) override;
  Result<std::unique_ptr<Connection>> connect(const Endpoint& endpoint, Instant deadline) override;

  void emit(EventName name, EventFields fields) override;
  Metrics& metrics() override { return core_.metrics; }
  void charge(Cost, std::uint64_t) override {}

 private:
  void run_fibers();
  void wait_for_work();
  void on_signal(const LinuxOptions& options);

  Core core_;
  Random random_;
  EventLog events_;
  WaitQueue stop_waiters_;
  bool stop_requested_ = false;
  Instant stop_requested_at_;
  FiberId main_;
  std::unique_ptr<StopSignals> signals_;
};

}  // namespace squall::runtime
