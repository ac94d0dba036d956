#include "base/assert.h"

#include <fmt/core.h>

#include <cstdio>
#include <cstdlib>

namespace squall {
namespace {
// One per process: an assert may fail where no world is in reach.
FailureHandler failure_handler = nullptr;
}  // namespace

void set_failure_handler(FailureHandler handler) { failure_handler = handler; }

void assert_failed(std::string_view what, std::string_view file, int line) {
  const FailureHandler handler = failure_handler;
  failure_handler = nullptr;  // an assert inside the handler must not come back here
  if (handler != nullptr) handler(what, file, line);
  fmt::print(stderr, "{}:{}: assertion failed: {}\n", file, line, what);
  std::fflush(stderr);
  std::abort();
}

void fatal(ExitCode code, std::string_view reason) {
  fmt::print(stderr, "fatal: {}\n", reason);
  std::fflush(stderr);
  std::_Exit(static_cast<int>(code));
}

}  // namespace squall
