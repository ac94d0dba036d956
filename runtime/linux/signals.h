// SIGTERM and SIGINT as a descriptor that the reactor watches. They are blocked in the thread that makes this (and in threads
// it starts later) as long as it lives.
#pragma once

#include <signal.h>

#include <functional>

#include "runtime/linux/reactor.h"

namespace squall::runtime {

class StopSignals {
 public:
  // `on_signal` is called from the main loop, once for each signal.
  StopSignals(Reactor& reactor, std::function<void(int)> on_signal);
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

 private:
  void take();

  std::function<void(int)> on_signal_;
  sigset_t before_{};
  UniqueFd fd_;
  Watch watch_;
};

// A write to a socket whose peer is gone must fail, not end the process; sendfile has no flag that says so.
void ignore_broken_pipes();

}  // namespace squall::runtime
