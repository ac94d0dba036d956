// Blocking loopback sockets for the load side of the benchmarks. Any failure ends the benchmark with a message.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace squall::benchmarks {

class RawSocket {
 public:
  explicit RawSocket(int descriptor) : descriptor_{descriptor} {}
  ~RawSocket();
  RawSocket(RawSocket&& other) noexcept;
  RawSocket& operator=(RawSocket&&) = delete;

  // To 127.0.0.1:`port`; tries again for up to ten seconds while nobody listens.
  static RawSocket connect_to(std::uint16_t port);

  void send_all(ByteView bytes);
  // False if the peer closed before the first byte.
  bool receive_all(MutableBytes into);
  // One size-prefixed frame, without its prefix; reuses `into`.
  bool receive_frame(ByteBuffer& into);
  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

// A listening socket on a free loopback port.
class RawListener {
 public:
  RawListener();
  ~RawListener();
  RawListener(const RawListener&) = delete;
  RawListener& operator=(const RawListener&) = delete;
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] RawSocket accept();

 private:
  int descriptor_;
  std::uint16_t port_;
};

// A port that was free a moment ago.
[[nodiscard]] std::uint16_t free_port();

[[noreturn]] void give_up(const char* what);

}  // namespace squall::benchmarks
