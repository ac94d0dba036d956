#include "scenarios/run/timeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace squall::scenarios {
namespace {

using runtime::EventName;

// Those that happen with every request tell an operator nothing one by one.
constexpr std::array frequent{EventName::high_watermark_moved, EventName::records_appended,  EventName::log_flushed,
                              EventName::connection_opened,    EventName::connection_closed, EventName::records_acknowledged,
                              EventName::records_consumed,     EventName::client_retried,    EventName::segment_rolled,
                              EventName::request_rejected,     EventName::segment_deleted,   EventName::log_start_moved,
                              EventName::duplicate_batch};

}  // namespace

std::string show_time(Instant at) {
  const std::int64_t us = at.time_since_epoch().count() / 1'000;
  return fmt::format("{}.{:06} s", us / 1'000'000, us % 1'000'000);
}

void Timeline::add(Instant at, EntryKind kind, std::string text, std::string node, Duration lasts, sim::FaultId fault) {
  entries_.push_back({at, kind, std::move(text), lasts, std::move(node), fault});
}

void Timeline::event(const sim::ProductEvent& event) {
  ++counts_[event.name];
  if (keep_all_events_ && traced_.size() < traced_kept) {
    traced_.push_back({event.at, event.node, event.name, sim::to_string(event)});
  }
  if (std::ranges::find(frequent, event.name) != frequent.end()) return;
  if (++events_ > events_kept) {
    ++left_out_;
    return;
  }
  add(event.at, EntryKind::event, sim::to_string(event), std::string{event.node_name});
}

}  // namespace squall::scenarios
