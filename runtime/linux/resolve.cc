#include "runtime/linux/resolve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include <array>
#include <cstring>
#include <memory>
#include <string>

namespace squall::runtime {
namespace {

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

Result<std::vector<SocketAddress>> look_up(const Endpoint& endpoint, int flags) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const std::string port = std::to_string(endpoint.port);
  const char* host = endpoint.host.empty() ? nullptr : endpoint.host.c_str();
  if (getaddrinfo(host, port.c_str(), &hints, &list) != 0) return std::unexpected{IoError::name_not_resolved};
  const std::unique_ptr<addrinfo, FreeAddresses> owned{list};
  std::vector<SocketAddress> addresses;
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    SocketAddress address;
    std::memcpy(&address.storage, entry->ai_addr, entry->ai_addrlen);
    address.length = entry->ai_addrlen;
    addresses.push_back(address);
  }
  if (addresses.empty()) return std::unexpected{IoError::name_not_resolved};
  return addresses;
}

}  // namespace

Result<std::vector<SocketAddress>> resolve(Core& core, const Endpoint& endpoint, Purpose purpose, Instant deadline) {
  if (endpoint.host.empty() && purpose == Purpose::listen) {
    // The IPv6 wildcard takes IPv4 too; a machine without IPv6 takes the other.
    auto both = look_up(Endpoint{.host = "::", .port = endpoint.port}, AI_NUMERICHOST);
    auto four = look_up(Endpoint{.host = "0.0.0.0", .port = endpoint.port}, AI_NUMERICHOST);
    if (!both) return four;
    if (four) both->insert(both->end(), four->begin(), four->end());
    return both;
  }
  if (auto numeric = look_up(endpoint, AI_NUMERICHOST)) return numeric;
  auto found = core.offload.run_until(deadline, [endpoint] { return look_up(endpoint, 0); });
  if (!found) return std::unexpected{IoError::timed_out};
  return std::move(*found);
}

Endpoint endpoint_of(const SocketAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.family() == AF_INET) {
    sockaddr_in four{};
    std::memcpy(&four, &address.storage, sizeof four);
    inet_ntop(AF_INET, &four.sin_addr, text.data(), text.size());
    return Endpoint{.host = text.data(), .port = ntohs(four.sin_port)};
  }
  sockaddr_in6 six{};
  std::memcpy(&six, &address.storage, sizeof six);
  if (IN6_IS_ADDR_V4MAPPED(&six.sin6_addr)) {
    inet_ntop(AF_INET, &six.sin6_addr.s6_addr[12], text.data(), text.size());
  } else {
    inet_ntop(AF_INET6, &six.sin6_addr, text.data(), text.size());
  }
  return Endpoint{.host = text.data(), .port = ntohs(six.sin6_port)};
}

}  // namespace squall::runtime
