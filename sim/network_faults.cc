// Faults of the network, and what crashes and power do to connections.
#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "sim/network.h"
#include "sim/node_world.h"
#include "sim/simulation.h"
#include "sim/socket.h"

namespace squall::sim {
namespace {

std::string target(const Node& from, const Node& to, Ways ways) {
  return fmt::format("{} {} {}", from.name(), ways == Ways::both ? "<->" : "->", to.name());
}

}  // namespace

template <class Change>
void Network::for_links(Node& from, Node& to, Ways ways, Change change) {
  change(link(from, to));
  if (ways == Ways::both && &from != &to) change(link(to, from));
}

// ---- blocking ----

FaultId Network::partition(Node& from, Node& to, PartitionKind kind, Ways ways) {
  const FaultId fault = simulation_.inject("partition", target(from, to, ways));
  for_links(from, to, ways, [&](Link& each) {
    ++each.partition_serial;
    set_partition(each, kind, fault);
  });
  return fault;
}

void Network::set_partition(Link& link, PartitionKind kind, FaultId fault) {
  const bool was_blocked = link.blocked();
  link.partition = kind;
  link.partition_fault = fault;
  if (kind == PartitionKind::refuse) reset_streams_on(link, fault);
  if (was_blocked && !link.blocked()) unblock(link);
}

FaultId Network::flap(Node& from, Node& to, Duration down, Duration up, Instant until, Ways ways) {
  SQUALL_ASSERT(down + up > Duration{}, "flapping takes time");
  const FaultId fault = simulation_.inject("flapping", target(from, to, ways));
  for_links(from, to, ways, [](Link& each) { ++each.partition_serial; });
  flap_step(from, to,
            {.down = down, .up = up, .until = until, .ways = ways, .fault = fault, .serial = link(from, to).partition_serial},
            true);
  return fault;
}

void Network::flap_step(Node& from, Node& to, const Flapping& flapping, bool down) {
  if (link(from, to).partition_serial != flapping.serial) return;  // healed, or replaced
  const bool over = simulation_.now() >= flapping.until;
  const PartitionKind kind = down && !over ? PartitionKind::black_hole : PartitionKind::none;
  for_links(from, to, flapping.ways, [&](Link& each) { set_partition(each, kind, flapping.fault); });
  if (over) return;
  const Instant next = std::min(simulation_.now() + (down ? flapping.down : flapping.up), flapping.until);
  simulation_.at(next, [this, &from, &to, flapping, down] { flap_step(from, to, flapping, !down); });
}

FaultId Network::clog(Node& from, Node& to, Duration duration, Ways ways) {
  const FaultId fault = simulation_.inject("clogging", target(from, to, ways));
  for_links(from, to, ways, [&](Link& each) {
    const std::uint64_t serial = ++each.clog_serial;
    set_clogged(each, true, fault);
    simulation_.after(duration, [this, &each, serial] {
      if (each.clog_serial == serial) set_clogged(each, false, 0);
    });
  });
  return fault;
}

void Network::set_clogged(Link& link, bool clogged, FaultId fault) {
  const bool was_blocked = link.blocked();
  link.clogged = clogged;
  link.clog_fault = fault;
  if (was_blocked && !link.blocked()) unblock(link, !clogged);
}

// The next retransmission after a silence of `held_for`.
Duration Network::until_retransmission(Duration held_for) const {
  Duration at = options_.retransmit_first;
  Duration step = at;
  while (at < held_for) {
    step = std::min(step * 2, options_.retransmit_max);
    at += step;
  }
  return at - held_for;
}

void Network::unblock(Link& link, bool at_once) {
  for (const auto& stream : streams_) {
    if (!stream) continue;
    for (std::size_t direction = 0; direction < 2; ++direction) {
      if (stream->pipes[direction].link != &link) continue;
      acknowledge(*stream, 1 - direction);  // word of what was read travels this way
      if (stream->pipes[direction].held) release_held(*stream, direction, at_once);
    }
  }
}

void Network::release_held(Stream& stream, std::size_t direction, bool at_once) {
  Pipe& pipe = stream.pipes[direction];
  pipe.held = false;
  const Duration wait = at_once ? Duration{} : until_retransmission(simulation_.now() - pipe.held_since);
  const Instant earliest = simulation_.now() + wait + pipe.link->draw_latency();
  for (Pipe::Segment& segment : pipe.segments) segment.arrival = std::max(segment.arrival, earliest);
  pipe.staged_until = std::max(pipe.staged_until, earliest);
  pipe.end_arrival = std::max(pipe.end_arrival, earliest);
  pipe.last_arrival = std::max(pipe.last_arrival, earliest);
  arm_next(stream, direction);
}

void Network::reset_streams_on(const Link& link, FaultId fault) {
  for (const auto& stream : streams_) {
    if (!stream || (stream->pipes[0].link != &link && stream->pipes[1].link != &link)) continue;
    simulation_.hit(fault);
    reset_both(*stream);
  }
}

FaultId Network::reset_connections(Node& from, Node& to) {
  const FaultId fault = simulation_.inject("reset", target(from, to, Ways::both));
  for_links(from, to, Ways::both, [&](Link& each) { reset_streams_on(each, fault); });
  return fault;
}

// ---- degrading ----

FaultId Network::set_loss(Node& from, Node& to, std::uint32_t per_million, Ways ways) {
  const FaultId fault = per_million == 0 ? 0 : simulation_.inject("loss", target(from, to, ways));
  for_links(from, to, ways, [&](Link& each) {
    each.loss_per_million = per_million;
    each.loss_fault = fault;
  });
  return fault;
}

FaultId Network::set_resets(Node& from, Node& to, std::uint32_t per_million, Ways ways) {
  const FaultId fault = per_million == 0 ? 0 : simulation_.inject("random-resets", target(from, to, ways));
  for_links(from, to, ways, [&](Link& each) {
    each.reset_per_million = per_million;
    each.reset_fault = fault;
  });
  return fault;
}

FaultId Network::set_latency(Node& from, Node& to, Duration latency, Duration jitter, Ways ways) {
  const FaultId fault = simulation_.inject("latency", target(from, to, ways));
  for_links(from, to, ways, [&](Link& each) {
    each.latency = latency;
    each.jitter = jitter;
    each.latency_fault = fault;
  });
  return fault;
}

FaultId Network::limit_bandwidth(Node& from, Node& to, std::uint64_t bytes_per_second, Ways ways) {
  const FaultId fault = bytes_per_second == 0 ? 0 : simulation_.inject("bandwidth-limit", target(from, to, ways));
  for_links(from, to, ways, [&](Link& each) {
    each.bandwidth.set_rate(bytes_per_second);
    each.bandwidth_fault = fault;
  });
  return fault;
}

FaultId Network::limit_nic(Node& node, std::uint64_t bytes_per_second) {
  const FaultId fault = bytes_per_second == 0 ? 0 : simulation_.inject("nic-limit", node.name());
  node.set_nic_rate(bytes_per_second == 0 ? node.options().profile.network.bytes_per_second : bytes_per_second, fault);
  return fault;
}

// ---- healing ----

void Network::heal(Node& from, Node& to, Ways ways) {
  for_links(from, to, ways, [&](Link& each) {
    ++each.partition_serial;
    ++each.clog_serial;
    set_clogged(each, false, 0);
    set_partition(each, PartitionKind::none, 0);
  });
}

void Network::heal_all() {
  for (std::size_t from = 0; from < simulation_.node_count(); ++from) {
    Node& source = simulation_.node(from);
    limit_nic(source, 0);
    for (std::size_t to = 0; to < simulation_.node_count(); ++to) {
      Node& sink = simulation_.node(to);
      heal(source, sink, Ways::one);
      set_loss(source, sink, 0, Ways::one);
      set_resets(source, sink, 0, Ways::one);
      limit_bandwidth(source, sink, 0, Ways::one);
      Link& each = link(source, sink);
      each.latency = each.usual_latency;
      each.jitter = each.usual_jitter;
      each.latency_fault = 0;
    }
  }
}

// ---- processes and machines ----

void Network::process_gone(NodeWorld& world, bool silently) {
  for (std::size_t slot = 0; slot < streams_.size(); ++slot) {
    for (std::size_t side = 0; side < 2 && streams_[slot]; ++side) {
      Stream& stream = *streams_[slot];
      StreamSide& own = stream.sides[side];
      if (own.world != &world || own.gone) continue;
      if (own.handle != nullptr) own.handle->detach();
      own.handle = nullptr;
      if (!silently) schedule_end(stream, side, PipeEnd::reset);
      own.gone = true;
      if (silently) {  // what had not left the machine never will
        stream.pipes[side].segments.clear();
        stream.pipes[side].staged = stream.pipes[side].delivered;
        stream.pipes[side].end = stream.pipes[side].seen;
      }
      if (stream.sides[1 - side].gone) release(stream);
    }
  }
  for (const auto& listener : listeners_) {
    if (listener->world == &world && listener->handle != nullptr) listener->handle->detach();
  }
  std::erase_if(listeners_, [&](const auto& listener) { return listener->world == &world; });
}

void Network::powered_on(Node& node) {
  for (const auto& stream : streams_) {
    if (!stream) continue;
    for (std::size_t side = 0; side < 2; ++side) {
      Pipe& incoming = stream->pipes[1 - side];
      if (stream->sides[side].node == &node && incoming.held && !incoming.link->blocked()) {
        release_held(*stream, 1 - side, false);
      }
    }
  }
}

}  // namespace squall::sim
