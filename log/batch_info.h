// What the log needs to know of a batch: read from its header, without touching its records.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/types.h"
#include "log/producer_state.h"
#include "protocol/record_batch.h"

namespace squall::log {

struct BatchInfo {
  Offset base_offset = no_offset;
  Offset last_offset = no_offset;
  std::uint64_t position = 0;  // in the segment, or in the bytes being appended
  std::uint64_t bytes = 0;
  std::int64_t max_timestamp_ms = -1;
  LeaderEpoch leader_epoch = no_epoch;
  ProducerId producer_id = no_producer;
  ProducerEpoch producer_epoch = no_producer_epoch;
  std::int32_t first_sequence = no_sequence;
  std::int32_t last_sequence = no_sequence;
  bool transactional = false;
  bool control = false;

  [[nodiscard]] Offset next_offset() const { return last_offset + 1; }
  // Whether it is data of an idempotent producer, which the producer state keeps.
  [[nodiscard]] bool has_producer_data() const { return producer_id > no_producer && !control; }
  [[nodiscard]] ProducerBatch producer_batch() const;
};

[[nodiscard]] BatchInfo describe(const protocol::RecordBatchView& batch, std::uint64_t position);
// The marker that a control batch of a producer holds; nothing for other batches. `batch` is whole.
[[nodiscard]] std::optional<TransactionMarker> marker_of(const protocol::RecordBatchView& batch);

}  // namespace squall::log
