// Handles of one process on the network.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>

#include "runtime/io.h"
#include "sim/network.h"
#include "sim/node_world.h"
#include "sim/stream.h"

namespace squall::sim {

class SimListener;

// Where connections queue until they are accepted.
class ListenerState {
 public:
  ListenerState(NodeWorld& owner, std::uint16_t listening, std::size_t backlog_limit)
      : world{&owner}, port{listening}, limit{backlog_limit} {}
  NodeWorld* world;
  std::uint16_t port;
  std::size_t limit;
  SimListener* handle = nullptr;
  std::deque<Stream*> backlog;
  Waiter acceptor;
};

class SimListener final : public runtime::Listener {
 public:
  SimListener(Network& network, ListenerState& state, runtime::Endpoint local);
  ~SimListener() override;

  runtime::Result<std::unique_ptr<runtime::Connection>> accept() override;
  void close() override;
  [[nodiscard]] runtime::Endpoint local() const override { return local_; }

  void detach() { state_ = nullptr; }

 private:
  Network& network_;
  NodeWorld& world_;
  ListenerState* state_;  // null once closed, or once the process is gone
  runtime::Endpoint local_;
};

class SimConnection final : public runtime::Connection {
 public:
  // Takes the side over from the network.
  SimConnection(Network& network, NodeWorld& world, Stream& stream, std::size_t side);
  ~SimConnection() override;

  runtime::Result<std::size_t> read(MutableBytes into) override;
  runtime::Result<std::size_t> writev(std::span<const ByteView> from, runtime::More more) override;
  runtime::Result<std::size_t> send_file(runtime::File& file, std::uint64_t at, std::uint64_t length,
                                         runtime::More more) override;
  void set_deadline(Instant deadline) override;
  runtime::Result<void> shutdown(runtime::ShutdownSide side) override;
  void close() override;
  [[nodiscard]] runtime::Endpoint peer() const override { return peer_; }

  void detach() { stream_ = nullptr; }

 private:
  // Waits until the side may write; how much.
  runtime::Result<std::uint64_t> wait_for_room();
  // Waits until there is something to read: bytes, or 0 at the end of the stream.
  runtime::Result<std::uint64_t> wait_for_bytes();
  [[nodiscard]] bool deadline_passed() const;
  void sent(std::uint64_t count, runtime::More more);
  [[nodiscard]] Pipe& outgoing() { return stream_->pipes[side_]; }
  [[nodiscard]] Pipe& incoming() { return stream_->pipes[1 - side_]; }
  [[nodiscard]] StreamSide& own() { return stream_->sides[side_]; }

  Network& network_;
  NodeWorld& world_;
  Stream* stream_;  // null once closed, or once the process is gone
  std::size_t side_;
  std::uint64_t serial_;
  runtime::Endpoint peer_;
  Instant deadline_ = end_of_time;  // on the node's clock
};

}  // namespace squall::sim
