// What the clients of a run know: which records they sent, which were acknowledged at which offset, which were read where.
// The checks compare each new observation with it before it is added.
//
// One vector of slots per partition, by offset, and one of offsets per sender, by sequence: an observation of a record costs
// two look-ups. All times are the simulation's own.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "scenarios/payload.h"

namespace squall::scenarios {

using PartitionId = std::uint32_t;  // index in the history
using ClientId = std::uint16_t;

struct Slot {
  static constexpr std::uint8_t acknowledged = 1;
  static constexpr std::uint8_t read = 2;
  static constexpr std::uint8_t swept = 4;  // read again after the heal
  std::uint64_t sequence = 0;
  ClientId client = 0;
  std::uint8_t flags = 0;
  [[nodiscard]] bool known() const { return flags != 0; }
  [[nodiscard]] bool same(ClientId other_client, std::uint64_t other_sequence) const {
    return client == other_client && sequence == other_sequence;
  }
};

class PartitionHistory {
 public:
  PartitionHistory(std::string topic, std::int32_t partition) : topic_{std::move(topic)}, partition_{partition} {}

  [[nodiscard]] const std::string& topic() const { return topic_; }
  [[nodiscard]] std::int32_t partition() const { return partition_; }
  [[nodiscard]] std::string name() const;

  // ---- what was sent ----
  // The next sequence of `client` here; the record counts as sent, with that timestamp (-1: not told).
  std::uint64_t next_sequence(ClientId client, std::int64_t timestamp_ms = -1);
  [[nodiscard]] std::uint64_t sent(ClientId client) const {
    const Sender* from = find_sender(client);
    return from == nullptr ? 0 : from->seen_at.size();
  }
  // Where the record was first read or acknowledged, or -1.
  [[nodiscard]] std::int64_t seen_at(ClientId client, std::uint64_t sequence) const {
    return find_sender(client)->seen_at[sequence];
  }
  // The timestamp that its producer gave it; -1: not told.
  [[nodiscard]] std::int64_t timestamp_ms(ClientId client, std::uint64_t sequence) const {
    return find_sender(client)->sent_ms[sequence];
  }
  void set_idempotent(ClientId client);
  [[nodiscard]] bool is_idempotent(ClientId client) const {
    const Sender* from = find_sender(client);
    return from != nullptr && from->idempotent;
  }

  // ---- what stands where ----
  [[nodiscard]] const Slot* slot(std::int64_t offset) const {
    return offset >= 0 && static_cast<std::size_t>(offset) < slots_.size() ? &slots_[static_cast<std::size_t>(offset)]
                                                                           : nullptr;
  }
  [[nodiscard]] std::int64_t end() const { return static_cast<std::int64_t>(slots_.size()); }
  void note(std::int64_t offset, ClientId client, std::uint64_t sequence, std::uint8_t flag);
  // Batches acknowledged at `at` end before `end_offset`.
  void note_acknowledged_until(Instant at, std::int64_t end_offset) { acknowledgements_.emplace_back(at, end_offset); }
  // One past the last offset that had been acknowledged at `at`.
  [[nodiscard]] std::int64_t acknowledged_until(Instant at) const;

  // ---- what may have been deleted on purpose ----
  // Records below may be gone. Retention by time or size: anything may.
  void allow_deletion_below(std::int64_t offset) { deletable_below_ = offset > deletable_below_ ? offset : deletable_below_; }
  [[nodiscard]] std::int64_t deletable_below() const { return deletable_below_; }
  // DeleteRecords was acknowledged at `at`: what lies below is gone for good, unless a fault may cost it (an excuse).
  void note_deleted_below(Instant at, std::int64_t offset) {
    if (offset <= deleted_below_) return;
    deleted_below_ = offset;
    deleted_at_ = at;
  }
  // Whether a read that was asked for at `begun` must not show `offset` any more.
  [[nodiscard]] bool deleted(Instant begun, std::int64_t offset) const {
    return offset < deleted_below_ && begun > deleted_at_ && deleted_below_ <= floor_;
  }

  // ---- what a fault may have cost ----
  // Records at `floor` and above may be lost, and what was asked for before `until` says nothing of them.
  void excuse(std::int64_t floor, Instant until);
  // The fault is over at `now`: what is asked for from now on is held to account again.
  void end_excuse(Instant now);
  [[nodiscard]] bool excused(Instant begun, std::int64_t offset) const { return begun < excused_until_ && offset >= floor_; }
  // The lowest offset that a fault was ever excused for.
  [[nodiscard]] std::int64_t excused_from() const { return floor_; }
  // With its records a partition may have lost what it knew of their producers. A broker takes any first sequence of a producer
  // that it does not know, so of what was under way by then a later batch may come before an earlier one that was refused.
  [[nodiscard]] bool order_excused(ClientId client, std::uint64_t sequence) const {
    const Sender* from = find_sender(client);
    return from != nullptr && sequence < from->unordered_below;
  }
  // Raised by each excuse: what a reader remembers of the order is void.
  [[nodiscard]] std::uint32_t generation() const { return generation_; }
  [[nodiscard]] std::uint64_t excused_records() const { return excused_records_; }

 private:
  struct Sender {
    ClientId client = 0;
    std::vector<std::int64_t> seen_at;  // by sequence; -1: not yet
    std::vector<std::int64_t> sent_ms;  // by sequence: its timestamp
    std::uint64_t unordered_below = 0;  // sent before the last excuse was over
    bool idempotent = false;
  };
  // Made at the first call.
  Sender& sender(ClientId client);
  // Null: it has sent nothing here.
  [[nodiscard]] const Sender* find_sender(ClientId client) const {
    const auto at = std::ranges::lower_bound(senders_, client, {}, &Sender::client);
    return at == senders_.end() || at->client != client ? nullptr : &*at;
  }
  void excuse_order();

  std::string topic_;
  std::int32_t partition_;
  std::vector<Sender> senders_;                                     // by client; of many partitions each has few
  std::vector<Slot> slots_;                                         // by offset
  std::vector<std::pair<Instant, std::int64_t>> acknowledgements_;  // both ascending
  std::int64_t deletable_below_ = 0;
  std::int64_t deleted_below_ = 0;
  Instant deleted_at_{};
  std::int64_t floor_ = INT64_MAX;  // the lowest that was ever excused
  Instant excused_until_{};
  std::uint32_t generation_ = 0;
  std::uint64_t excused_records_ = 0;
};

class History {
 public:
  // The partition's index; made at the first call.
  PartitionId partition_id(std::string_view topic, std::int32_t partition);
  [[nodiscard]] PartitionHistory& partition(PartitionId id) { return partitions_[id]; }
  [[nodiscard]] const PartitionHistory& partition(PartitionId id) const { return partitions_[id]; }
  [[nodiscard]] std::size_t size() const { return partitions_.size(); }
  [[nodiscard]] const PartitionHistory* find(std::string_view topic, std::int32_t partition) const;

 private:
  std::deque<PartitionHistory> partitions_;  // stable references
  std::map<std::pair<std::string, std::int32_t>, PartitionId> ids_;
};

}  // namespace squall::scenarios
