#include "log/batch_info.h"

namespace squall::log {

ProducerBatch BatchInfo::producer_batch() const {
  return {.producer_id = producer_id,
          .producer_epoch = producer_epoch,
          .first_sequence = first_sequence,
          .last_sequence = last_sequence,
          .first_offset = base_offset,
          .last_offset = last_offset,
          .timestamp_ms = max_timestamp_ms,
          .transactional = transactional};
}

BatchInfo describe(const protocol::RecordBatchView& batch, std::uint64_t position) {
  return {.base_offset = batch.base_offset(),
          .last_offset = batch.last_offset(),
          .position = position,
          .bytes = batch.size_bytes(),
          .max_timestamp_ms = batch.max_timestamp_ms(),
          .leader_epoch = batch.partition_leader_epoch(),
          .producer_id = batch.producer_id(),
          .producer_epoch = batch.producer_epoch(),
          .first_sequence = batch.base_sequence(),
          .last_sequence = batch.last_sequence(),
          .transactional = batch.is_transactional(),
          .control = batch.is_control()};
}

std::optional<TransactionMarker> marker_of(const protocol::RecordBatchView& batch) {
  if (!batch.is_control() || !batch.has_producer_id() || batch.codec() != protocol::Codec::none) return std::nullopt;
  protocol::RecordReader reader{batch, batch.payload()};
  protocol::RecordView record;
  if (!reader.next(record) || !record.value) return std::nullopt;
  const auto type = protocol::control_type_of(record);
  if (type != protocol::ControlType::abort && type != protocol::ControlType::commit) return std::nullopt;
  const auto marker = protocol::EndTransactionMarker::parse(*record.value);
  if (!marker) return std::nullopt;
  return TransactionMarker{.producer_id = batch.producer_id(),
                           .producer_epoch = batch.producer_epoch(),
                           .commit = type == protocol::ControlType::commit,
                           .coordinator_epoch = marker->coordinator_epoch,
                           .offset = batch.last_offset(),
                           .timestamp_ms = batch.max_timestamp_ms()};
}

}  // namespace squall::log
