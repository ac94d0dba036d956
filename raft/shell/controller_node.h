// The shell of the controller: decides on requests, logs what was decided through the quorum, and answers when it is committed.
//
// Deciding, proposing and replaying is one step without a wait, so operations need no lock: the order of the log is the order
// of the decisions. A node that does not lead follows the committed log and is ready to take over.
#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string>

#include "raft/controller/controller.h"
#include "raft/shell/quorum_node.h"

namespace squall::raft {

struct ControllerNodeOptions {
  ControllerSettings settings;
  Records bootstrap;  // what the first leader of an empty log writes; metadata.version first
  std::function<void(std::string reason)> on_failure;  // the log cannot be replayed
};

class ControllerNode {
 public:
  // `schema` and `quorum` outlive it.
  ControllerNode(runtime::World& world, QuorumNode& quorum, const ConfigSchema& schema, ControllerNodeOptions options);
  ~ControllerNode();
  void start();
  void stop();  // may wait: ends its fiber; operations that wait are answered with NOT_CONTROLLER

  [[nodiscard]] bool is_active() const;
  // Everything that is committed, as the controller sees it; for requests that only read.
  [[nodiscard]] const Controller& core() const;

  // May wait: decides, logs, and returns when all that it saw is committed. NOT_CONTROLLER if this node does not lead, or
  // stopped leading before that; REQUEST_TIMED_OUT if the deadline came first: then it is not known what happened.
  // `end_offset` (if given) is set to the offset below which an image knows of the outcome.
  template <class Request>
  [[nodiscard]] auto submit(const Request& request, Instant deadline, Offset* end_offset = nullptr)
      -> std::expected<typename protocol::Api<Request>::Response, ErrorCode>;

 private:
  struct State;
  template <class Answer>
  std::expected<Answer, ErrorCode> settle(Decision<Answer> decision, Instant deadline, Offset* end_offset);
  std::shared_ptr<State> state_;
};

}  // namespace squall::raft
