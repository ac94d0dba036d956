#include "runtime/linux/socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include "runtime/linux/errors.h"
#include "runtime/linux/file.h"
#include "runtime/linux/iovecs.h"
#include "runtime/linux/wait_ready.h"

namespace squall::runtime {
namespace {

constexpr std::size_t read_bytes_max = std::size_t{1024} * 1024;
// What is looked up in the page cache, and sent, in one go: a Fetch of the usual size, and less than a millisecond's work.
constexpr std::uint64_t send_file_bytes_max = std::uint64_t{1024} * 1024;

void set_option(int fd, int level, int option, int value = 1) {
  (void)setsockopt(fd, level, option, &value, sizeof value);  // worth having, not worth failing for
}

// A reset or a time-out of an established stream are one to its user.
IoError stream_error(int error) { return error == ETIMEDOUT ? IoError::connection_reset : io_error_of(error); }

}  // namespace

Result<void> LinuxConnection::prepare() {
  set_option(fd_.get(), IPPROTO_TCP, TCP_NODELAY);
  set_option(fd_.get(), SOL_SOCKET, SO_KEEPALIVE);
  return core_.reactor.add(fd_.get(), watch_);
}

Result<void> LinuxConnection::usable() const {
  if (!fd_) return std::unexpected{IoError::closed};
  if (deadline_ != end_of_time && core_.clock.now() >= deadline_) return std::unexpected{IoError::timed_out};
  return {};
}

Result<void> LinuxConnection::wait(Watch::Direction& direction) {
  direction.ready = false;
  const WaitsFor waits{core_, direction};
  while (true) {
    if (auto fine = usable(); !fine) return fine;
    if (direction.ready) return {};
    (void)core_.scheduler.park_until(deadline_);
  }
}

template <class Call>
Result<std::size_t> LinuxConnection::transfer(Watch::Direction& direction, Call&& call) {
  if (auto fine = usable(); !fine) return std::unexpected{fine.error()};
  core_.breathe();
  while (fd_) {
    const ssize_t count = uninterrupted(call);
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EAGAIN) return std::unexpected{stream_error(errno)};
    if (auto ready = wait(direction); !ready) return std::unexpected{ready.error()};
  }
  return std::unexpected{IoError::closed};
}

Result<std::size_t> LinuxConnection::read(MutableBytes into) {
  if (into.empty()) return std::size_t{0};
  const std::size_t size = std::min(into.size(), read_bytes_max);
  return transfer(watch_.in, [&] { return ::recv(fd_.get(), into.data(), size, 0); });
}

Result<std::size_t> LinuxConnection::writev(std::span<const ByteView> from, More more) {
  Iovecs vectors{from};
  if (vectors.bytes() == 0) return std::size_t{0};
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = vectors.count();
  const int flags = MSG_NOSIGNAL | (more == More::yes ? MSG_MORE : 0);
  auto taken = transfer(watch_.out, [&] { return ::sendmsg(fd_.get(), &message, flags); });
  if (more == More::no && taken && *taken == vectors.bytes()) cork(false);
  return taken;
}

Result<std::size_t> LinuxConnection::send_file(File& file, std::uint64_t at, std::uint64_t length, More more) {
  if (length == 0) return std::size_t{0};
  auto& from = static_cast<LinuxFile&>(file);  // a World's connections take the files of that World
  const auto size = static_cast<std::size_t>(std::min(length, send_file_bytes_max));
  if (auto fine = usable(); !fine) return std::unexpected{fine.error()};
  core_.breathe();
  const bool known_warm = warmed_.file == &from && at >= warmed_.begin && at + size <= warmed_.end;
  if (!known_warm) warmed_ = {};
  while (fd_) {
    if (warmed_.file == nullptr) {
      if (auto warm = from.warm(at, size); !warm) return std::unexpected{warm.error()};
      if (!fd_) break;  // closed while the disk was read
    }
    if (more == More::yes) cork(true);
    auto offset = static_cast<off_t>(at);
    const ssize_t count = uninterrupted([&] { return ::sendfile(fd_.get(), from.fd(), &offset, size); });
    const bool part = count > 0 && static_cast<std::size_t>(count) < size;
    warmed_ = part ? Warmed{&from, at, at + size} : Warmed{};
    if (count >= 0) {
      if (more == More::no && !part) cork(false);
      return static_cast<std::size_t>(count);
    }
    if (errno != EAGAIN) return std::unexpected{stream_error(errno)};
    // The peer may take minutes; the page cache may have forgotten the range by then, so it is looked up again.
    if (auto ready = wait(watch_.out); !ready) return std::unexpected{ready.error()};
  }
  return std::unexpected{IoError::closed};
}

// sendfile(2) has no MSG_MORE.
void LinuxConnection::cork(bool on) {
  if (corked_ == on || !fd_) return;
  corked_ = on;
  set_option(fd_.get(), IPPROTO_TCP, TCP_CORK, on ? 1 : 0);
}

void LinuxConnection::set_deadline(Instant deadline) {
  deadline_ = deadline;
  core_.scheduler.unpark(watch_.in.waiter);  // to wait anew
  core_.scheduler.unpark(watch_.out.waiter);
}

Result<void> LinuxConnection::shutdown(ShutdownSide side) {
  if (!fd_) return std::unexpected{IoError::closed};
  const int how = side == ShutdownSide::read ? SHUT_RD : side == ShutdownSide::write ? SHUT_WR : SHUT_RDWR;
  if (::shutdown(fd_.get(), how) != 0) return std::unexpected{stream_error(errno)};
  return {};
}

void LinuxConnection::close() {
  fd_.reset();  // leaves epoll by itself
  core_.scheduler.unpark(watch_.in.waiter);
  core_.scheduler.unpark(watch_.out.waiter);
}

Result<void> LinuxConnection::connect(const SocketAddress& address, Instant deadline) {
  if (::connect(fd_.get(), address.get(), address.length) != 0) {
    if (errno != EINPROGRESS && errno != EINTR) return last_error();
    deadline_ = deadline;
    if (auto ready = wait(watch_.out); !ready) return ready;
    deadline_ = end_of_time;
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) return last_error();
    if (error != 0) return std::unexpected{io_error_of(error)};
  }
  return {};
}

Result<std::unique_ptr<Connection>> connect_to(Core& core, const Endpoint& endpoint, Instant deadline) {
  const auto addresses = resolve(core, endpoint, Purpose::connect, deadline);
  if (!addresses) return std::unexpected{addresses.error()};
  IoError error = IoError::unreachable;
  for (const SocketAddress& address : *addresses) {
    UniqueFd fd{::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!fd) {
      error = io_error_of(errno);
      continue;
    }
    auto connection = std::make_unique<LinuxConnection>(core, std::move(fd));
    auto connected = connection->prepare();
    if (connected) connected = connection->connect(address, deadline);
    if (connected) {
      connection->set_peer(endpoint_of(address));
      return connection;
    }
    error = connected.error();
    if (error == IoError::timed_out && deadline != end_of_time && core.clock.now() >= deadline) break;
  }
  return std::unexpected{error};
}

}  // namespace squall::runtime
