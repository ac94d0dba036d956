// What happened when, for people: faults with their effects, product events that an operator would want to know, phases.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/time.h"
#include "sim/ledger.h"
#include "sim/trace.h"

namespace squall::scenarios {

enum class EntryKind : std::uint8_t { phase, fault, heal, event, finding };

// What of too many events is shown first: what befell nodes and controllers, then who leads partitions and who is in sync, then
// the rest: topics that come and go, listeners, what was recovered.
enum class Weight : std::uint8_t { node, replica, routine };
inline constexpr std::size_t weights = 3;

struct TimelineEntry {
  Instant at;
  EntryKind kind{};
  std::string text;
  Duration lasts{};        // of a fault; 0: a moment, or until the end
  std::string node;        // where
  sim::FaultId fault = 0;  // in the ledger
  Weight weight{};         // of an event
};

// One product event, kept for a trace file.
struct TracedEvent {
  Instant at;
  std::uint32_t node = 0;
  runtime::EventName name{};
  std::string text;
};

class Timeline {
 public:
  explicit Timeline(bool keep_all_events);

  void add(Instant at, EntryKind kind, std::string text, std::string node = {}, Duration lasts = {}, sim::FaultId fault = 0);
  void event(const sim::ProductEvent& event);

  [[nodiscard]] const std::vector<TimelineEntry>& entries() const { return entries_; }
  // By name, only those that happened.
  [[nodiscard]] std::map<runtime::EventName, std::uint64_t> counts() const;
  [[nodiscard]] const std::vector<TracedEvent>& traced() const { return traced_; }
  [[nodiscard]] std::uint64_t left_out() const { return left_out_; }

  static constexpr std::size_t events_kept = 200;      // in the timeline, of each weight
  static constexpr std::size_t traced_kept = 500'000;  // for a trace file

 private:
  bool keep_all_events_;
  std::vector<TimelineEntry> entries_;
  std::vector<std::uint64_t> counts_;  // by the value of the name
  std::vector<TracedEvent> traced_;
  std::array<std::size_t, weights> events_{};  // by weight
  std::uint64_t left_out_ = 0;
};

// "12.345 s"
[[nodiscard]] std::string show_time(Instant at);

}  // namespace squall::scenarios
