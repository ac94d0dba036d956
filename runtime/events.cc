#include "runtime/events.h"

#include <algorithm>
#include <array>

namespace squall::runtime {
namespace {

constexpr std::array every_event{
#define SQUALL_EVENT_NAME(name, value, text) EventName::name,
    SQUALL_EVENTS(SQUALL_EVENT_NAME)
#undef SQUALL_EVENT_NAME
};

struct Fields {
  EventName event;
  std::array<std::string_view, 6> names;  // those behind the last are empty
};

constexpr std::array every_fields{
    Fields{EventName::node_started, {"node_id", "cluster"}},
    Fields{EventName::node_stopped, {"node_id"}},
    Fields{EventName::log_recovered, {"partition", "end", "bytes_cut"}},
    Fields{EventName::log_truncated, {"partition", "offset", "high_watermark", "log_start"}},
    Fields{EventName::segment_rolled, {"partition", "base"}},
    Fields{EventName::segment_deleted, {"partition", "base"}},
    Fields{EventName::log_start_moved, {"partition", "offset"}},
    Fields{EventName::high_watermark_moved, {"partition", "offset"}},
    Fields{EventName::records_appended, {"partition", "first", "last"}},
    Fields{EventName::log_flushed, {"partition", "offset"}},
    Fields{EventName::log_dir_failed, {"dir", "error", "in"}},
    Fields{EventName::topic_created, {"topic", "partitions"}},
    Fields{EventName::topic_deleted, {"topic"}},
    Fields{EventName::partitions_added, {"topic", "partitions"}},
    Fields{EventName::config_changed, {"type", "name"}},
    Fields{EventName::connection_opened, {"connection", "peer"}},
    Fields{EventName::connection_closed, {"connection", "reason"}},
    Fields{EventName::request_rejected, {"reason", "connection", "peer", "api", "version", "field"}},
    Fields{EventName::producer_fenced, {"partition", "producer", "sequence"}},
    Fields{EventName::duplicate_batch, {"partition", "offset"}},
    Fields{EventName::sequence_gap, {"partition", "producer", "sequence"}},
    Fields{EventName::records_acknowledged, {"topic", "partition", "offset", "records"}},
    Fields{EventName::records_consumed, {"topic", "partition", "offset", "records"}},
    Fields{EventName::client_retried, {"topic", "partition", "records", "attempt", "error"}},
    Fields{EventName::listener_opened, {"host", "port"}},
    Fields{EventName::controller_elected, {"epoch"}},
    Fields{EventName::leader_elected, {"partition", "leader", "epoch", "topic_id"}},
    Fields{EventName::isr_shrunk, {"partition", "leader", "epoch", "in_sync"}},
    Fields{EventName::isr_expanded, {"partition", "leader", "epoch", "in_sync"}},
    Fields{EventName::checkpoint_ignored, {"partition", "dir", "file", "at", "reason"}},
    Fields{EventName::log_quarantined, {"partition", "at", "reason"}},
    Fields{EventName::quorum_role_changed, {"role", "epoch", "leader"}},
    Fields{EventName::metadata_replayed, {"base", "end", "epoch", "crc"}},
    Fields{EventName::metadata_loaded, {"offset", "epoch"}},
    Fields{EventName::log_removed, {"partition"}},
    Fields{EventName::controller_missing, {"for_ms", "epoch", "voters", "starting"}},
    Fields{EventName::registration_refused, {"node_id", "error"}},
    Fields{EventName::voter_unreachable, {"node_id", "host", "port", "error"}},
};

}  // namespace

std::span<const std::string_view> fields_of(EventName name) {
  const auto found = std::ranges::find(every_fields, name, &Fields::event);
  if (found == every_fields.end()) return {};
  const auto end = std::ranges::find(found->names, std::string_view{});
  return {found->names.begin(), end};
}

std::string_view to_string(EventName name) {
  switch (name) {
#define SQUALL_EVENT_TEXT(name, value, text) \
  case EventName::name: return text;
    SQUALL_EVENTS(SQUALL_EVENT_TEXT)
#undef SQUALL_EVENT_TEXT
  }
  return "unknown-event";
}

std::optional<EventName> event_named(std::string_view text) {
  for (const EventName name : every_event) {
    if (to_string(name) == text) return name;
  }
  return std::nullopt;
}

std::span<const EventName> all_events() { return every_event; }

}  // namespace squall::runtime
