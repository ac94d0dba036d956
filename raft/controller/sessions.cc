#include "raft/controller/sessions.h"

#include <algorithm>

namespace squall::raft {

void Sessions::begin(const MetadataImage& image, Instant now, NodeId gone) {
  sessions_.clear();
  for (const auto& [id, broker] : image.brokers) {
    // It may have stopped: until it is heard of, another incarnation may take its place.
    if (broker.fenced) continue;
    Session& session = sessions_[id];
    session.epoch = broker.epoch;
    session.last_contact = id == gone ? now - timeout_ : now;
    // When its leaderships moved is forgotten: before now at the latest.
    if (broker.in_controlled_shutdown) session.shutdown_offset = image.end_offset - 1;
  }
}

void Sessions::touch(NodeId broker, std::int64_t epoch, Instant now, Offset metadata_offset) {
  Session& session = sessions_[broker];
  if (session.epoch != epoch) session = Session{};
  session.epoch = epoch;
  session.last_contact = now;
  session.metadata_offset = std::max(session.metadata_offset, metadata_offset);
}

void Sessions::shuts_down(NodeId broker, Offset offset) {
  const auto at = sessions_.find(broker);
  if (at != sessions_.end()) at->second.shutdown_offset = offset;
}

bool Sessions::is_valid(NodeId broker, std::int64_t epoch, Instant now) const {
  const auto at = sessions_.find(broker);
  return at != sessions_.end() && at->second.epoch == epoch && now - at->second.last_contact < timeout_;
}

std::optional<Offset> Sessions::shutdown_offset(NodeId broker) const {
  const auto at = sessions_.find(broker);
  return at == sessions_.end() ? std::nullopt : at->second.shutdown_offset;
}

std::optional<Offset> Sessions::lowest_active_offset(const MetadataImage& image) const {
  std::optional<Offset> lowest;
  for (const auto& [id, session] : sessions_) {
    if (!image.is_active(id)) continue;
    if (!lowest || session.metadata_offset < *lowest) lowest = session.metadata_offset;
  }
  return lowest;
}

std::optional<NodeId> Sessions::stale(const MetadataImage& image, Instant now) const {
  std::optional<NodeId> longest;
  Instant since = end_of_time;
  for (const auto& [id, session] : sessions_) {
    const BrokerImage* broker = image.brokers.get(id);
    if (broker == nullptr || broker->fenced) continue;
    if (now - session.last_contact < timeout_ || session.last_contact >= since) continue;
    longest = id;
    since = session.last_contact;
  }
  return longest;
}

}  // namespace squall::raft
