#include "runtime/linux/linux_world.h"

#include <sys/random.h>

#include "base/assert.h"
#include "runtime/linux/directory.h"
#include "runtime/linux/file.h"
#include "runtime/linux/socket.h"

namespace squall::runtime {
namespace {

constexpr int rounds_per_poll = 16;  // of all ready fibers, before the kernel is asked again

std::uint64_t entropy() {
  std::uint64_t seed = 0;
  if (getrandom(&seed, sizeof seed, 0) != static_cast<ssize_t>(sizeof seed))
    fatal(ExitCode::internal_error, "the kernel gives no randomness");
  return seed;
}

}  // namespace

LinuxWorld::LinuxWorld(LinuxOptions options)
    : core_{options.helper_threads},
      random_{options.seed ? *options.seed : entropy()},
      events_{options.event_fd, options.least_level},
      stop_waiters_{*this} {
  ignore_broken_pipes();
  if (options.handle_signals)
    signals_ = std::make_unique<StopSignals>(core_.reactor, [this, options](int) { on_signal(options); });
}

LinuxWorld::~LinuxWorld() { SQUALL_ASSERT(core_.scheduler.alive() == 0, "a world ends only after its fibers"); }

void LinuxWorld::run(FiberFunction main) {
  SQUALL_ASSERT(!current_fiber(), "a fiber cannot run its own world");
  main_ = core_.scheduler.spawn("main", std::move(main));
  run_fibers();
  while (core_.scheduler.alive(main_)) {
    wait_for_work();
    run_fibers();
  }
  core_.scheduler.cancel_all();
  run_fibers();
  while (core_.scheduler.alive() > 0) {
    core_.scheduler.cancel_all();  // what an unwinding fiber has started has no time left either
    wait_for_work();
    run_fibers();
  }
  main_ = {};
}

void LinuxWorld::run_fibers() {
  for (int round = 0; round < rounds_per_poll && core_.scheduler.run_ready(); ++round) {
  }
  events_.flush();
}

void LinuxWorld::wait_for_work() {
  auto& scheduler = core_.scheduler;
  Duration wait = Duration::zero();
  const Instant next = scheduler.next_deadline();
  if (!scheduler.has_ready()) wait = next == end_of_time ? Duration::max() : next - core_.clock.now();
  core_.reactor.poll(wait);
  if (next != end_of_time) scheduler.fire_timers(core_.clock.now());
}

void LinuxWorld::on_signal(const LinuxOptions& options) {
  if (!stop_requested_) return request_stop();
  if (now() - stop_requested_at_ < options.signal_patience) return;
  events_.flush();
  if (options.on_impatience) return options.on_impatience();
  core_.scheduler.cancel(main_);
}

void LinuxWorld::request_stop() {
  if (!stop_requested_) stop_requested_at_ = now();
  stop_requested_ = true;
  stop_waiters_.wake_all();
}

void LinuxWorld::wait_for_stop() {
  while (!stop_requested_) (void)stop_waiters_.wait();
}

void LinuxWorld::sleep_until(Instant until) {
  while (now() < until) (void)park_until(until);
}

FiberId LinuxWorld::spawn(std::string_view name, FiberFunction function) {
  return core_.scheduler.spawn(name, std::move(function));
}

Result<std::unique_ptr<File>> LinuxWorld::open(const std::string& path, OpenMode mode) { return open_file(core_, path, mode); }
Result<void> LinuxWorld::create_dir(const std::string& path) { return create_directory(core_, path); }
Result<void> LinuxWorld::rename(const std::string& from, const std::string& to) { return rename_path(core_, from, to); }
Result<void> LinuxWorld::remove(const std::string& path) { return remove_path(core_, path); }
Result<std::vector<DirectoryEntry>> LinuxWorld::list(const std::string& path) { return list_directory(core_, path); }
Result<void> LinuxWorld::sync_dir(const std::string& path) { return sync_directory(core_, path); }
Result<std::unique_ptr<FileLock>> LinuxWorld::lock(const std::string& path) { return lock_file(core_, path); }
Result<DiskSpace> LinuxWorld::space(const std::string& path) { return disk_space(core_, path); }
Result<std::unique_ptr<Listener>> LinuxWorld::listen(const Endpoint& endpoint) { return listen_on(core_, endpoint); }
Result<std::unique_ptr<Connection>> LinuxWorld::connect(const Endpoint& endpoint, Instant deadline) {
  return connect_to(core_, endpoint, deadline);
}

void LinuxWorld::emit(EventName name, EventFields fields) {
  if (events_.wants(name)) events_.add(wall_now(), name, fields);
}

}  // namespace squall::runtime
