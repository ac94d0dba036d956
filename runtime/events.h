// The vocabulary of named product events.
//
// In the virtual world they feed the trace hash, the scenario triggers, the checks and the timeline; in production they are
// the structured log. An event is something an operator would want to know happened; it carries typed fields, no prose.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

namespace squall::runtime {

// Values are stable: they are hashed into traces. Append only.
#define SQUALL_EVENTS(X)                              \
  X(node_started, 1, "node-started")                  \
  X(node_stopped, 2, "node-stopped")                  \
  X(log_recovered, 3, "log-recovered")                \
  X(log_truncated, 4, "log-truncated")                \
  X(segment_rolled, 5, "segment-rolled")              \
  X(segment_deleted, 6, "segment-deleted")            \
  X(log_start_moved, 7, "log-start-moved")            \
  X(high_watermark_moved, 8, "high-watermark-moved")  \
  X(records_appended, 9, "records-appended")          \
  X(log_flushed, 10, "log-flushed")                   \
  X(log_dir_failed, 11, "log-dir-failed")             \
  X(topic_created, 12, "topic-created")               \
  X(topic_deleted, 13, "topic-deleted")               \
  X(partitions_added, 14, "partitions-added")         \
  X(config_changed, 15, "config-changed")             \
  X(connection_opened, 16, "connection-opened")       \
  X(connection_closed, 17, "connection-closed")       \
  X(request_rejected, 18, "request-rejected")         \
  X(producer_fenced, 19, "producer-fenced")           \
  X(duplicate_batch, 20, "duplicate-batch")           \
  X(sequence_gap, 21, "sequence-gap")                 \
  X(records_acknowledged, 22, "records-acknowledged") \
  X(records_consumed, 23, "records-consumed")         \
  X(client_retried, 24, "client-retried")             \
  X(listener_opened, 25, "listener-opened")           \
  X(leader_elected, 26, "leader-elected")             \
  X(isr_shrunk, 27, "isr-shrunk")                     \
  X(isr_expanded, 28, "isr-expanded")                 \
  X(controller_elected, 29, "controller-elected")     \
  X(checkpoint_ignored, 30, "checkpoint-ignored")     \
  X(log_quarantined, 31, "log-quarantined")           \
  X(quorum_role_changed, 32, "quorum-role-changed")   \
  X(metadata_replayed, 33, "metadata-replayed")       \
  X(metadata_loaded, 34, "metadata-loaded")           \
  X(log_removed, 35, "log-removed")                   \
  X(controller_missing, 36, "controller-missing")     \
  X(registration_refused, 37, "registration-refused") \
  X(voter_unreachable, 38, "voter-unreachable")

enum class EventName : std::uint16_t {
#define SQUALL_EVENT_VALUE(name, value, text) name = value,
  SQUALL_EVENTS(SQUALL_EVENT_VALUE)
#undef SQUALL_EVENT_VALUE
};

[[nodiscard]] std::string_view to_string(EventName name);
[[nodiscard]] std::optional<EventName> event_named(std::string_view text);
[[nodiscard]] std::span<const EventName> all_events();
// The fields that such an event can carry; `node`, who emitted it, goes without saying.
[[nodiscard]] std::span<const std::string_view> fields_of(EventName name);

struct EventField {
  std::string_view key;
  std::variant<std::int64_t, std::string_view> value;
};

using EventFields = std::initializer_list<EventField>;

}  // namespace squall::runtime
