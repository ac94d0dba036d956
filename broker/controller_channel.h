// Requests of this node to the active controller, wherever it is: by a call if it is this node, else over one connection that
// is kept, to the leader of the quorum.
//
// Who was asked may have lost the leadership, or may be dead: then, after a short back-off or as soon as another leads, whoever
// leads is asked, until the deadline. So a request may be decided on twice; those that go this way bear it (they name an
// incarnation, an epoch, or what is to exist).
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "client/connection.h"
#include "protocol/error_code.h"
#include "raft/shell/controller_node.h"
#include "raft/shell/quorum_node.h"
#include "runtime/world.h"

namespace squall::broker {

// In whose name a request is forwarded (KIP-590).
struct Principal {
  std::string type = "User";
  std::string name = "ANONYMOUS";
  bool token_authenticated = false;
};
// As it stands in an Envelope: DefaultPrincipalData behind its version.
[[nodiscard]] ByteBuffer encode_principal(const Principal& principal);

// The error: NOT_CONTROLLER or REQUEST_TIMED_OUT, the deadline came first; UNSUPPORTED_VERSION, the controller has no version
// of the request; others are the controller's, for a request that it could not decide on at all.
template <class T>
using ControllerResult = std::expected<T, protocol::ErrorCode>;

struct ControllerChannelOptions {
  client::ConnectionOptions connection;
  Duration connect_timeout = std::chrono::seconds{2};  // a leader that is gone is soon another
  Duration retry_backoff = std::chrono::milliseconds{50};
  // Serves a request that was to be forwarded when this node is the active controller; null on nodes that are none. What goes
  // in and comes out begins with the header.
  std::function<ControllerResult<ByteBuffer>(ByteView request, const Principal& principal, ByteView client_address,
                                             Instant deadline)>
      serve;
};

class ControllerChannel {
 public:
  // `local` is null on a node that is no controller. All outlive the channel.
  ControllerChannel(runtime::World& world, raft::QuorumNode& quorum, raft::ControllerNode* local,
                    ControllerChannelOptions options);
  ~ControllerChannel();
  ControllerChannel(const ControllerChannel&) = delete;
  ControllerChannel& operator=(const ControllerChannel&) = delete;
  void start();
  // This node's own controller has become active, or another one leads: who backs off asks again at once. Never waits.
  void retry_now();
  // Closes the connection; who waits for an answer, and all who ask later, get NOT_CONTROLLER.
  void stop();

  // May wait.
  template <class Request>
  [[nodiscard]] ControllerResult<typename client::Api<Request>::Response> ask(const Request& request, Instant deadline);

  // May wait. `request` and the answer are frames without their size: a header and a body.
  [[nodiscard]] ControllerResult<ByteBuffer> forward(ByteView request, const Principal& principal, ByteView client_address,
                                                     Instant deadline);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace squall::broker
