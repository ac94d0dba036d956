// The purgatory of waiting requests: a Fetch that has too few bytes, or a Produce that waits for the high watermark, watches
// its partitions and sleeps; whatever may complete it wakes it, and it looks again.
//
// A watch lives on the stack of the waiting fiber and leaves all lists when it is destroyed, so nothing is ever purged.
#pragma once

#include <cstddef>
#include <vector>

#include "base/time.h"
#include "runtime/fiber.h"

namespace squall::runtime {
class World;
}

namespace squall::broker {

class Watch;

// The line of watches of one partition (or of anything else that can be waited for).
class WatchList {
 public:
  WatchList() = default;
  ~WatchList();
  WatchList(const WatchList&) = delete;
  WatchList& operator=(const WatchList&) = delete;

  // Wakes all that watch.
  void notify();
  [[nodiscard]] bool empty() const { return first_ == nullptr; }

 private:
  friend class Watch;
  struct Link {
    Watch* watch = nullptr;
    WatchList* list = nullptr;
    Link* previous = nullptr;
    Link* next = nullptr;
  };
  Link* first_ = nullptr;
};

class Watch {
 public:
  // Of the calling fiber; `lists` is the most lists it will watch.
  Watch(runtime::World& world, std::size_t lists);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  void add(WatchList& list);
  // Waits until notified since the last call (or since it was made), or until `deadline`. False: the deadline came.
  [[nodiscard]] bool wait_until(Instant deadline);

 private:
  friend class WatchList;
  void wake();

  runtime::World& world_;
  runtime::FiberId fiber_;
  std::vector<WatchList::Link> links_;
  bool woken_ = false;
};

}  // namespace squall::broker
