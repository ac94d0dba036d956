// A writer of a partition's log: a change of role waits for it.
#pragma once

#include "broker/partition.h"

namespace squall::broker {

class Partition::Writing {
 public:
  explicit Writing(Partition& partition) : partition_{partition} { ++partition.writers_; }
  ~Writing() {
    if (--partition_.writers_ == 0 && partition_.changing_) partition_.settled_.wake_all();
  }
  Writing(const Writing&) = delete;
  Writing& operator=(const Writing&) = delete;

 private:
  Partition& partition_;
};

}  // namespace squall::broker
