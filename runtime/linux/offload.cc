#include "runtime/linux/offload.h"

#include <signal.h>
#include <sys/eventfd.h>

#include "base/assert.h"
#include "runtime/linux/errors.h"

namespace squall::runtime {

Offload::Offload(Scheduler& scheduler, Reactor& reactor, std::size_t threads)
    : scheduler_{scheduler}, wake_{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)}, thread_count_{threads} {
  SQUALL_ASSERT(threads > 0, "blocking calls need at least one thread");
  if (!wake_) fatal(ExitCode::internal_error, "the kernel gives no eventfd descriptor");
  watch_.on_ready = [this] { collect(); };
  if (!reactor.add(wake_.get(), watch_)) fatal(ExitCode::internal_error, "epoll refuses the eventfd");
}

Offload::~Offload() {
  {
    const std::lock_guard guard{lock_};
    stopping_ = true;
  }
  changed_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void Offload::start_threads() {
  // The helpers take no signals: those are the main thread's.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  while (threads_.size() < thread_count_) threads_.emplace_back([this] { work_loop(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Offload::submit(std::shared_ptr<Job> job) {
  if (threads_.empty()) start_threads();
  {
    const std::lock_guard guard{lock_};
    waiting_.push_back(std::move(job));
  }
  changed_.notify_one();
}

void Offload::post(std::move_only_function<void()> work) {
  auto job = std::make_shared<Job>();
  job->work = std::move(work);
  submit(std::move(job));
}

void Offload::wait_to_the_end(const std::shared_ptr<Job>& job) {
  job->waiter = scheduler_.current();
  submit(job);
  bool cancelled = false;
  while (!job->done) {
    try {
      scheduler_.park();
    } catch (const FiberCancelled&) {
      cancelled = true;
    }
  }
  if (cancelled) throw FiberCancelled{};
}

bool Offload::wait_or_abandon(const std::shared_ptr<Job>& job, Instant deadline) {
  job->waiter = scheduler_.current();
  submit(job);
  try {
    while (!job->done) {
      if (scheduler_.park_until(deadline) == Wake::deadline && !job->done) {
        abandon(*job);
        return false;
      }
    }
  } catch (...) {
    abandon(*job);
    throw;
  }
  return true;
}

void Offload::abandon(Job& job) {
  const std::lock_guard guard{lock_};
  job.abandoned = true;
}

void Offload::collect() {
  std::uint64_t count = 0;
  (void)!::read(wake_.get(), &count, sizeof count);
  std::vector<std::shared_ptr<Job>> finished;
  {
    const std::lock_guard guard{lock_};
    finished.swap(finished_);
  }
  for (const auto& job : finished) {
    job->done = true;
    scheduler_.unpark(job->waiter);
  }
}

void Offload::work_loop() {
  std::unique_lock guard{lock_};
  while (true) {
    changed_.wait(guard, [this] { return stopping_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    auto job = std::move(waiting_.front());
    waiting_.pop_front();
    if (!job->abandoned) {
      guard.unlock();
      job->work();
      job->work = nullptr;
      guard.lock();
    }
    const bool was_empty = finished_.empty();
    finished_.push_back(std::move(job));
    if (was_empty) {
      const std::uint64_t one = 1;
      (void)!::write(wake_.get(), &one, sizeof one);
    }
  }
}

}  // namespace squall::runtime
