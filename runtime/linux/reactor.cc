#include "runtime/linux/reactor.h"

#include <sys/epoll.h>

#include <algorithm>
#include <climits>

#include "base/assert.h"
#include "runtime/linux/errors.h"

namespace squall::runtime {
namespace {

void tell(Scheduler& scheduler, Watch::Direction& direction) {
  direction.ready = true;
  if (direction.waiter) scheduler.unpark(direction.waiter);
}

}  // namespace

Reactor::Reactor(Scheduler& scheduler, std::size_t events_per_poll)
    : scheduler_{scheduler}, epoll_{epoll_create1(EPOLL_CLOEXEC)}, events_(events_per_poll * sizeof(epoll_event)) {
  if (!epoll_) fatal(ExitCode::internal_error, "the kernel gives no epoll descriptor");
}

Result<void> Reactor::add(int fd, Watch& watch) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &watch;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return last_error();
  return {};
}

int Reactor::wait_for_events(Duration wait) {
  auto* events = reinterpret_cast<epoll_event*>(events_.data());
  const int room = static_cast<int>(events_.size() / sizeof(epoll_event));
  if (wait <= Duration::zero()) return epoll_wait(epoll_.get(), events, room, 0);
  if (wait == Duration::max()) return epoll_wait(epoll_.get(), events, room, -1);
  if (has_pwait2_) {
    const auto whole = std::chrono::floor<std::chrono::seconds>(wait);
    const timespec timeout{.tv_sec = whole.count(), .tv_nsec = (wait - whole).count()};
    const int count = epoll_pwait2(epoll_.get(), events, room, &timeout, nullptr);
    if (count >= 0 || errno == EINTR) return count;
    has_pwait2_ = false;  // an older kernel, or a filter of system calls
  }
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(wait).count();
  return epoll_wait(epoll_.get(), events, room, static_cast<int>(std::min<std::int64_t>(milliseconds, INT_MAX)));
}

void Reactor::poll(Duration wait) {
  const int count = wait_for_events(wait);
  SQUALL_ASSERT(count >= 0 || errno == EINTR, "epoll_wait fails only when interrupted");
  const auto* events = reinterpret_cast<const epoll_event*>(events_.data());
  for (int i = 0; i < count; ++i) {
    Watch& watch = *static_cast<Watch*>(events[i].data.ptr);
    const auto what = events[i].events;
    if ((what & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) tell(scheduler_, watch.in);
    if ((what & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) tell(scheduler_, watch.out);
    if (watch.on_ready) watch.on_ready();
  }
}

}  // namespace squall::runtime
