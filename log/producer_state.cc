#include "log/producer_state.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"

namespace squall::log {
namespace {

constexpr std::int32_t sequence_max = std::numeric_limits<std::int32_t>::max();

AppendError refused(LogError code, std::string message) { return {code, std::move(message), {}}; }

// What a check must know of a producer: its entry, as the batches checked before would have changed it.
struct Known {
  ProducerEpoch epoch = no_producer_epoch;
  std::int32_t last_sequence = no_sequence;
  bool in_transaction = false;
};

std::expected<void, AppendError> check_one(const ProducerBatch& batch, const Known& known, AppendOrigin origin) {
  if (origin == AppendOrigin::replication) return {};
  if (batch.producer_epoch < known.epoch) {
    return std::unexpected(refused(
        LogError::invalid_producer_epoch,
        fmt::format("producer {} has epoch {}, and wrote with {}", batch.producer_id, known.epoch, batch.producer_epoch)));
  }
  if (origin == AppendOrigin::client && known.epoch != no_producer_epoch) {
    const std::int32_t wanted = batch.producer_epoch == known.epoch ? next_sequence(known.last_sequence) : 0;
    if (batch.first_sequence != wanted) {
      return std::unexpected(refused(LogError::out_of_order_sequence,
                                     fmt::format("producer {} epoch {}: sequence {} is next, and {} came", batch.producer_id,
                                                 batch.producer_epoch, wanted, batch.first_sequence)));
    }
  }
  if (known.in_transaction && !batch.transactional && batch.producer_epoch == known.epoch) {
    return std::unexpected(refused(LogError::invalid_transaction_state,
                                   fmt::format("producer {} wrote outside its open transaction", batch.producer_id)));
  }
  return {};
}

}  // namespace

std::int32_t next_sequence(std::int32_t sequence) { return sequence == sequence_max ? 0 : sequence + 1; }

std::int32_t advance_sequence(std::int32_t sequence, std::int32_t by) {
  if (sequence > sequence_max - by) return by - (sequence_max - sequence) - 1;
  return sequence + by;
}

std::int32_t KeptBatch::first_sequence() const {
  if (last_sequence >= offset_delta) return last_sequence - offset_delta;
  return sequence_max - (offset_delta - last_sequence) + 1;
}

void ProducerEntry::keep(const KeptBatch& batch) {
  if (count_ == batches_.size()) {
    std::move(batches_.begin() + 1, batches_.end(), batches_.begin());
    --count_;
  }
  batches_[count_++] = batch;
}

std::optional<KeptBatch> ProducerStateManager::find_duplicate(const ProducerBatch& batch) const {
  const ProducerEntry* entry = find(batch.producer_id);
  if (entry == nullptr || entry->producer_epoch != batch.producer_epoch) return std::nullopt;
  for (const KeptBatch& kept : entry->batches()) {
    if (kept.last_sequence == batch.last_sequence && kept.first_sequence() == batch.first_sequence) return kept;
  }
  return std::nullopt;
}

std::expected<void, AppendError> ProducerStateManager::check(std::span<const ProducerBatch> batches,
                                                             AppendOrigin origin) const {
  for (std::size_t i = 0; i < batches.size(); ++i) {
    const ProducerBatch& batch = batches[i];
    Known known;
    if (const ProducerEntry* entry = find(batch.producer_id)) {
      known = {entry->producer_epoch, entry->last_sequence(), entry->current_txn_first_offset != no_offset};
    }
    for (std::size_t before = 0; before < i; ++before) {
      if (batches[before].producer_id != batch.producer_id) continue;
      known = {batches[before].producer_epoch, batches[before].last_sequence,
               known.in_transaction || batches[before].transactional};
    }
    if (auto checked = check_one(batch, known, origin); !checked) return checked;
  }
  return {};
}

std::expected<void, AppendError> ProducerStateManager::check(const TransactionMarker& marker, AppendOrigin origin) const {
  const ProducerEntry* entry = find(marker.producer_id);
  if (entry == nullptr || origin == AppendOrigin::replication) return {};
  if (marker.producer_epoch < entry->producer_epoch) {
    return std::unexpected(
        refused(LogError::invalid_producer_epoch, fmt::format("producer {} has epoch {}, and its marker {}", marker.producer_id,
                                                              entry->producer_epoch, marker.producer_epoch)));
  }
  if (marker.coordinator_epoch < entry->coordinator_epoch) {
    return std::unexpected(
        refused(LogError::coordinator_fenced,
                fmt::format("coordinator epoch {} was seen, and {} came", entry->coordinator_epoch, marker.coordinator_epoch)));
  }
  return {};
}

void ProducerStateManager::update(const ProducerBatch& batch, std::int64_t now_ms) {
  SQUALL_ASSERT(batch.producer_id > no_producer && batch.last_offset >= batch.first_offset, "a producer's batch has offsets");
  ProducerEntry& entry = producers_[batch.producer_id];
  entry.producer_id = batch.producer_id;
  if (entry.producer_epoch != batch.producer_epoch) {
    entry.producer_epoch = batch.producer_epoch;
    entry.clear();
  }
  entry.keep({batch.last_sequence, batch.last_offset, static_cast<std::int32_t>(batch.last_offset - batch.first_offset),
              batch.timestamp_ms});
  entry.last_timestamp_ms = batch.timestamp_ms;
  entry.last_seen_ms = now_ms;
  if (batch.transactional && entry.current_txn_first_offset == no_offset) {
    entry.current_txn_first_offset = batch.first_offset;
    open_transactions_.emplace(batch.first_offset, batch.producer_id);
  }
}

std::optional<CompletedTransaction> ProducerStateManager::update(const TransactionMarker& marker, std::int64_t now_ms) {
  ProducerEntry& entry = producers_[marker.producer_id];
  entry.producer_id = marker.producer_id;
  if (entry.producer_epoch != marker.producer_epoch) {
    entry.producer_epoch = marker.producer_epoch;
    entry.clear();
  }
  entry.coordinator_epoch = std::max(entry.coordinator_epoch, marker.coordinator_epoch);  // never back (KAFKA-9144)
  entry.last_timestamp_ms = marker.timestamp_ms;
  entry.last_seen_ms = now_ms;
  if (entry.current_txn_first_offset == no_offset) return std::nullopt;
  const CompletedTransaction completed{marker.producer_id, entry.current_txn_first_offset, marker.offset, !marker.commit};
  open_transactions_.erase(entry.current_txn_first_offset);
  unreplicated_.emplace(entry.current_txn_first_offset, marker.offset);
  entry.current_txn_first_offset = no_offset;
  return completed;
}

void ProducerStateManager::set_end(Offset end) {
  SQUALL_ASSERT(end >= end_, "producer state only moves forward");
  end_ = end;
}

std::optional<Offset> ProducerStateManager::first_unstable_offset() const {
  std::optional<Offset> first;
  if (!open_transactions_.empty()) first = open_transactions_.begin()->first;
  if (!unreplicated_.empty()) {
    const Offset ended = unreplicated_.begin()->first;
    first = first ? std::min(*first, ended) : ended;
  }
  return first;
}

Offset ProducerStateManager::last_stable_offset_after(const CompletedTransaction& completed) const {
  for (const auto& [first, producer] : open_transactions_) {
    if (producer != completed.producer_id) return first;
  }
  return completed.last_offset + 1;
}

void ProducerStateManager::on_high_watermark(Offset high_watermark) {
  std::erase_if(unreplicated_, [&](const auto& ended) { return ended.second < high_watermark; });
}

void ProducerStateManager::on_log_start(Offset log_start) {
  std::erase_if(unreplicated_, [&](const auto& ended) { return ended.second < log_start; });
  end_ = std::max(end_, log_start);
}

std::size_t ProducerStateManager::remove_expired(std::int64_t now_ms, std::int64_t expiration_ms) {
  return std::erase_if(producers_, [&](const auto& item) {
    const ProducerEntry& entry = item.second;
    return entry.current_txn_first_offset == no_offset && now_ms - entry.last_seen_ms >= expiration_ms;
  });
}

void ProducerStateManager::reset(std::span<const ProducerEntry> entries, Offset end, std::int64_t now_ms) {
  producers_.clear();
  open_transactions_.clear();
  unreplicated_.clear();
  end_ = end;
  for (const ProducerEntry& entry : entries) {
    ProducerEntry& placed = producers_[entry.producer_id] = entry;
    placed.last_seen_ms = now_ms;
    if (entry.current_txn_first_offset != no_offset) {
      open_transactions_.emplace(entry.current_txn_first_offset, entry.producer_id);
    }
  }
}

const ProducerEntry* ProducerStateManager::find(ProducerId producer) const {
  const auto found = producers_.find(producer);
  return found == producers_.end() ? nullptr : &found->second;
}

void ProducerStateManager::check_invariants() const {
  for (const auto& [id, entry] : producers_) {
    SQUALL_ASSERT(id == entry.producer_id && id > no_producer, "an entry lies under its producer's id");
    Offset last = no_offset;
    for (const KeptBatch& kept : entry.batches()) {
      SQUALL_ASSERT(kept.last_offset > last, "the kept batches have rising offsets");
      last = kept.last_offset;
    }
    const auto open = open_transactions_.find(entry.current_txn_first_offset);
    SQUALL_ASSERT(entry.current_txn_first_offset == no_offset || (open != open_transactions_.end() && open->second == id),
                  "an open transaction is known by its first offset");
  }
  for (const auto& [first, producer] : open_transactions_) {
    const ProducerEntry* entry = find(producer);
    SQUALL_ASSERT(entry != nullptr && entry->current_txn_first_offset == first, "an open transaction has its producer");
  }
}

}  // namespace squall::log
