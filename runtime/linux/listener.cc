#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>

#include "runtime/linux/errors.h"
#include "runtime/linux/socket.h"
#include "runtime/linux/wait_ready.h"

namespace squall::runtime {
namespace {

constexpr Duration back_off = std::chrono::milliseconds{50};

// The connection was gone before it was taken; the next one may be well (accept(2) names these).
bool concerns_one_connection(int error) {
  switch (error) {
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
    case EPERM: return true;
    default: return false;
  }
}

// Something must be closed elsewhere before another connection can be taken.
bool is_shortage(int error) { return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM; }

// Connections may not take the descriptors that files need: a quarter of what the process may have, and 64 where that leaves as
// many for them. The kernel gives the lowest number that is free, so a high one tells how many are taken.
bool leaves_enough_for_files(int any_open) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return true;
  const rlim_t kept = std::max(limit.rlim_cur / 4, std::min<rlim_t>(64, limit.rlim_cur / 2));
  const UniqueFd lowest_free{::fcntl(any_open, F_DUPFD_CLOEXEC, 0)};
  return lowest_free && static_cast<rlim_t>(lowest_free.get()) < limit.rlim_cur - kept;
}

bool has_waiting(int listener) {
  pollfd asked{.fd = listener, .events = POLLIN, .revents = 0};
  return ::poll(&asked, 1, 0) > 0;
}

}  // namespace

Result<void> LinuxListener::bind(const SocketAddress& address) {
  const int on = 1;
  const int off = 0;
  if (setsockopt(fd_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) return last_error();
  if (address.family() == AF_INET6) (void)setsockopt(fd_.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (::bind(fd_.get(), address.get(), address.length) != 0) return last_error();
  if (::listen(fd_.get(), SOMAXCONN) != 0) return last_error();
  SocketAddress bound;
  bound.length = sizeof bound.storage;
  if (getsockname(fd_.get(), bound.get(), &bound.length) != 0) return last_error();
  local_ = endpoint_of(bound);
  return core_.reactor.add(fd_.get(), watch_);
}

Result<std::unique_ptr<Connection>> LinuxListener::accept() {
  const WaitsFor waits{core_, watch_.in};
  core_.breathe();
  while (fd_) {
    SocketAddress from;
    from.length = sizeof from.storage;
    watch_.in.ready = false;
    UniqueFd fd;
    if (leaves_enough_for_files(fd_.get())) {
      fd.reset(uninterrupted([&] { return accept4(fd_.get(), from.get(), &from.length, SOCK_NONBLOCK | SOCK_CLOEXEC); }));
    } else {
      errno = has_waiting(fd_.get()) ? EMFILE : EAGAIN;
    }
    if (fd) {
      if (auto connection = accepted(std::move(fd), from)) return connection;
      errno = ENOMEM;  // epoll had no room for it: it is dropped
    }
    if (errno == EAGAIN) {
      while (fd_ && !watch_.in.ready) core_.scheduler.park();
    } else if (is_shortage(errno)) {
      core_.metrics.counter("squall_accept_shortages_total").add();
      const Instant until = core_.clock.now() + back_off;
      while (fd_ && core_.clock.now() < until) (void)core_.scheduler.park_until(until);
    } else if (!concerns_one_connection(errno)) {
      return last_error();
    }
  }
  return std::unexpected{IoError::closed};
}

Result<std::unique_ptr<Connection>> LinuxListener::accepted(UniqueFd fd, const SocketAddress& from) {
  auto connection = std::make_unique<LinuxConnection>(core_, std::move(fd));
  if (auto prepared = connection->prepare(); !prepared) return std::unexpected{prepared.error()};
  connection->set_peer(endpoint_of(from));
  return connection;
}

void LinuxListener::close() {
  fd_.reset();
  core_.scheduler.unpark(watch_.in.waiter);
}

Result<std::unique_ptr<Listener>> listen_on(Core& core, const Endpoint& endpoint) {
  const auto addresses = resolve(core, endpoint, Purpose::listen, end_of_time);
  if (!addresses) return std::unexpected{addresses.error()};
  IoError error = IoError::invalid_argument;
  for (const SocketAddress& address : *addresses) {
    UniqueFd fd{::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!fd) {
      error = io_error_of(errno);
      continue;
    }
    auto listener = std::make_unique<LinuxListener>(core, std::move(fd));
    auto bound = listener->bind(address);
    if (bound) return listener;
    error = bound.error();
  }
  return std::unexpected{error};
}

}  // namespace squall::runtime
