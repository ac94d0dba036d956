// Epoll, edge-triggered: each descriptor is registered once, for both directions, and never again. Callers try their system
// call first; only when it would block do they clear the direction's flag and wait for the edge that sets it.
#pragma once

#include <functional>

#include "base/time.h"
#include "runtime/io.h"
#include "runtime/linux/unique_fd.h"
#include "runtime/scheduler.h"

namespace squall::runtime {

// What epoll has told of one descriptor, and who wants to know. Lives at one address while its descriptor is open.
struct Watch {
  struct Direction {
    bool ready = true;  // until a call has said that it would block
    FiberId waiter;
  };
  Direction in;
  Direction out;
  std::move_only_function<void()> on_ready;  // called from the loop, for descriptors that no fiber waits for
};

class Reactor {
 public:
  Reactor(Scheduler& scheduler, std::size_t events_per_poll = 256);

  // Registers `fd` until it is closed.
  Result<void> add(int fd, Watch& watch);
  // Waits until something is ready, at most `wait`, and tells the watches. From the main loop only.
  void poll(Duration wait);

 private:
  int wait_for_events(Duration wait);

  Scheduler& scheduler_;
  UniqueFd epoll_;
  std::vector<char> events_;  // room for epoll_event, which only the implementation knows
  bool has_pwait2_ = true;
};

}  // namespace squall::runtime
