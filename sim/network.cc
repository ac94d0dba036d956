#include "sim/network.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "sim/node_world.h"
#include "sim/simulation.h"
#include "sim/socket.h"

namespace squall::sim {

using runtime::IoError;
using runtime::Result;

namespace {

// Connections share a NIC in turns of about this much.
constexpr std::uint64_t nic_turn_bytes = 64 * 1024;
// A NIC that is behind by less than this passes bytes on at once: its backlog still grows, but an event is saved.
constexpr Duration nic_slack = std::chrono::microseconds{2};
constexpr std::uint32_t connect_attempts_max = 7;

}  // namespace

Network::Network(Simulation& simulation, NetworkOptions options) : simulation_{simulation}, options_{options} {}

Network::~Network() = default;

Link& Network::link(const Node& from, const Node& to) {
  const std::size_t least = std::max(from.index(), to.index()) + std::size_t{1};
  if (links_.size() < least) links_.resize(least);
  auto& row = links_[from.index()];
  if (row.size() < least) row.resize(least);
  auto& link = row[to.index()];
  if (!link) {
    const Random stream = simulation_.fork_random(fmt::format("link {} -> {}", from.name(), to.name()));
    const NetworkProfile& left = from.options().profile.network;
    const NetworkProfile& right = to.options().profile.network;
    const bool loopback = &from == &to;
    link = std::make_unique<Link>(stream, loopback ? options_.loopback_latency : (left.latency + right.latency) / 2,
                                  loopback ? Duration{} : (left.jitter + right.jitter) / 2);
  }
  return *link;
}

std::size_t Network::open_streams() const {
  return static_cast<std::size_t>(std::ranges::count_if(streams_, [](const auto& stream) { return stream != nullptr; }));
}

// ---- listening and connecting ----

ListenerState* Network::listener_at(const Node& node, std::uint16_t port) const {
  for (const auto& listener : listeners_) {
    if (listener->port == port && &listener->world->node() == &node) return listener.get();
  }
  return nullptr;
}

Result<std::unique_ptr<runtime::Listener>> Network::listen(NodeWorld& world, const runtime::Endpoint& endpoint) {
  const Node& node = world.node();
  std::uint16_t port = endpoint.port;
  if (port == 0) {
    do {
      port = next_port_++;
      if (next_port_ < 32'768) next_port_ = 32'768;
    } while (listener_at(node, port) != nullptr);
  } else if (listener_at(node, port) != nullptr) {
    return std::unexpected{world.failed(Crossing::listen, IoError::address_in_use)};
  }
  listeners_.push_back(std::make_unique<ListenerState>(world, port, options_.listen_backlog));
  world.record(Crossing::listen, port, 0);
  const bool any = endpoint.host.empty() || endpoint.host == "0.0.0.0";
  return std::make_unique<SimListener>(*this, *listeners_.back(),
                                       runtime::Endpoint{.host = any ? node.host() : endpoint.host, .port = port});
}

void Network::forget(ListenerState& listener) {
  simulation_.scheduler().wake(listener.acceptor);
  for (Stream* stream : listener.backlog) {
    schedule_end(*stream, 1, PipeEnd::reset);
    stream->sides[1].gone = true;
    if (stream->sides[0].gone) release(*stream);
  }
  std::erase_if(listeners_, [&](const auto& each) { return each.get() == &listener; });
}

Node* Network::resolve(const NodeWorld& world, const runtime::Endpoint& endpoint) const {
  const std::string& host = endpoint.host;
  if (host.empty() || host == "localhost" || host == "127.0.0.1" || host == "0.0.0.0") return &world.node();
  for (std::size_t i = 0; i < simulation_.node_count(); ++i) {
    Node& node = simulation_.node(i);
    if (node.host() == host || node.name() == host) return &node;
  }
  return nullptr;
}

Stream& Network::open_stream(NodeWorld& client, Node& server, ListenerState& listener) {
  if (free_streams_.empty()) {
    free_streams_.push_back(static_cast<std::uint32_t>(streams_.size()));
    streams_.emplace_back();
  }
  const std::uint32_t slot = free_streams_.back();
  free_streams_.pop_back();
  streams_[slot] = std::make_unique<Stream>();
  Stream& stream = *streams_[slot];
  stream.serial = next_serial_++;
  stream.slot = slot;
  Node& node = client.node();
  stream.pipes[0].link = &link(node, server);
  stream.pipes[1].link = &link(server, node);
  stream.sides[0].node = &node;
  stream.sides[0].world = &client;
  stream.sides[0].local = {.host = node.host(), .port = static_cast<std::uint16_t>(32'768 + stream.serial % 28'000)};
  stream.sides[1].node = &server;
  stream.sides[1].world = listener.world;
  stream.sides[1].local = {.host = server.host(), .port = listener.port};
  listener.backlog.push_back(&stream);
  simulation_.scheduler().wake(listener.acceptor);
  return stream;
}

// One attempt of a connect that reached a machine which answers: connected, refused, or (value null) no answer.
Result<std::unique_ptr<runtime::Connection>> Network::knock(NodeWorld& world, Node& server, std::uint16_t port, Instant limit) {
  ListenerState* listener = listener_at(server, port);
  const Instant answered = simulation_.now() + link(server, world.node()).draw_latency();
  if (listener == nullptr) {
    world.wait_full(std::min(answered, limit));
    return std::unexpected{IoError::connection_refused};
  }
  if (listener->backlog.size() >= listener->limit) return nullptr;
  Stream& stream = open_stream(world, server, *listener);
  stream.pipes[1].last_arrival = answered;
  auto connection = std::make_unique<SimConnection>(*this, world, stream, 0);
  const std::uint64_t serial = stream.serial;
  world.wait_full(std::min(answered, limit));
  if (answered > limit) return std::unexpected{IoError::timed_out};
  if (stream.sides[0].reset) return std::unexpected{IoError::connection_reset};
  world.record(Crossing::connect, serial, 0);
  return connection;
}

Result<std::unique_ptr<runtime::Connection>> Network::connect(NodeWorld& world, const runtime::Endpoint& endpoint,
                                                              Instant deadline) {
  const auto fail = [&world](IoError error) { return std::unexpected{world.failed(Crossing::connect, error)}; };
  if (!world.handle_available()) return fail(IoError::too_many_open);
  Node* server = resolve(world, endpoint);
  if (server == nullptr) return fail(IoError::name_not_resolved);
  const Instant limit = world.node().clock().to_world(deadline);
  Link& out = link(world.node(), *server);
  Link& back = link(*server, world.node());
  Duration retry = options_.connect_retry_first;
  for (std::uint32_t attempt = 0; attempt < connect_attempts_max; ++attempt, retry *= 2) {
    const Instant next = simulation_.now() + retry;
    for (const Link* way : {&out, &back}) {
      if (way->partition != PartitionKind::refuse) continue;
      simulation_.hit(way->partition_fault);
      world.wait_full(std::min(simulation_.now() + out.latency, limit));
      return fail(IoError::connection_refused);
    }
    const bool lost = out.loss_per_million != 0 && out.random.chance(out.loss_per_million, 1'000'000);
    if (lost) simulation_.hit(out.loss_fault);
    if (out.blocked()) simulation_.hit(out.blocking_fault());
    if (!lost && !out.blocked()) {
      world.wait_full(std::min(simulation_.now() + out.draw_latency(), limit));
      if (simulation_.now() >= limit) return fail(IoError::timed_out);
      if (back.blocked()) simulation_.hit(back.blocking_fault());
      if (server->powered() && !back.blocked()) {
        auto connection = knock(world, *server, endpoint.port, limit);
        if (!connection) return fail(connection.error());
        if (*connection) return connection;
      }
    }
    world.wait_full(std::min(next, limit));
    if (simulation_.now() >= limit) return fail(IoError::timed_out);
  }
  return fail(IoError::timed_out);
}

// ---- sending ----

std::uint64_t Network::room(const Stream& stream, std::size_t side) const {
  const Pipe& pipe = stream.pipes[side];
  const std::uint64_t held = pipe.written + pipe.corked - pipe.acked;
  return held >= options_.socket_buffer_bytes ? 0 : options_.socket_buffer_bytes - held;
}

Duration Network::retransmission_delay(Link& link) {
  Duration delay = options_.retransmit_first;
  Duration step = delay;
  while (link.random.chance(link.loss_per_million, 1'000'000) && delay < options_.give_up_after) {
    step = std::min(step * 2, options_.retransmit_max);
    delay += step;
  }
  return delay;
}

void Network::sent(Stream& stream, std::size_t side, std::uint64_t count) {
  Pipe& pipe = stream.pipes[side];
  Link& link = *pipe.link;
  count += std::exchange(pipe.corked, 0);
  pipe.written += count;
  if (link.reset_per_million != 0 && link.random.chance(link.reset_per_million, 1'000'000)) {
    simulation_.hit(link.reset_fault);
    reset_both(stream);
    return;
  }
  const Instant ready = std::max(simulation_.now(), pipe.leaves_at);
  const bool loopback = stream.sides[0].node == stream.sides[1].node;
  Instant departed = loopback ? ready : stream.sides[side].node->nic_out().take(ready, count);
  if (link.bandwidth.rate() != 0) {
    departed = link.bandwidth.take(departed, count);
    simulation_.hit(link.bandwidth_fault);
  }
  if (stream.sides[side].node->nic_fault() != 0) simulation_.hit(stream.sides[side].node->nic_fault());
  Instant arrival = departed + link.draw_latency();
  if (link.latency_fault != 0) simulation_.hit(link.latency_fault);
  if (link.loss_per_million != 0 && link.random.chance(link.loss_per_million, 1'000'000)) {
    simulation_.hit(link.loss_fault);
    arrival += retransmission_delay(link);
  }
  arrival = std::max(arrival, pipe.last_arrival);
  pipe.last_arrival = arrival;
  if (!pipe.segments.empty() && pipe.segments.back().arrival == arrival) {
    pipe.segments.back().end = pipe.written;
  } else {
    pipe.segments.push_back({.end = pipe.written, .arrival = arrival});
  }
  if (pipe.held) return;
  if (link.blocked()) {
    hold(stream, side);
  } else {
    arm_next(stream, side);
  }
}

void Network::consumed(Stream& stream, std::size_t side, std::uint64_t count) {
  Pipe& pipe = stream.pipes[1 - side];
  pipe.read += count;
  const Link& back = *stream.pipes[side].link;
  if (back.blocked()) {
    simulation_.hit(back.blocking_fault());
  } else {
    acknowledge(stream, 1 - side);
  }
}

void Network::acknowledge(Stream& stream, std::size_t direction) {
  Pipe& pipe = stream.pipes[direction];
  pipe.acked = pipe.read;
  // A writer that waits is woken for a good piece of room, not for each byte.
  if (pipe.writer && room(stream, direction) >= options_.socket_buffer_bytes / 4) simulation_.scheduler().wake(pipe.writer);
}

void Network::shut_writing(Stream& stream, std::size_t side) {
  if (stream.pipes[side].corked > 0) sent(stream, side, 0);
  stream.sides[side].write_shut = true;
  simulation_.scheduler().wake(stream.pipes[side].writer);
  schedule_end(stream, side, PipeEnd::finished);
}

// The end travels behind the bytes that were sent before it.
void Network::schedule_end(Stream& stream, std::size_t side, PipeEnd end) {
  Pipe& pipe = stream.pipes[side];
  if (pipe.end == PipeEnd::reset || stream.sides[1 - side].gone) return;
  pipe.end = end;
  pipe.last_arrival = pipe.end_arrival = std::max(simulation_.now() + pipe.link->draw_latency(), pipe.last_arrival);
  if (pipe.held) return;
  if (pipe.link->blocked()) {
    hold(stream, side);
  } else {
    arm_next(stream, side);
  }
}

void Network::close_side(Stream& stream, std::size_t side) {
  const bool unread = stream.pipes[1 - side].unread() > 0;
  stream.sides[side].handle = nullptr;
  if (stream.sides[1 - side].gone) {
    release(stream);
    return;
  }
  if (!stream.sides[side].reset) {
    if (unread) {
      schedule_end(stream, side, PipeEnd::reset);
    } else if (!stream.sides[side].write_shut) {
      shut_writing(stream, side);
    }
  }
  stream.sides[side].gone = true;
}

void Network::release(Stream& stream) {
  const std::uint32_t slot = stream.slot;
  streams_[slot].reset();
  free_streams_.push_back(slot);
}

// ---- arriving ----

Stream* Network::find(const Event& event) const {
  Stream* stream = streams_[event.a / 2].get();
  return stream != nullptr && stream->serial == event.b ? stream : nullptr;
}

void Network::arm(Stream& stream, std::size_t direction, Instant at) {
  Pipe& pipe = stream.pipes[direction];
  at = std::max(at, simulation_.now());
  if (at >= pipe.armed_at) return;
  pipe.armed_at = at;
  simulation_.scheduler().push(at, EventKind::pipe_arrival, stream.slot * std::uint64_t{2} + direction, stream.serial);
}

void Network::arm_next(Stream& stream, std::size_t direction) {
  const Pipe& pipe = stream.pipes[direction];
  if (pipe.staged > pipe.delivered) {
    arm(stream, direction, pipe.staged_until);
  } else if (!pipe.segments.empty()) {
    arm(stream, direction, pipe.segments.front().arrival);
  } else if (pipe.end != pipe.seen) {
    arm(stream, direction, pipe.end_arrival);
  }
}

void Network::on_arrival(const Event& event) {
  Stream* stream = find(event);
  const std::size_t direction = event.a % 2;
  if (stream == nullptr || stream->pipes[direction].armed_at != simulation_.now()) return;
  stream->pipes[direction].armed_at = end_of_time;
  if (!stream->pipes[direction].held) deliver(*stream, direction);
}

void Network::hold(Stream& stream, std::size_t direction) {
  Pipe& pipe = stream.pipes[direction];
  pipe.held = true;
  pipe.held_since = simulation_.now();
  if (pipe.link->blocked()) simulation_.hit(pipe.link->blocking_fault());
  simulation_.scheduler().push(simulation_.now() + options_.give_up_after, EventKind::pipe_give_up,
                               stream.slot * std::uint64_t{2} + direction, stream.serial);
}

void Network::on_give_up(const Event& event) {
  Stream* stream = find(event);
  if (stream == nullptr) return;
  const std::size_t direction = event.a % 2;
  const Pipe& pipe = stream->pipes[direction];
  if (pipe.held && pipe.held_since + options_.give_up_after == simulation_.now()) reset_side(*stream, direction);
}

void Network::deliver(Stream& stream, std::size_t direction) {
  Pipe& pipe = stream.pipes[direction];
  StreamSide& receiver = stream.sides[1 - direction];
  const Instant now = simulation_.now();
  if (pipe.link->blocked() || !receiver.node->powered()) {
    hold(stream, direction);
    return;
  }
  if (pipe.staged == pipe.delivered) {
    const std::uint64_t turn_end = pipe.delivered + nic_turn_bytes;
    while (!pipe.segments.empty() && pipe.segments.front().arrival <= now && pipe.staged < turn_end) {
      pipe.staged = pipe.segments.front().end;
      pipe.segments.pop_front();
    }
    const std::uint64_t count = pipe.staged - pipe.delivered;
    const bool loopback = stream.sides[0].node == stream.sides[1].node;
    pipe.staged_until = count == 0 || loopback ? now : receiver.node->nic_in().take(now, count);
    if (pipe.staged_until <= now + nic_slack) pipe.staged_until = now;
  }
  if (pipe.staged_until > now) {
    arm(stream, direction, pipe.staged_until);
    return;
  }
  const std::uint64_t count = pipe.staged - pipe.delivered;
  pipe.delivered = pipe.staged;
  bytes_delivered_ += count;
  if (receiver.gone) {  // nobody reads here any more: the kernel answers
    if (count > 0) schedule_end(stream, 1 - direction, PipeEnd::reset);
    pipe.bytes.clear();
    pipe.segments.clear();
    pipe.written = pipe.staged = pipe.delivered;
    pipe.corked = 0;
    return;
  }
  if (count > 0) simulation_.scheduler().wake(pipe.reader);
  deliver_end(stream, direction);
  arm_next(stream, direction);
}

void Network::deliver_end(Stream& stream, std::size_t direction) {
  Pipe& pipe = stream.pipes[direction];
  if (pipe.end == pipe.seen || !pipe.segments.empty() || pipe.staged != pipe.delivered) return;
  if (pipe.end_arrival > simulation_.now()) return;
  pipe.seen = pipe.end;
  if (pipe.seen == PipeEnd::reset) {
    reset_side(stream, 1 - direction);
  } else {
    simulation_.scheduler().wake(pipe.reader);
  }
}

// What was delivered can still be read; what the side has sent and is still under way is lost.
void Network::reset_side(Stream& stream, std::size_t side) {
  StreamSide& own = stream.sides[side];
  if (own.gone) return;
  own.reset = true;
  Pipe& out = stream.pipes[side];
  out.segments.clear();
  out.staged = out.delivered;
  simulation_.scheduler().wake(stream.pipes[1 - side].reader);
  simulation_.scheduler().wake(out.writer);
}

void Network::reset_both(Stream& stream) {
  for (std::size_t side = 0; side < 2; ++side) reset_side(stream, side);
}

}  // namespace squall::sim
