// Reads the committed metadata log in order, for a state machine: the newest snapshot where the log begins too late, or where
// nothing was read yet, and batches of records from there on.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "raft/metadata/metadata_image.h"
#include "raft/shell/quorum_node.h"

namespace squall::raft {

class LogFollower {
 public:
  struct LoadedSnapshot {
    OffsetAndEpoch id;
    std::shared_ptr<const MetadataImage> image;
    std::int64_t last_timestamp_ms = 0;
  };
  // Nothing: all that can be read was.
  using Next = std::variant<std::monostate, LoadedSnapshot, std::vector<CommittedBatch>>;

  explicit LogFollower(QuorumNode& quorum) : quorum_{quorum} {}

  // May wait. The position moves behind what is returned. The error, one line for an operator, is final.
  [[nodiscard]] std::expected<Next, std::string> next();
  // All below was read.
  [[nodiscard]] Offset position() const { return position_; }
  // `position` is the end of a batch.
  void go_on_from(Offset position) { position_ = position; }

 private:
  [[nodiscard]] std::expected<Next, std::string> load(OffsetAndEpoch id);
  // Whether the quorum's log was replaced by a snapshot that is still to be put in place.
  [[nodiscard]] bool is_installing() const;

  QuorumNode& quorum_;
  Offset position_{0};
  bool began_ = false;
};

}  // namespace squall::raft
