#include "runtime/events.h"

#include <array>

namespace squall::runtime {
namespace {

constexpr std::array every_event{
#define SQUALL_EVENT_NAME(name, value, text) EventName::name,
    SQUALL_EVENTS(SQUALL_EVENT_NAME)
#undef SQUALL_EVENT_NAME
};

}  // namespace

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
