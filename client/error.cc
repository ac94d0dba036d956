#include "client/error.h"

#include <fmt/format.h>

#include "protocol/error_code.h"

namespace squall::client {

using protocol::ErrorCode;

std::string_view to_string(Failure failure) {
  switch (failure) {
    case Failure::disconnected: return "disconnected";
    case Failure::timed_out: return "timed out";
    case Failure::closed: return "closed";
    case Failure::malformed: return "malformed answer";
    case Failure::unsupported: return "not supported by the peer";
    case Failure::refused: return "refused";
    case Failure::corrupt: return "corrupt records";
    case Failure::out_of_range: return "offset out of range";
    case Failure::too_large: return "too large";
    case Failure::invalid: return "invalid";
  }
  return "unknown";
}

std::string Error::to_string() const {
  std::string text{client::to_string(failure)};
  if (failure == Failure::refused) text += fmt::format(" with {}", protocol::to_string(code));
  if (!detail.empty()) text += fmt::format(" ({})", detail);
  return text;
}

bool is_stale_metadata(ErrorCode code) {
  switch (code) {
    case ErrorCode::unknown_topic_or_partition:
    case ErrorCode::leader_not_available:
    case ErrorCode::not_leader_or_follower:
    case ErrorCode::replica_not_available:
    case ErrorCode::kafka_storage_error:
    case ErrorCode::listener_not_found:
    case ErrorCode::fenced_leader_epoch:
    case ErrorCode::unknown_leader_epoch:
    case ErrorCode::unknown_topic_id:
    case ErrorCode::inconsistent_topic_id:
    case ErrorCode::not_controller: return true;
    default: return false;
  }
}

bool is_retriable(const Error& error) {
  if (error.failure == Failure::refused) return is_retriable(error.code);
  return error.failure == Failure::disconnected || error.failure == Failure::timed_out || error.failure == Failure::malformed;
}

Error refused_with(ErrorCode code, std::string_view detail) {
  return {.failure = Failure::refused, .code = code, .detail = detail};
}

Error failed_by(runtime::IoError error) {
  switch (error) {
    case runtime::IoError::timed_out: return {.failure = Failure::timed_out, .detail = "the connection timed out"};
    case runtime::IoError::closed: return {.failure = Failure::closed};
    default: return {.failure = Failure::disconnected, .detail = runtime::to_string(error)};
  }
}

}  // namespace squall::client
