#include "sim/trace.h"

// The hash is compiled in, not called: most of what is hashed is shorter than a call is long.
#define XXH_INLINE_ALL
#include <fmt/core.h>
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace squall::sim {
namespace {

std::string field_text(const runtime::EventField& field) {
  if (const auto* number = std::get_if<std::int64_t>(&field.value)) return fmt::format(" {}={}", field.key, *number);
  return fmt::format(" {}={}", field.key, std::get<std::string_view>(field.value));
}

std::string seconds(std::int64_t at) { return fmt::format("{:>5}.{:09} s", at / 1'000'000'000, at % 1'000'000'000); }

constexpr std::uint8_t is_number = 255;

}  // namespace

std::string_view to_string(Crossing crossing) {
  switch (crossing) {
    case Crossing::resume: return "resume";
    case Crossing::spawn: return "spawn";
    case Crossing::open: return "open";
    case Crossing::create_dir: return "create-dir";
    case Crossing::rename: return "rename";
    case Crossing::remove: return "remove";
    case Crossing::list: return "list";
    case Crossing::sync_dir: return "sync-dir";
    case Crossing::lock: return "lock";
    case Crossing::file_read: return "file-read";
    case Crossing::file_write: return "file-write";
    case Crossing::file_sync: return "file-sync";
    case Crossing::file_truncate: return "file-truncate";
    case Crossing::listen: return "listen";
    case Crossing::accept: return "accept";
    case Crossing::connect: return "connect";
    case Crossing::net_read: return "net-read";
    case Crossing::net_write: return "net-write";
    case Crossing::send_file: return "send-file";
    case Crossing::shutdown: return "shutdown";
    case Crossing::close: return "close";
    case Crossing::event: return "event";
    case Crossing::node: return "node";
    case Crossing::fault: return "fault";
    case Crossing::failed: return "failed";
  }
  return "unknown";
}

std::string to_string(const TraceHash& hash) { return fmt::format("{:016x}{:016x}", hash.high, hash.low); }

std::optional<std::int64_t> ProductEvent::number(std::string_view key) const {
  for (const auto& field : fields) {
    if (field.key != key) continue;
    if (const auto* value = std::get_if<std::int64_t>(&field.value)) return *value;
  }
  return std::nullopt;
}

std::optional<std::string_view> ProductEvent::text(std::string_view key) const {
  for (const auto& field : fields) {
    if (field.key != key) continue;
    if (const auto* value = std::get_if<std::string_view>(&field.value)) return *value;
  }
  return std::nullopt;
}

std::string to_string(const ProductEvent& event) {
  std::string result{to_string(event.name)};
  for (const auto& field : event.fields) result += field_text(field);
  return result;
}

std::uint64_t digest_of(ByteView bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }
std::uint64_t digest_of(std::string_view text) { return XXH3_64bits(text.data(), text.size()); }

Trace::Trace(std::size_t ring_size) : ring_(std::bit_ceil(std::max<std::size_t>(ring_size, 16))), events_(ring_.size() / 4) {}

// Keys are literals, so each place that emits an event shows the same few again and again: their digests are kept.
std::uint64_t Trace::KeyDigest::of(std::string_view shown) {
  if (key.data() != shown.data() || key.size() != shown.size()) [[unlikely]]
    *this = {shown, digest_of(shown)};
  return digest;
}

void Trace::product_event(const ProductEvent& event) {
  std::uint64_t digest = event.fields.size();
  const auto row = static_cast<std::size_t>(event.name);
  if (row >= key_digests_.size()) key_digests_.resize(row + 1);
  KeyDigests& keys = key_digests_[row];
  for (std::size_t i = 0; i < event.fields.size(); ++i) {
    const runtime::EventField& field = event.fields[i];
    digest = combine(digest, i < keys.size() ? keys[i].of(field.key) : digest_of(field.key));
    if (const auto* number = std::get_if<std::int64_t>(&field.value)) {
      digest = combine(digest, static_cast<std::uint64_t>(*number));
    } else {
      digest = combine(digest, digest_of(std::get<std::string_view>(field.value)));
    }
  }
  record({.at = event.at.time_since_epoch().count(),
          .a = static_cast<std::uint64_t>(event.name),
          .b = event.fields.size(),
          .digest = digest,
          .node = event.node,
          .crossing = Crossing::event});
  keep(event);
  for (std::size_t i = 0; i < observers_.size(); ++i) observers_[i](event);
}

void Trace::keep(const ProductEvent& event) {
  KeptEvent& kept = events_[event_count_++ & (events_.size() - 1)];
  kept.serial = count_ - 1;
  kept.at = event.at.time_since_epoch().count();
  kept.node = event.node;
  kept.name = event.name;
  kept.field_count = 0;
  std::size_t used = 0;
  for (const auto& field : event.fields) {
    if (kept.field_count == KeptEvent::fields_max) break;
    const std::size_t i = kept.field_count++;
    kept.keys[i] = field.key;
    if (const auto* number = std::get_if<std::int64_t>(&field.value)) {
      kept.numbers[i] = *number;
      kept.text_lengths[i] = is_number;
      continue;
    }
    const auto text = std::get<std::string_view>(field.value).substr(0, KeptEvent::text_max - used);
    if (!text.empty()) std::memcpy(kept.texts.data() + used, text.data(), text.size());
    kept.text_lengths[i] = static_cast<std::uint8_t>(text.size());
    used += text.size();
  }
}

std::string Trace::describe(const KeptEvent& event) {
  std::string result{to_string(event.name)};
  std::size_t used = 0;
  for (std::size_t i = 0; i < event.field_count; ++i) {
    if (event.text_lengths[i] == is_number) {
      result += fmt::format(" {}={}", event.keys[i], event.numbers[i]);
    } else {
      result += fmt::format(" {}={}", event.keys[i], std::string_view{event.texts.data() + used, event.text_lengths[i]});
      used += event.text_lengths[i];
    }
  }
  return result;
}

std::vector<std::string> Trace::recent(std::size_t limit, const std::function<std::string(std::uint32_t)>& node_name) const {
  const std::uint64_t kept = std::min<std::uint64_t>({limit, count_, ring_.size()});
  std::vector<std::string> lines;
  for (std::uint64_t serial = count_ - kept; serial < count_; ++serial) {
    const TraceRecord& record = ring_[serial & (ring_.size() - 1)];
    std::string line = to_text(record, node_name(record.node));
    if (record.crossing == Crossing::event) {
      const auto found = std::ranges::find(events_, serial, &KeptEvent::serial);
      if (found != events_.end())
        line = fmt::format("{}  {:<12} {}", seconds(record.at), node_name(record.node), describe(*found));
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

std::vector<std::string> Trace::recent_events(std::size_t limit,
                                              const std::function<std::string(std::uint32_t)>& node_name) const {
  const std::uint64_t kept = std::min<std::uint64_t>({limit, event_count_, events_.size()});
  std::vector<std::string> lines;
  for (std::uint64_t serial = event_count_ - kept; serial < event_count_; ++serial) {
    const KeptEvent& event = events_[serial & (events_.size() - 1)];
    lines.push_back(fmt::format("{}  {:<12} {}", seconds(event.at), node_name(event.node), describe(event)));
  }
  return lines;
}

std::string to_text(const TraceRecord& record, std::string_view node_name) {
  if (record.crossing == Crossing::event) {
    const auto name = static_cast<runtime::EventName>(record.a);
    return fmt::format("{}  {:<12} event {} {:016x}", seconds(record.at), node_name, runtime::to_string(name), record.digest);
  }
  return fmt::format("{}  {:<12} {} {} {} {:016x}", seconds(record.at), node_name, to_string(record.crossing), record.a,
                     record.b, record.digest);
}

}  // namespace squall::sim
