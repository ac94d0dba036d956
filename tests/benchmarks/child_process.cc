#include "tests/benchmarks/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

namespace squall::benchmarks {
namespace {

pid_t fork_bound_to_this_process() {
  const pid_t pid = fork();
  if (pid == 0) prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (pid < 0) std::exit(1);
  return pid;
}

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& command) : pid_{fork_bound_to_this_process()} {
  if (pid_ != 0) return;
  const int nowhere = open("/dev/null", O_RDWR);
  dup2(nowhere, STDIN_FILENO);
  dup2(nowhere, STDOUT_FILENO);
  dup2(nowhere, STDERR_FILENO);
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  execv(arguments[0], arguments.data());
  _exit(127);
}

ChildProcess::ChildProcess(const std::function<void()>& function) : pid_{fork_bound_to_this_process()} {
  if (pid_ != 0) return;
  function();
  _exit(0);
}

ChildProcess::~ChildProcess() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

std::uint64_t ChildProcess::resident_kib() const {
  std::ifstream status{"/proc/" + std::to_string(pid_) + "/status"};
  std::string word;
  while (status >> word) {
    if (word == "VmRSS:") {
      std::uint64_t kib = 0;
      status >> kib;
      return kib;
    }
  }
  return 0;
}

}  // namespace squall::benchmarks
