// Names to addresses. Numeric hosts are translated at once; others by a helper thread, because the resolver blocks.
#pragma once

#include <sys/socket.h>

#include <vector>

#include "runtime/io.h"
#include "runtime/linux/core.h"

namespace squall::runtime {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  [[nodiscard]] sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  [[nodiscard]] int family() const { return storage.ss_family; }
};

enum class Purpose : std::uint8_t { connect, listen };

// May wait. In order of preference, at least one. An empty host is any address to listen on, and this machine to connect to.
Result<std::vector<SocketAddress>> resolve(Core& core, const Endpoint& endpoint, Purpose purpose, Instant deadline);

[[nodiscard]] Endpoint endpoint_of(const SocketAddress& address);

}  // namespace squall::runtime
