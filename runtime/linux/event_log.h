// Product events as a structured log: one logfmt line each,
//   time=2026-01-31T12:00:00.123Z level=info event=segment-rolled topic=orders partition=3
// Lines are gathered and written once per turn of the main loop.
#pragma once

#include <cstdint>
#include <string>

#include "base/time.h"
#include "runtime/events.h"

namespace squall::runtime {

enum class EventLevel : std::uint8_t { debug, info, warn, off };

[[nodiscard]] std::string_view to_string(EventLevel level);
// How much an operator should care.
[[nodiscard]] EventLevel level_of(EventName name);

class EventLog {
 public:
  // Writes events of `least` and above to `fd`, which stays the caller's.
  EventLog(int fd, EventLevel least) : fd_{fd}, least_{least} {}
  ~EventLog() { flush(); }
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;

  void add(WallTime time, EventName name, EventFields fields);
  void flush();
  [[nodiscard]] bool wants(EventName name) const { return level_of(name) >= least_; }

 private:
  int fd_;
  EventLevel least_;
  std::string lines_;
};

}  // namespace squall::runtime
