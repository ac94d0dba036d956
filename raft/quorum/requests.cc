#include "raft/quorum/requests.h"

#include <algorithm>

#include "base/assert.h"

namespace squall::raft {

Requests::Peer* Requests::find(NodeId id) {
  const auto found = std::ranges::find(peers_, id, &Peer::id);
  return found == peers_.end() ? nullptr : &*found;
}

const Requests::Peer* Requests::find(NodeId id) const {
  const auto found = std::ranges::find(peers_, id, &Peer::id);
  return found == peers_.end() ? nullptr : &*found;
}

bool Requests::ready(NodeId peer, Instant now) const {
  const Peer* known = find(peer);
  return known == nullptr || (known->in_flight == no_request && known->deadline <= now);
}

Instant Requests::ready_at(NodeId peer) const {
  const Peer* known = find(peer);
  return known == nullptr ? Instant::min() : known->deadline;
}

Instant Requests::sent(NodeId peer) const {
  const Peer* known = find(peer);
  return known == nullptr ? Instant::min() : known->sent;
}

bool Requests::any_in_flight() const {
  return std::ranges::any_of(peers_, [](const Peer& peer) { return peer.in_flight != no_request; });
}

bool Requests::in_flight(RequestId id) const {
  return std::ranges::any_of(peers_, [&](const Peer& peer) { return peer.in_flight == id; });
}

RequestId Requests::start(NodeId peer, std::size_t kind, Instant now, Instant deadline) {
  Peer* known = find(peer);
  if (known == nullptr) known = &peers_.emplace_back(Peer{.id = peer});
  SQUALL_ASSERT(known->in_flight == no_request, "one request at a time to a peer");
  ++last_;
  known->in_flight = last_;
  known->kind = kind;
  known->sent = now;
  known->deadline = deadline;
  return last_;
}

std::optional<NodeId> Requests::finish(RequestId id, std::size_t kind) {
  if (id == no_request) return std::nullopt;
  const auto found = std::ranges::find(peers_, id, &Peer::in_flight);
  if (found == peers_.end() || found->kind != kind) return std::nullopt;
  found->in_flight = no_request;
  found->deadline = Instant::min();
  return found->id;
}

void Requests::back_off(NodeId peer, Instant until) {
  Peer* known = find(peer);
  if (known == nullptr) known = &peers_.emplace_back(Peer{.id = peer});
  if (known->in_flight == no_request) known->deadline = until;
}

bool Requests::fail(RequestId id, Instant until) {
  if (id == no_request) return false;
  const auto found = std::ranges::find(peers_, id, &Peer::in_flight);
  if (found == peers_.end()) return false;
  found->in_flight = no_request;
  found->deadline = until;
  return true;
}

void Requests::expire(Instant now, Duration back_off) {
  for (Peer& peer : peers_) {
    if (peer.in_flight == no_request || peer.deadline > now) continue;
    peer.in_flight = no_request;
    peer.deadline = now + back_off;
  }
}

Instant Requests::next_timeout() const {
  Instant next = end_of_time;
  for (const Peer& peer : peers_) {
    if (peer.in_flight != no_request) next = std::min(next, peer.deadline);
  }
  return next;
}

}  // namespace squall::raft
