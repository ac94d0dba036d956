// What the active controller remembers of brokers between their heartbeats. Soft: lost with the leadership, made anew with it.
//
// A broker's session lasts `session_timeout` from its last heartbeat, or from the controller's election: whoever was unfenced
// under the old controller gets a full session under the new one. It ends when the broker is allowed to stop. The broker that
// this node was in an earlier process has none left: the process of the controller is its own.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "base/time.h"
#include "base/types.h"
#include "raft/metadata/metadata_image.h"

namespace squall::raft {

class Sessions {
 public:
  explicit Sessions(Duration timeout) : timeout_{timeout} {}

  // `gone` is unfenced in the image, and known not to live.
  void begin(const MetadataImage& image, Instant now, NodeId gone = no_node);
  void clear() { sessions_.clear(); }
  // A heartbeat or a registration. `metadata_offset` is that of the last record that the broker has replayed.
  void touch(NodeId broker, std::int64_t epoch, Instant now, Offset metadata_offset);
  // The broker is gone, or may go.
  void forget(NodeId broker) { sessions_.erase(broker); }
  // The broker may stop once all active brokers have replayed the record at `offset`.
  void shuts_down(NodeId broker, Offset offset);

  [[nodiscard]] bool is_valid(NodeId broker, std::int64_t epoch, Instant now) const;
  [[nodiscard]] std::optional<Offset> shutdown_offset(NodeId broker) const;
  // The last record that all active brokers have replayed; nothing if there are no active brokers.
  [[nodiscard]] std::optional<Offset> lowest_active_offset(const MetadataImage& image) const;
  // The unfenced broker that was silent for longest, if that is too long.
  [[nodiscard]] std::optional<NodeId> stale(const MetadataImage& image, Instant now) const;
  [[nodiscard]] Duration timeout() const { return timeout_; }

 private:
  struct Session {
    std::int64_t epoch = -1;
    Instant last_contact{};
    Offset metadata_offset = no_offset;
    std::optional<Offset> shutdown_offset;
  };

  Duration timeout_;
  std::map<NodeId, Session> sessions_;
};

}  // namespace squall::raft
