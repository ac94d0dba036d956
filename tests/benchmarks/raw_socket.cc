#include "tests/benchmarks/raw_socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace squall::benchmarks {
namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void without_delay(int descriptor) {
  const int on = 1;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace

void give_up(const char* what) {
  std::perror(what);
  std::exit(1);
}

RawSocket::~RawSocket() {
  if (descriptor_ >= 0) close(descriptor_);
}

RawSocket::RawSocket(RawSocket&& other) noexcept : descriptor_{std::exchange(other.descriptor_, -1)} {}

RawSocket RawSocket::connect_to(std::uint16_t port) {
  const sockaddr_in address = loopback(port);
  for (int attempt = 0; attempt < 20'000; ++attempt) {
    const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) give_up("socket");
    without_delay(descriptor);
    if (connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return RawSocket{descriptor};
    close(descriptor);
    usleep(500);  // allowed: until a program that was just started listens
  }
  give_up("connect");
}

void RawSocket::send_all(ByteView bytes) {
  while (!bytes.empty()) {
    const auto count = send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) give_up("send");
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

bool RawSocket::receive_all(MutableBytes into) {
  bool begun = false;
  while (!into.empty()) {
    const auto count = recv(descriptor_, into.data(), into.size(), 0);
    if (count == 0 && !begun) return false;
    if (count <= 0) give_up("recv");
    begun = true;
    into = into.subspan(static_cast<std::size_t>(count));
  }
  return true;
}

bool RawSocket::receive_frame(ByteBuffer& into) {
  std::array<std::uint8_t, 4> prefix{};
  if (!receive_all(prefix)) return false;
  into.resize(static_cast<std::size_t>(load_be<std::int32_t>(prefix.data())));
  if (!receive_all(into)) give_up("recv of a frame's body");
  return true;
}

RawListener::RawListener() : descriptor_{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
  sockaddr_in address = loopback(0);
  socklen_t length = sizeof address;
  if (bind(descriptor_, reinterpret_cast<const sockaddr*>(&address), length) != 0 || listen(descriptor_, 16) != 0)
    give_up("listen");
  getsockname(descriptor_, reinterpret_cast<sockaddr*>(&address), &length);
  port_ = ntohs(address.sin_port);
}

RawListener::~RawListener() { close(descriptor_); }

RawSocket RawListener::accept() {
  const int descriptor = accept4(descriptor_, nullptr, nullptr, SOCK_CLOEXEC);
  if (descriptor < 0) give_up("accept");
  without_delay(descriptor);
  return RawSocket{descriptor};
}

std::uint16_t free_port() { return RawListener{}.port(); }

}  // namespace squall::benchmarks
