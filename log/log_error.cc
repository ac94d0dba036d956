#include "log/log_error.h"

namespace squall::log {

std::string_view to_string(LogError error) {
  switch (error) {
    case LogError::corrupt_message: return "corrupt message";
    case LogError::invalid_record: return "invalid record";
    case LogError::message_too_large: return "message too large";
    case LogError::record_list_too_large: return "record list too large";
    case LogError::invalid_timestamp: return "invalid timestamp";
    case LogError::unsupported_format: return "unsupported message format";
    case LogError::offset_out_of_range: return "offset out of range";
    case LogError::out_of_order_sequence: return "out of order sequence";
    case LogError::invalid_producer_epoch: return "invalid producer epoch";
    case LogError::coordinator_fenced: return "transaction coordinator fenced";
    case LogError::invalid_transaction_state: return "invalid transaction state";
    case LogError::unexpected_append_offset: return "unexpected append offset";
    case LogError::storage_error: return "storage error";
    case LogError::not_found: return "not found";
    case LogError::no_space: return "no space left on the disk";
  }
  return "unknown";
}

}  // namespace squall::log
