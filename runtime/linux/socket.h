// TCP on the reactor: each call is tried first, and waits for epoll only when it would block.
#pragma once

#include <memory>

#include "runtime/io.h"
#include "runtime/linux/core.h"
#include "runtime/linux/resolve.h"
#include "runtime/linux/unique_fd.h"

namespace squall::runtime {

class LinuxConnection final : public Connection {
 public:
  LinuxConnection(Core& core, UniqueFd fd) : core_{core}, fd_{std::move(fd)} {}

  // Registers the socket and sets its options; first of all.
  Result<void> prepare();
  Result<void> connect(const SocketAddress& address, Instant deadline);
  void set_peer(Endpoint peer) { peer_ = std::move(peer); }

  Result<std::size_t> read(MutableBytes into) override;
  Result<std::size_t> writev(std::span<const ByteView> from, More more) override;
  Result<std::size_t> send_file(File& file, std::uint64_t at, std::uint64_t length, More more) override;
  void set_deadline(Instant deadline) override;
  Result<void> shutdown(ShutdownSide side) override;
  void close() override;
  [[nodiscard]] Endpoint peer() const override { return peer_; }

 private:
  template <class Call>
  Result<std::size_t> transfer(Watch::Direction& direction, Call&& call);
  Result<void> wait(Watch::Direction& direction);
  [[nodiscard]] Result<void> usable() const;
  void cork(bool on);

  // What was found in the page cache and taken in part only: the call for the rest, which follows at once, need not ask again.
  struct Warmed {
    const File* file = nullptr;
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };

  Core& core_;
  UniqueFd fd_;
  Watch watch_;
  Instant deadline_ = end_of_time;
  Endpoint peer_;
  Warmed warmed_;
  bool corked_ = false;
};

class LinuxListener final : public Listener {
 public:
  LinuxListener(Core& core, UniqueFd fd) : core_{core}, fd_{std::move(fd)} {}
  Result<void> bind(const SocketAddress& address);

  Result<std::unique_ptr<Connection>> accept() override;
  void close() override;
  [[nodiscard]] Endpoint local() const override { return local_; }

 private:
  Result<std::unique_ptr<Connection>> accepted(UniqueFd fd, const SocketAddress& from);

  Core& core_;
  UniqueFd fd_;
  Watch watch_;
  Endpoint local_;
};

// May wait.
Result<std::unique_ptr<Listener>> listen_on(Core& core, const Endpoint& endpoint);
Result<std::unique_ptr<Connection>> connect_to(Core& core, const Endpoint& endpoint, Instant deadline);

}  // namespace squall::runtime
