// What the files and sockets of a LinuxWorld share.
#pragma once

#include "runtime/linux/clock.h"
#include "runtime/linux/offload.h"
#include "runtime/linux/reactor.h"
#include "runtime/metrics.h"
#include "runtime/scheduler.h"

namespace squall::runtime {

struct Core {
  explicit Core(std::size_t offload_threads) : reactor{scheduler}, offload{scheduler, reactor, offload_threads} {}

  Clock clock;
  Metrics metrics;
  Scheduler scheduler;
  Reactor reactor;
  Offload offload;

  // Called before each I/O call that may succeed at once: now and then it lets the other fibers run, so that a busy stream
  // does not keep them waiting. May wait.
  void breathe() {
    if (++calls_ < calls_per_breath) return;
    calls_ = 0;
    scheduler.yield();
  }

 private:
  static constexpr int calls_per_breath = 64;
  int calls_ = 0;
};

}  // namespace squall::runtime
