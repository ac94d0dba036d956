// Which requests are under way: one a peer at most, each with its time-out, and a back-off after a failure.
//
// A response is believed only if it is the one that is waited for: whatever was asked before a change of role or epoch is
// forgotten by `forget_all`, so a late reply finds nobody.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "base/time.h"
#include "raft/quorum/types.h"

namespace squall::raft {

class Requests {
 public:
  struct Peer {
    NodeId id;
    RequestId in_flight = no_request;
    std::size_t kind = 0;           // index of the request in RequestBody
    Instant sent = Instant::min();  // the newest request
    Instant deadline{};             // of the request in flight, or the end of the back-off
  };

  // Whether a request to the peer may leave at `now`, and from when on it may.
  [[nodiscard]] bool ready(NodeId peer, Instant now) const;
  [[nodiscard]] Instant ready_at(NodeId peer) const;
  [[nodiscard]] bool any_in_flight() const;
  [[nodiscard]] bool in_flight(RequestId id) const;
  RequestId start(NodeId peer, std::size_t kind, Instant now, Instant deadline);
  // When the newest request to the peer was sent; Instant::min(): none was.
  [[nodiscard]] Instant sent(NodeId peer) const;
  // The response is here: whom it is from; nullopt if nobody waits for it, or for another kind.
  std::optional<NodeId> finish(RequestId id, std::size_t kind);
  // No use in asking `peer` again before `until`.
  void back_off(NodeId peer, Instant until);
  // The request failed; false if nobody waits for it.
  bool fail(RequestId id, Instant until);
  // Requests past their deadline have failed.
  void expire(Instant now, Duration back_off);
  void forget_all() { peers_.clear(); }
  // When the next request in flight times out.
  [[nodiscard]] Instant next_timeout() const;
  [[nodiscard]] const std::vector<Peer>& peers() const { return peers_; }

 private:
  Peer* find(NodeId id);
  [[nodiscard]] const Peer* find(NodeId id) const;

  std::vector<Peer> peers_;
  RequestId last_ = no_request;
};

}  // namespace squall::raft
