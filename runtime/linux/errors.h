// From errno to IoError.
#pragma once

#include <cerrno>
#include <expected>

#include "runtime/io.h"

namespace squall::runtime {

[[nodiscard]] IoError io_error_of(int error);
[[nodiscard]] inline std::unexpected<IoError> last_error() { return std::unexpected{io_error_of(errno)}; }

// Calls `system_call` until no signal interrupts it.
template <class Call>
auto uninterrupted(Call&& system_call) {
  auto result = system_call();
  while (result < 0 && errno == EINTR) result = system_call();
  return result;
}

}  // namespace squall::runtime
