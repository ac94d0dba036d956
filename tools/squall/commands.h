// The commands of `squall`. Each returns the program's exit code: 0 all held; 1 a check failed; 2 bad usage or scenario; 3 the
// harness itself is at fault.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace squall::tools {

inline constexpr int exit_held = 0;
inline constexpr int exit_failed = 1;
inline constexpr int exit_usage = 2;
inline constexpr int exit_harness = 3;

struct RunArguments {
  std::string scenario;
  std::optional<std::uint64_t> seed;
  std::string seeds;  // "A..B"
  std::string trace;  // a file for Perfetto
  std::string until;
  std::string break_on;
  std::string digest;  // of the scenario, when replaying: must match
  bool verify = false;
  bool json = false;
  bool verbose = false;
  std::string command = "squall";
};

[[nodiscard]] int run_command(const RunArguments& arguments);
[[nodiscard]] int replay_command(const std::string& id, RunArguments arguments);
[[nodiscard]] int list_command(const std::string& what, bool json);

// One line on standard error, or with `json` one object {"verdict":"error",...} on standard output. Returns `code`.
int complain(const std::string& what, bool json, int code);

}  // namespace squall::tools
