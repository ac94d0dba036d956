// What a partition knows of each idempotent or transactional producer (KIP-98, KIP-360): the last five batches, the epoch, the
// open transaction. Pure: it is told what was appended, in offset order, and holds the same state on leader and follower.
//
// A batch is first checked against the state (`check`), then written, then applied (`update`). Nothing changes in between but
// by the owner, which serialises appends.
//
// Invariant: of one producer, the kept batches have rising sequences (modulo the wrap at 2^31 - 1) and rising offsets, and one
//            epoch.
// Invariant: every open transaction belongs to a known producer, whose `current_txn_first_offset` names it.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "base/types.h"
#include "log/log_error.h"

namespace squall::log {

inline constexpr std::int32_t no_sequence = -1;
inline constexpr ProducerEpoch no_producer_epoch{-1};
inline constexpr std::size_t batches_kept_per_producer = 5;

// Who wrote a batch. Only a client's are checked for sequence; what a leader accepted, a follower must accept.
enum class AppendOrigin : std::uint8_t { client, replication, coordinator, raft_leader };

// Sequences wrap from 2^31 - 1 to 0 (KAFKA-7692).
[[nodiscard]] std::int32_t next_sequence(std::int32_t sequence);
[[nodiscard]] std::int32_t advance_sequence(std::int32_t sequence, std::int32_t by);

// One data batch of a producer, as its header tells it.
struct ProducerBatch {
  ProducerId producer_id = no_producer;
  ProducerEpoch producer_epoch = no_producer_epoch;
  std::int32_t first_sequence = no_sequence;
  std::int32_t last_sequence = no_sequence;
  Offset first_offset = no_offset;  // not known yet while a client's batch is checked
  Offset last_offset = no_offset;
  std::int64_t timestamp_ms = -1;  // the batch's largest
  bool transactional = false;
};

// An end-of-transaction marker (control record 0 or 1).
struct TransactionMarker {
  ProducerId producer_id = no_producer;
  ProducerEpoch producer_epoch = no_producer_epoch;
  bool commit = false;
  std::int32_t coordinator_epoch = -1;
  Offset offset = no_offset;
  std::int64_t timestamp_ms = -1;
};

struct CompletedTransaction {
  ProducerId producer_id = no_producer;
  Offset first_offset = no_offset;
  Offset last_offset = no_offset;
  bool aborted = false;
};

// What is remembered of one batch.
struct KeptBatch {
  std::int32_t last_sequence = no_sequence;
  Offset last_offset = no_offset;
  std::int32_t offset_delta = 0;
  std::int64_t timestamp_ms = -1;

  [[nodiscard]] Offset first_offset() const { return last_offset - offset_delta; }
  [[nodiscard]] std::int32_t first_sequence() const;
  bool operator==(const KeptBatch&) const = default;
};

struct ProducerEntry {
  ProducerId producer_id = no_producer;
  ProducerEpoch producer_epoch = no_producer_epoch;
  std::int32_t coordinator_epoch = -1;
  std::int64_t last_timestamp_ms = -1;
  Offset current_txn_first_offset = no_offset;  // no_offset: no open transaction
  std::int64_t last_seen_ms = -1;               // this node's wall time; not persisted. Expiry counts from here (KAFKA-9144)

  [[nodiscard]] std::span<const KeptBatch> batches() const { return {batches_.data(), count_}; }  // oldest first
  [[nodiscard]] std::int32_t last_sequence() const { return count_ == 0 ? no_sequence : batches_[count_ - 1].last_sequence; }
  [[nodiscard]] Offset last_offset() const { return count_ == 0 ? no_offset : batches_[count_ - 1].last_offset; }
  void keep(const KeptBatch& batch);
  void clear() { count_ = 0; }

 private:
  std::array<KeptBatch, batches_kept_per_producer> batches_{};
  std::size_t count_ = 0;
};

class ProducerStateManager {
 public:
  // ---- before the write ----
  // The kept batch that `batch` repeats: same producer, epoch and sequences.
  [[nodiscard]] std::optional<KeptBatch> find_duplicate(const ProducerBatch& batch) const;
  // Whether the batches, in order, may follow what is known. They are checked as if each were applied before the next.
  [[nodiscard]] std::expected<void, AppendError> check(std::span<const ProducerBatch> batches, AppendOrigin origin) const;
  [[nodiscard]] std::expected<void, AppendError> check(const TransactionMarker& marker, AppendOrigin origin) const;

  // ---- after the write, in offset order ----
  void update(const ProducerBatch& batch, std::int64_t now_ms);
  // The transaction that the marker ends, if one was open.
  std::optional<CompletedTransaction> update(const TransactionMarker& marker, std::int64_t now_ms);
  // All below `end` is applied. Never goes back, but by `reset`.
  void set_end(Offset end);
  [[nodiscard]] Offset end() const { return end_; }

  // ---- transactions ----
  // The first offset that is not decided: of an open transaction, or of an ended one whose marker is not yet below the high
  // watermark.
  [[nodiscard]] std::optional<Offset> first_unstable_offset() const;
  // The last stable offset as it will be once `completed` is removed from the open ones: what a transaction-index entry holds.
  [[nodiscard]] Offset last_stable_offset_after(const CompletedTransaction& completed) const;
  void on_high_watermark(Offset high_watermark);
  // Records below are gone, and with them the transactions that ended there; open ones stay open.
  void on_log_start(Offset log_start);

  // ---- upkeep ----
  // Forgets producers not seen for `expiration_ms`; never one with an open transaction.
  std::size_t remove_expired(std::int64_t now_ms, std::int64_t expiration_ms);
  // Replaces all: the state at `end`, as a snapshot gives it.
  void reset(std::span<const ProducerEntry> entries, Offset end, std::int64_t now_ms);
  [[nodiscard]] const ProducerEntry* find(ProducerId producer) const;
  [[nodiscard]] const std::map<ProducerId, ProducerEntry>& producers() const { return producers_; }
  void check_invariants() const;

 private:
  std::map<ProducerId, ProducerEntry> producers_;
  std::map<Offset, ProducerId> open_transactions_;  // by first offset
  std::map<Offset, Offset> unreplicated_;           // ended: first offset -> offset of its marker
  Offset end_{0};
};

}  // namespace squall::log
