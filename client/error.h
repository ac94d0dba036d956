// Why a client could not do what it was asked.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "protocol/error_code.h"
#include "runtime/io.h"

namespace squall::client {

enum class Failure : std::uint8_t {
  disconnected = 1,  // the connection could not be made, or broke before the answer: what was asked may have been done
  timed_out,         // the deadline came first: what was asked may have been done, or may still be
  closed,            // this side has closed the client
  malformed,         // the peer answered with what is not Kafka
  unsupported,       // the peer has no version of the request that we have, or none that can carry what was asked
  refused,           // the peer answered with an error code
  corrupt,           // fetched records fail their CRC or cannot be read
  out_of_range,      // the position is outside the log and no reset policy was chosen
  too_large,         // the record does not fit max.request.size or buffer.memory
  invalid,           // the caller asked for what makes no sense (a partition that does not exist)
};

[[nodiscard]] std::string_view to_string(Failure failure);

struct Error {
  Failure failure = Failure::invalid;
  protocol::ErrorCode code{};  // with `refused`; otherwise 0
  std::string_view detail{};   // a literal, or empty

  [[nodiscard]] std::string to_string() const;
};

template <class T>
using Result = std::expected<T, Error>;

// Whether the answer says that our metadata (leaders, topic ids) is old.
[[nodiscard]] bool is_stale_metadata(protocol::ErrorCode code);
// Whether the same request may succeed later: what Kafka calls retriable, and disconnects, time-outs and nonsense.
[[nodiscard]] bool is_retriable(const Error& error);

[[nodiscard]] Error refused_with(protocol::ErrorCode code, std::string_view detail = {});
[[nodiscard]] Error failed_by(runtime::IoError error);

}  // namespace squall::client
