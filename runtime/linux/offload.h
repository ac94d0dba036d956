// A few helper threads for the system calls that may block: syncs, opens, cold reads, name look-ups. Their results come back
// through an eventfd, so the reactor never blocks. The threads start with the first call.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/linux/reactor.h"

namespace squall::runtime {

class Offload {
 public:
  Offload(Scheduler& scheduler, Reactor& reactor, std::size_t threads);
  ~Offload();  // finishes what has been asked for
  Offload(const Offload&) = delete;
  Offload& operator=(const Offload&) = delete;

  // May wait. Runs `work` on a helper thread and returns what it returns. `work` may borrow from the caller's stack: a fiber
  // that is cancelled meanwhile leaves only when the work has ended.
  template <class Work>
  auto run(Work work) {
    using Value = std::invoke_result_t<Work&>;
    std::optional<Value> value;
    const auto job = std::make_shared<Job>();
    job->work = [&] { value.emplace(work()); };
    wait_to_the_end(job);
    return std::move(*value);
  }
  // May wait, until `deadline` at most. `work` must own what it uses: when the deadline comes first (nothing is returned then)
  // or the fiber is cancelled, it is left to itself.
  template <class Work>
  auto run_until(Instant deadline, Work work) -> std::optional<std::invoke_result_t<Work&>> {
    using Value = std::invoke_result_t<Work&>;
    const auto value = std::make_shared<std::optional<Value>>();
    const auto job = std::make_shared<Job>();
    job->work = [value, work = std::move(work)]() mutable { value->emplace(work()); };
    if (!wait_or_abandon(job, deadline)) return std::nullopt;
    return std::move(*value);
  }
  // Does not wait for the work.
  void post(std::move_only_function<void()> work);

 private:
  struct Job {
    std::move_only_function<void()> work;
    FiberId waiter;
    bool done = false;       // the reactor's
    bool abandoned = false;  // under the lock
  };
  void submit(std::shared_ptr<Job> job);
  void wait_to_the_end(const std::shared_ptr<Job>& job);
  bool wait_or_abandon(const std::shared_ptr<Job>& job, Instant deadline);
  void abandon(Job& job);
  void collect();
  void start_threads();
  void work_loop();

  Scheduler& scheduler_;
  UniqueFd wake_;
  Watch watch_;
  std::size_t thread_count_;
  std::vector<std::thread> threads_;
  std::mutex lock_;  // guards what follows
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Job>> waiting_;
  std::vector<std::shared_ptr<Job>> finished_;
  bool stopping_ = false;
};

}  // namespace squall::runtime
