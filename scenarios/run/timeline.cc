#include "scenarios/run/timeline.h"

#include <fmt/format.h>

#include <algorithm>

namespace squall::scenarios {
namespace {

using runtime::EventName;

// Those that happen with every request tell an operator nothing one by one.
constexpr bool is_frequent(EventName name) {
  switch (name) {
    case EventName::high_watermark_moved:
    case EventName::records_appended:
    case EventName::log_flushed:
    case EventName::connection_opened:
    case EventName::connection_closed:
    case EventName::records_acknowledged:
    case EventName::records_consumed:
    case EventName::client_retried:
    case EventName::segment_rolled:
    case EventName::request_rejected:
    case EventName::segment_deleted:
    case EventName::log_start_moved:
    case EventName::metadata_replayed:
    case EventName::log_removed:
    case EventName::duplicate_batch: return true;
    default: return false;
  }
}

Weight weight_of(const sim::ProductEvent& event) {
  switch (event.name) {
    case EventName::node_started:
    case EventName::node_stopped:
    case EventName::log_dir_failed:
    case EventName::controller_elected:
    case EventName::quorum_role_changed:
    case EventName::controller_missing:
    case EventName::registration_refused: return Weight::node;
    case EventName::leader_elected:
      // The first leader of a partition is part of its making.
      return event.number("epoch").value_or(0) > 0 ? Weight::replica : Weight::routine;
    case EventName::isr_shrunk:
    case EventName::isr_expanded:
    case EventName::log_truncated:
    case EventName::log_quarantined:
    case EventName::producer_fenced:
    case EventName::sequence_gap: return Weight::replica;
    default: return Weight::routine;
  }
}

}  // namespace

std::string show_time(Instant at) {
  const std::int64_t us = at.time_since_epoch().count() / 1'000;
  return fmt::format("{}.{:06} s", us / 1'000'000, us % 1'000'000);
}

Timeline::Timeline(bool keep_all_events) : keep_all_events_{keep_all_events} {
  std::size_t names = 0;
  for (const EventName name : runtime::all_events()) names = std::max(names, static_cast<std::size_t>(name) + 1);
  counts_.resize(names);
}

std::map<EventName, std::uint64_t> Timeline::counts() const {
  std::map<EventName, std::uint64_t> happened;
  for (const EventName name : runtime::all_events()) {
    if (const std::uint64_t count = counts_[static_cast<std::size_t>(name)]; count > 0) happened[name] = count;
  }
  return happened;
}

void Timeline::add(Instant at, EntryKind kind, std::string text, std::string node, Duration lasts, sim::FaultId fault) {
  entries_.push_back({at, kind, std::move(text), lasts, std::move(node), fault});
}

void Timeline::event(const sim::ProductEvent& event) {
  ++counts_[static_cast<std::size_t>(event.name)];
  if (keep_all_events_ && traced_.size() < traced_kept) {
    traced_.push_back({event.at, event.node, event.name, sim::to_string(event)});
  }
  if (is_frequent(event.name)) return;
  const Weight weight = weight_of(event);
  if (++events_[static_cast<std::size_t>(weight)] > events_kept) {
    ++left_out_;
    return;
  }
  add(event.at, EntryKind::event, sim::to_string(event), std::string{event.node_name});
  entries_.back().weight = weight;
}

}  // namespace squall::scenarios
