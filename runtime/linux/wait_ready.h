// A fiber's wait for one direction of a descriptor.
#pragma once

#include "base/assert.h"
#include "runtime/linux/core.h"

namespace squall::runtime {

// Makes the running fiber the one that `direction` wakes, as long as it waits.
class WaitsFor {
 public:
  WaitsFor(Core& core, Watch::Direction& direction) : direction_{direction} {
    SQUALL_ASSERT(!direction_.waiter, "one fiber at a time waits for one direction of a socket");
    direction_.waiter = core.scheduler.current();
  }
  ~WaitsFor() { direction_.waiter = {}; }
  WaitsFor(const WaitsFor&) = delete;
  WaitsFor& operator=(const WaitsFor&) = delete;

 private:
  Watch::Direction& direction_;
};

}  // namespace squall::runtime
