#include "runtime/linux/event_log.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <iterator>

#include "runtime/linux/errors.h"

namespace squall::runtime {
namespace {

constexpr std::size_t unflushed_bytes_max = std::size_t{64} * 1024;

void append_time(std::string& line, WallTime time) {
  const std::chrono::sys_time<std::chrono::milliseconds> point{time.time_since_epoch()};
  const auto day = std::chrono::floor<std::chrono::days>(point);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{point - day};
  fmt::format_to(std::back_inserter(line), "time={:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                 static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                 clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

bool needs_quotes(std::string_view text) {
  if (text.empty()) return true;
  for (const char c : text) {
    if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7f) return true;  // char is signed: UTF-8 is quoted too
  }
  return false;
}

void append_text(std::string& line, std::string_view text) {
  if (!needs_quotes(text)) {
    line += text;
    return;
  }
  line += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      line += '\\';
      line += c;
    } else if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) {
      fmt::format_to(std::back_inserter(line), "\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      line += c;
    }
  }
  line += '"';
}

}  // namespace

std::string_view to_string(EventLevel level) {
  switch (level) {
    case EventLevel::debug: return "debug";
    case EventLevel::info: return "info";
    case EventLevel::warn: return "warn";
    case EventLevel::off: return "off";
  }
  return "unknown";
}

EventLevel level_of(EventName name) {
  switch (name) {
    case EventName::high_watermark_moved:
    case EventName::records_appended:
    case EventName::records_acknowledged:
    case EventName::records_consumed:
    case EventName::log_flushed:
    case EventName::connection_opened:
    case EventName::connection_closed:
    case EventName::client_retried:
    case EventName::metadata_replayed:
    case EventName::duplicate_batch: return EventLevel::debug;
    case EventName::log_truncated:
    case EventName::log_dir_failed:
    case EventName::checkpoint_ignored:
    case EventName::log_quarantined:
    case EventName::request_rejected:
    case EventName::producer_fenced:
    case EventName::sequence_gap:
    case EventName::controller_missing:
    case EventName::registration_refused:
    case EventName::voter_unreachable:
    case EventName::isr_shrunk: return EventLevel::warn;
    default: return EventLevel::info;
  }
}

void EventLog::add(WallTime time, EventName name, EventFields fields) {
  if (!wants(name)) return;
  append_time(lines_, time);
  fmt::format_to(std::back_inserter(lines_), " level={} event={}", to_string(level_of(name)), to_string(name));
  for (const EventField& field : fields) {
    lines_ += ' ';
    lines_ += field.key;
    lines_ += '=';
    if (const auto* number = std::get_if<std::int64_t>(&field.value)) {
      fmt::format_to(std::back_inserter(lines_), "{}", *number);
    } else {
      append_text(lines_, std::get<std::string_view>(field.value));
    }
  }
  lines_ += '\n';
  if (lines_.size() > unflushed_bytes_max) flush();
}

void EventLog::flush() {
  std::string_view left{lines_};
  while (!left.empty()) {
    const ssize_t count = uninterrupted([&] { return ::write(fd_, left.data(), left.size()); });
    if (count <= 0) break;  // a log that cannot be written must not stop the node
    left.remove_prefix(static_cast<std::size_t>(count));
  }
  lines_.clear();
}

}  // namespace squall::runtime
