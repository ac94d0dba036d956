// One peer of the quorum: a connection to it, and one request at a time.
//
// A request that comes while an older one is under way means that the core has given the older one up: the connection is
// broken, for an answer could not be told from a late one, and nothing that is left of the older request is told. So that a
// peer that takes no connections holds nothing up, the fiber that waits for it is given up with it. That no connection could be
// made is told by `voter-unreachable`, at most once a minute.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "raft/quorum/effects.h"
#include "runtime/world.h"

namespace squall::raft {

struct PeerOptions {
  NodeId node = no_node;  // what an unreachable peer is told as; a bootstrap server is no node
  std::string client_id;
  std::string cluster_id;
  std::string listener;        // the name of the endpoints that its answers tell of
  Duration request_timeout{};  // a Fetch has as much more as it asks to wait for
  Duration fetch_wait_max{};
  std::size_t fetch_bytes_max = 0;
};

// What came of a request.
struct PeerReply {
  RequestId id{};
  std::optional<ResponseBody> body;  // nothing: the request failed
  // Of a Fetch the batches, of a FetchSnapshot the piece; `bytes` lies in `storage`, wherever that is moved.
  ByteBuffer storage;
  ByteView bytes;
};

class Peer {
 public:
  // `on_reply` is called from a fiber of the peer's, once for each request that was not given up; it does not wait.
  Peer(runtime::World& world, PeerOptions options, std::function<void(PeerReply)> on_reply);
  ~Peer();  // as `stop`
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  // Never waits. The endpoint may be another than last time.
  void send(OutboundRequest request, const runtime::Endpoint& endpoint);
  // Never waits. Nothing is told any more.
  void stop();
  // May wait until its fibers have ended; after `stop`.
  void wait();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace squall::raft
