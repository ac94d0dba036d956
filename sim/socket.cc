#include "sim/socket.h"

#include <algorithm>
#include <array>
#include <utility>

#include "sim/file.h"
#include "sim/node_world.h"

namespace squall::sim {

using runtime::IoError;
using runtime::Result;

// ---- listener ----

SimListener::SimListener(Network& network, ListenerState& state, runtime::Endpoint local)
    : network_{network}, world_{*state.world}, state_{&state}, local_{std::move(local)} {
  state.handle = this;
  ++world_.open_listeners;
}

SimListener::~SimListener() {
  close();
  --world_.open_listeners;
}

Result<std::unique_ptr<runtime::Connection>> SimListener::accept() {
  if (world_.refuse()) return std::unexpected{IoError::closed};
  while (state_ != nullptr && state_->backlog.empty()) {
    state_->acceptor = world_.scheduler().next_wait();
    world_.wait(end_of_time);
  }
  if (state_ == nullptr) return std::unexpected{IoError::closed};
  if (!world_.handle_available()) return std::unexpected{world_.failed(Crossing::accept, IoError::too_many_open)};
  Stream& stream = *state_->backlog.front();
  state_->backlog.pop_front();
  world_.record(Crossing::accept, stream.serial, 0);
  return std::make_unique<SimConnection>(network_, world_, stream, 1);
}

void SimListener::close() {
  if (state_ != nullptr) network_.forget(*std::exchange(state_, nullptr));
}

// ---- connection ----

SimConnection::SimConnection(Network& network, NodeWorld& world, Stream& stream, std::size_t side)
    : network_{network},
      world_{world},
      stream_{&stream},
      side_{side},
      serial_{stream.serial},
      peer_{stream.sides[1 - side].local} {
  stream.sides[side].handle = this;
  ++world_.open_connections;
}

SimConnection::~SimConnection() {
  close();
  --world_.open_connections;
}

bool SimConnection::deadline_passed() const { return deadline_ != end_of_time && world_.now() >= deadline_; }

Result<std::uint64_t> SimConnection::wait_for_bytes() {
  while (true) {
    if (stream_ == nullptr) return std::unexpected{IoError::closed};
    if (own().read_shut) return 0;
    if (incoming().unread() > 0) {
      if (!world_.is_busy()) return incoming().unread();
      world_.settle();
      continue;
    }
    if (own().reset) return std::unexpected{IoError::connection_reset};
    if (incoming().seen == PipeEnd::finished) return 0;
    if (deadline_passed()) return std::unexpected{IoError::timed_out};
    incoming().reader = world_.scheduler().next_wait();
    world_.wait(world_.node().clock().to_world(deadline_));
  }
}

Result<std::size_t> SimConnection::read(MutableBytes into) {
  if (world_.refuse()) return std::unexpected{IoError::closed};
  if (into.empty()) return 0;
  const auto available = wait_for_bytes();
  if (!available) return std::unexpected{world_.failed(Crossing::net_read, available.error())};
  std::size_t count = std::min<std::size_t>(into.size(), *available);
  if (count > 1 && world_.draw_short()) count = 1 + world_.io_random().below(count);
  const MutableBytes taken = into.first(count);
  if (count > 0) {
    incoming().bytes.pop(taken);
    network_.consumed(*stream_, side_, count);
  }
  world_.record(Crossing::net_read, serial_, count, digest_of(taken));
  return count;
}

Result<std::uint64_t> SimConnection::wait_for_room() {
  while (true) {
    if (stream_ == nullptr || own().write_shut) return std::unexpected{IoError::closed};
    if (own().reset) return std::unexpected{IoError::connection_reset};
    if (const std::uint64_t room = network_.room(*stream_, side_); room > 0) return room;
    if (deadline_passed()) return std::unexpected{IoError::timed_out};
    if (outgoing().corked > 0) network_.sent(*stream_, side_, 0);  // or the reader would never make room
    if (stream_ == nullptr || own().reset) continue;
    outgoing().writer = world_.scheduler().next_wait();
    world_.wait(world_.node().clock().to_world(deadline_));
  }
}

Result<std::size_t> SimConnection::writev(std::span<const ByteView> from, runtime::More more) {
  if (world_.refuse()) return std::unexpected{IoError::closed};
  std::size_t total = 0;
  for (const ByteView view : from) total += view.size();
  if (total == 0) return 0;
  const auto room = wait_for_room();
  if (!room) return std::unexpected{world_.failed(Crossing::net_write, room.error())};
  std::size_t count = std::min<std::size_t>(total, *room);
  if (count > 1 && world_.draw_short()) count = 1 + world_.io_random().below(count);
  std::uint64_t digest = count;
  std::size_t left = count;
  for (const ByteView view : from) {
    const ByteView part = view.first(std::min(view.size(), left));
    if (part.empty()) continue;
    outgoing().bytes.push(part);
    digest = combine(digest, digest_of(part));
    left -= part.size();
  }
  world_.record(Crossing::net_write, serial_, count, digest);
  sent(count, more);
  return count;
}

void SimConnection::sent(std::uint64_t count, runtime::More more) {
  outgoing().leaves_at = world_.work_off();
  if (more == runtime::More::yes) {
    outgoing().corked += count;
  } else {
    network_.sent(*stream_, side_, count);
  }
}

Result<std::size_t> SimConnection::send_file(runtime::File& file, std::uint64_t at, std::uint64_t length, runtime::More more) {
  if (world_.refuse()) return std::unexpected{IoError::closed};
  auto& source = static_cast<SimFile&>(file);  // a world's files are all its own
  const auto room = wait_for_room();
  if (!room) return std::unexpected{world_.failed(Crossing::send_file, room.error())};
  const FileImage& image = source.inode().image;
  if (at >= image.size() || length == 0) return 0;
  std::uint64_t count = std::min({length, image.size() - at, *room});
  if (count > 1 && world_.draw_short()) count = 1 + world_.io_random().below(count);
  const auto loaded = source.disk().load(world_, source.inode(), source.path(), at, count);
  if (!loaded) return std::unexpected{world_.failed(Crossing::send_file, loaded.error())};
  const auto room_now = wait_for_room();  // the load may have waited
  if (!room_now) return std::unexpected{world_.failed(Crossing::send_file, room_now.error())};
  count = at >= image.size() ? 0 : std::min({count, image.size() - at, *room_now});
  if (count == 0) return 0;
  std::array<std::uint8_t, 16 * 1024> piece;
  std::uint64_t digest = count;
  for (std::uint64_t done = 0; done < count;) {
    const auto part = MutableBytes{piece}.first(static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), count - done)));
    image.read(part, at + done);
    outgoing().bytes.push(part);
    digest = combine(digest, digest_of(part));
    done += part.size();
  }
  world_.record(Crossing::send_file, serial_, count, digest);
  sent(count, more);
  return static_cast<std::size_t>(count);
}

void SimConnection::set_deadline(Instant deadline) {
  deadline_ = deadline;
  if (stream_ == nullptr) return;
  world_.scheduler().wake(incoming().reader);  // they wait for the old one
  world_.scheduler().wake(outgoing().writer);
}

Result<void> SimConnection::shutdown(runtime::ShutdownSide side) {
  if (world_.refuse() || stream_ == nullptr) return std::unexpected{IoError::closed};
  world_.record(Crossing::shutdown, serial_, static_cast<std::uint64_t>(side));
  if (side != runtime::ShutdownSide::write) {
    own().read_shut = true;
    world_.scheduler().wake(incoming().reader);
  }
  if (side != runtime::ShutdownSide::read && !own().write_shut) network_.shut_writing(*stream_, side_);
  return {};
}

void SimConnection::close() {
  if (stream_ == nullptr) return;
  world_.record(Crossing::close, serial_, 0);
  world_.scheduler().wake(incoming().reader);
  world_.scheduler().wake(outgoing().writer);
  network_.close_side(*std::exchange(stream_, nullptr), side_);
}

}  // namespace squall::sim
