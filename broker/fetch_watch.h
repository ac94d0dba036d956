// The purgatory of waiting requests: a Fetch that has too few bytes, or a Produce that waits for the high watermark, watches
// its partitions and sleeps; whatever may complete it wakes it, and it looks again. A fetch session watches its partitions,
// too, so that a fetch in it need only look at what has changed.
//
// A watch lives on the stack of the waiting fiber and leaves all lists when it is destroyed, so nothing is ever purged.
#pragma once

#include <cstddef>
#include <memory>

#include "base/time.h"
#include "runtime/fiber.h"

namespace squall::runtime {
class World;
}

namespace squall::broker {

class WatchLink;

// The line of those that watch one partition (or anything else that can be waited for).
class WatchList {
 public:
  WatchList() = default;
  ~WatchList();
  WatchList(const WatchList&) = delete;
  WatchList& operator=(const WatchList&) = delete;

  // Tells all that watch.
  void notify();
  // Tells them of what is not worth waking for: it goes with the next news.
  void note();
  [[nodiscard]] bool empty() const { return first_ == nullptr; }

 private:
  friend class WatchLink;
  WatchLink* first_ = nullptr;
};

// A place in at most one list, which it leaves when it is destroyed. A list that goes lets it go.
class WatchLink {
 public:
  WatchLink() = default;
  WatchLink(const WatchLink&) = delete;
  WatchLink& operator=(const WatchLink&) = delete;
  virtual ~WatchLink() { leave(); }

  // In place of the list that it was in.
  void join(WatchList& list);
  void leave();
  [[nodiscard]] bool is_in(const WatchList& list) const { return list_ == &list; }

 private:
  friend class WatchList;
  // Must neither wait nor change a list.
  virtual void notified() = 0;
  virtual void noted() {}

  WatchList* list_ = nullptr;
  WatchLink* previous_ = nullptr;
  WatchLink* next_ = nullptr;
};

class Watch {
 public:
  // Of the calling fiber; `lists` is the most lists it will watch.
  Watch(runtime::World& world, std::size_t lists);
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  void add(WatchList& list);
  // Waits until notified since the last call (or since it was made), or until `deadline`. False: the deadline came.
  [[nodiscard]] bool wait_until(Instant deadline);

 private:
  struct Link final : WatchLink {
    Watch* watch = nullptr;
    void notified() override { watch->wake(); }
  };
  void wake();

  runtime::World& world_;
  runtime::FiberId fiber_;
  std::unique_ptr<Link[]> links_;  // do not move once they are in a list
  std::size_t room_;
  std::size_t used_ = 0;
  bool woken_ = false;
};

}  // namespace squall::broker
