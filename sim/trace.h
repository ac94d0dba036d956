// The trace: a running 128-bit hash over every seam crossing and named product event, a ring of the most recent ones, and the
// observers of product events.
//
// Two runs with equal hashes crossed the seam in the same order, at the same virtual times, with the same bytes. A record
// holds no pointer and no host value, so the hash is the same under every compiler, optimisation level and sanitizer. When two
// hashes differ, run both with a sink and compare the lines: the first that differs names the event.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "base/uint128.h"
#include "runtime/events.h"

namespace squall::sim {

// Values are hashed: append only.
enum class Crossing : std::uint8_t {
  resume = 1,      // a: fiber slot, b: fiber generation
  spawn = 2,       // a: fiber slot, b: fiber generation
  open = 3,        // b: error; digest: path
  create_dir = 4,  // likewise
  rename = 5,
  remove = 6,
  list = 7,
  sync_dir = 8,
  lock = 9,
  file_read = 10,   // a: position, b: count; digest: bytes
  file_write = 11,  // a: position, b: count; digest: bytes
  file_sync = 12,   // a: file, b: error
  file_truncate = 13,
  listen = 14,     // a: port, b: error
  accept = 15,     // a: stream, b: error
  connect = 16,    // a: stream, b: error
  net_read = 17,   // a: stream, b: count; digest: bytes
  net_write = 18,  // a: stream, b: count; digest: bytes
  send_file = 19,  // a: stream, b: count; digest: bytes
  shutdown = 20,   // a: stream, b: side
  close = 21,      // a: stream
  event = 22,      // a: EventName; digest: fields
  node = 23,       // a: what happened (see NodeChange), b: incarnation
  fault = 24,      // a: FaultId; digest: kind and target
  failed = 25,     // a: the crossing that failed, b: error
};

[[nodiscard]] std::string_view to_string(Crossing crossing);

struct TraceRecord {
  std::int64_t at = 0;  // virtual nanoseconds
  std::uint64_t a = 0;
  std::uint64_t b = 0;
  std::uint64_t digest = 0;
  std::uint32_t node = 0;
  Crossing crossing{};
};

struct TraceHash {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  bool operator==(const TraceHash&) const = default;
};
// 32 hexadecimal digits.
[[nodiscard]] std::string to_string(const TraceHash& hash);

// A product event as an observer sees it: valid during the call.
struct ProductEvent {
  Instant at;  // virtual time, the simulation's own clock
  std::uint32_t node = 0;
  std::string_view node_name;
  runtime::EventName name{};
  std::span<const runtime::EventField> fields;

  // Nothing when there is no such field, or it is of the other type.
  [[nodiscard]] std::optional<std::int64_t> number(std::string_view key) const;
  [[nodiscard]] std::optional<std::string_view> text(std::string_view key) const;
};
// "leader-elected topic=orders partition=3 …"
[[nodiscard]] std::string to_string(const ProductEvent& event);

using EventObserver = std::function<void(const ProductEvent&)>;
using TraceSink = std::function<void(const TraceRecord&)>;

[[nodiscard]] std::uint64_t digest_of(ByteView bytes);
[[nodiscard]] std::uint64_t digest_of(std::string_view text);
// Multiplies to 128 bits and folds (the mixing step of wyhash): fast, and every input bit reaches every output bit.
[[nodiscard]] inline std::uint64_t fold(std::uint64_t left, std::uint64_t right) {
  const uint128 product = static_cast<uint128>(left) * right;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}
// Chains digests: order matters.
[[nodiscard]] inline std::uint64_t combine(std::uint64_t digest, std::uint64_t value) {
  return fold(digest ^ 0x9e3779b97f4a7c15U, value ^ 0xe7037ed1a0b428dbU) + digest;
}

class Trace {
 public:
  explicit Trace(std::size_t ring_size);  // rounded up to a power of two

  void record(const TraceRecord& record) {
    const std::uint64_t who = (std::uint64_t{record.node} << 8) | static_cast<std::uint64_t>(record.crossing);
    hash_.low = fold(hash_.low ^ static_cast<std::uint64_t>(record.at), record.digest ^ 0xa0761d6478bd642fU) +
                std::rotl(hash_.high, 29) + who;
    hash_.high = fold(hash_.high ^ record.a ^ 0xe7037ed1a0b428dbU, record.b ^ 0x8ebc6af09c88c6e3U) + std::rotl(hash_.low, 17);
    ring_[count_ & (ring_.size() - 1)] = record;
    ++count_;
    if (sink_) [[unlikely]]
      sink_(record);
  }
  // Records, then tells the observers, in the order in which they came. Field keys must be literals.
  void product_event(const ProductEvent& event);

  void set_sink(TraceSink sink) { sink_ = std::move(sink); }
  void observe(EventObserver observer) { observers_.push_back(std::move(observer)); }

  [[nodiscard]] TraceHash hash() const { return hash_; }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  // The most recent records as lines of text, oldest first, at most `limit`. `node_name` names nodes by index.
  [[nodiscard]] std::vector<std::string> recent(std::size_t limit,
                                                const std::function<std::string(std::uint32_t)>& node_name) const;
  // The same for product events alone.
  [[nodiscard]] std::vector<std::string> recent_events(std::size_t limit,
                                                       const std::function<std::string(std::uint32_t)>& node_name) const;

 private:
  // A product event kept for the ring: long texts are cut.
  struct KeptEvent {
    static constexpr std::size_t fields_max = 8;
    static constexpr std::size_t text_max = 96;
    std::uint64_t serial = 0;  // the record it belongs to
    std::int64_t at = 0;
    std::uint32_t node = 0;
    runtime::EventName name{};
    std::uint8_t field_count = 0;
    std::array<std::string_view, fields_max> keys;
    std::array<std::int64_t, fields_max> numbers{};
    std::array<std::uint8_t, fields_max> text_lengths{};  // 255: a number
    std::array<char, text_max> texts{};
  };
  struct KeyDigest {
    std::string_view key;
    std::uint64_t digest = 0;
    [[nodiscard]] std::uint64_t of(std::string_view shown);
  };
  using KeyDigests = std::array<KeyDigest, KeptEvent::fields_max>;  // by place of the field
  void keep(const ProductEvent& event);
  [[nodiscard]] static std::string describe(const KeptEvent& event);

  TraceHash hash_{0x6a09e667f3bcc908U, 0xbb67ae8584caa73bU};
  std::uint64_t count_ = 0;
  std::uint64_t event_count_ = 0;
  std::vector<TraceRecord> ring_;
  std::vector<KeptEvent> events_;
  std::vector<KeyDigests> key_digests_;  // by event
  TraceSink sink_;
  std::vector<EventObserver> observers_;
};

// One line: time, node, crossing, values.
[[nodiscard]] std::string to_text(const TraceRecord& record, std::string_view node_name);

}  // namespace squall::sim
