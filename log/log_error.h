// Why the log store refused something. Each value has one Kafka error code at the wire, named beside it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace squall::log {

enum class LogError : std::uint8_t {
  corrupt_message = 1,        // CORRUPT_MESSAGE: bad length, magic, count or CRC
  invalid_record,             // INVALID_RECORD: a record of the batch breaks a rule
  message_too_large,          // MESSAGE_TOO_LARGE: one batch is above max.message.bytes
  record_list_too_large,      // RECORD_LIST_TOO_LARGE: the batches together do not fit in a segment
  invalid_timestamp,          // INVALID_TIMESTAMP: outside message.timestamp.{before,after}.max.ms
  unsupported_format,         // UNSUPPORTED_FOR_MESSAGE_FORMAT: magic below 2
  offset_out_of_range,        // OFFSET_OUT_OF_RANGE: below the log start, or above the log end
  out_of_order_sequence,      // OUT_OF_ORDER_SEQUENCE_NUMBER
  invalid_producer_epoch,     // INVALID_PRODUCER_EPOCH
  coordinator_fenced,         // TRANSACTION_COORDINATOR_FENCED
  invalid_transaction_state,  // INVALID_TXN_STATE
  unexpected_append_offset,   // a replicated batch lies below the log end; never reaches the wire
  storage_error,              // KAFKA_STORAGE_ERROR: the log's directory is offline
  not_found,                  // UNKNOWN_TOPIC_OR_PARTITION: no such log
  no_space,                   // KAFKA_STORAGE_ERROR: the disk is full, and the log goes on without the records
};

[[nodiscard]] std::string_view to_string(LogError error);

// One record that made its batch invalid (Produce v8 reports these, KIP-467).
struct RecordError {
  std::int32_t batch_index = 0;
  std::string message;
};

struct AppendError {
  LogError code{};
  std::string message;
  std::vector<RecordError> record_errors;
};

}  // namespace squall::log
