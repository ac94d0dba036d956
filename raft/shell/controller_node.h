// The shell of the controller: decides on requests, logs what was decided through the quorum, and answers when it is committed.
//
// Deciding, proposing and replaying is one step without a wait, so operations need no lock: the order of the log is the order
// of the decisions. A node that does not lead follows the committed log and is ready to take over.
//
// Invariant: what the controller was told to be committed is below the high watermark of the epoch in which it is active.
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "raft/controller/controller.h"
#include "raft/shell/quorum_node.h"
#include "raft/shell/record_batches.h"

namespace squall::raft {

struct ControllerNodeOptions {
  ControllerSettings settings;
  Records bootstrap;                                   // what the first leader of an empty log writes; metadata.version first
  std::function<void(std::string reason)> on_failure;  // the log cannot be replayed; told once
  std::function<void()> on_active;                     // from now on it decides; once an epoch, must not wait
  BatchLimits limits;
};

// What the controller answers to a `Request`.
template <class Request>
using ControllerAnswer =
    decltype(std::declval<Controller&>().submit(std::declval<const Request&>(), std::declval<Instant>()).response);

class ControllerNode {
 public:
  // `schema` and `quorum` outlive it.
  ControllerNode(runtime::World& world, QuorumNode& quorum, const ConfigSchema& schema, ControllerNodeOptions options);
  ~ControllerNode();
  ControllerNode(const ControllerNode&) = delete;
  ControllerNode& operator=(const ControllerNode&) = delete;
  void start();
  void stop();  // may wait: ends its fibers; operations that wait are answered with NOT_CONTROLLER

  // Decides on requests: it leads, and knows all that was committed before.
  [[nodiscard]] bool is_active() const;
  // Everything that is committed, as the controller sees it; for requests that only read.
  [[nodiscard]] const Controller& core() const;

  // May wait: decides, logs, and returns when all that it saw is committed. NOT_CONTROLLER if this node does not lead, or
  // stopped leading before that; REQUEST_TIMED_OUT if the deadline came first: then it is not known what happened.
  // KAFKA_STORAGE_ERROR while the disk of the metadata log is full: nothing happens (heartbeats are still heard); what was
  // decided before it was found full is answered with REQUEST_TIMED_OUT, and happens once there is room.
  // POLICY_VIOLATION if the log cannot hold what was decided: then nothing did. `end_offset` (if given) is set to the offset
  // below which an image knows of the outcome.
  template <class Request>
  [[nodiscard]] std::expected<ControllerAnswer<Request>, ErrorCode> submit(const Request& request, Instant deadline,
                                                                           Offset* end_offset = nullptr);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace squall::raft
