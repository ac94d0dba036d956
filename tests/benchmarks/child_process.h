// A process that a benchmark starts and always ends.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace squall::benchmarks {

class ChildProcess {
 public:
  // Runs `command` (a path and its arguments), its output discarded.
  explicit ChildProcess(const std::vector<std::string>& command);
  // Runs `function` in a forked copy of this process.
  explicit ChildProcess(const std::function<void()>& function);
  ~ChildProcess();  // kills and reaps it
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // Resident memory now, in KiB, from /proc.
  [[nodiscard]] std::uint64_t resident_kib() const;

 private:
  pid_t pid_;
};

}  // namespace squall::benchmarks
