// The machine's clocks.
#pragma once

#include "base/time.h"

namespace squall::runtime {

class Clock {
 public:
  Clock();  // now is the zero of `now`
  [[nodiscard]] Instant now() const;
  [[nodiscard]] static WallTime wall_now();

 private:
  Duration start_;
};

}  // namespace squall::runtime
