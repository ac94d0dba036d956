// Asserts that stay on in release, and the one way to give up.
//
// SQUALL_ASSERT states an invariant: its failure is a bug in Squall. `fatal` states that the environment cannot be worked
// with (a corrupt meta.properties, a lost disk): it is not a bug, and it carries a stable exit code.
#pragma once

#include <string_view>

namespace squall {

// Stable exit codes of the programs, beyond 0 (see docs/style.md).
enum class ExitCode : int {
  check_failed = 1,
  bad_usage = 2,
  internal_error = 3,
  storage_failed = 4,
  corrupt_metadata = 5,
  not_admitted = 6,  // the cluster did not let the node join
  cut_short = 7,     // a second signal ended a clean stop
};

// What is told of a failed assert before the process ends. Called once, on the failing stack; must not return control to it
// other than by ending the process. The default prints to standard error and aborts.
using FailureHandler = void (*)(std::string_view what, std::string_view file, int line);
void set_failure_handler(FailureHandler handler);

[[noreturn]] void assert_failed(std::string_view what, std::string_view file, int line);
[[noreturn]] void fatal(ExitCode code, std::string_view reason);

}  // namespace squall

#define SQUALL_ASSERT(condition, what)                                       \
  do {                                                                       \
    if (!(condition)) [[unlikely]]                                           \
      ::squall::assert_failed(what " [" #condition "]", __FILE__, __LINE__); \
  } while (false)
