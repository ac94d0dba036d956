#include "broker/fetch_watch.h"

#include <utility>

#include "base/assert.h"
#include "runtime/world.h"

namespace squall::broker {

WatchList::~WatchList() {
  for (WatchLink* link = first_; link != nullptr; link = link->next_) link->list_ = nullptr;
}

void WatchList::notify() {
  for (WatchLink* link = first_; link != nullptr; link = link->next_) link->notified();
}

void WatchList::note() {
  for (WatchLink* link = first_; link != nullptr; link = link->next_) link->noted();
}

void WatchLink::join(WatchList& list) {
  leave();
  list_ = &list;
  previous_ = nullptr;
  next_ = list.first_;
  if (next_ != nullptr) next_->previous_ = this;
  list.first_ = this;
}

void WatchLink::leave() {
  if (list_ == nullptr) return;
  (previous_ == nullptr ? list_->first_ : previous_->next_) = next_;
  if (next_ != nullptr) next_->previous_ = previous_;
  list_ = nullptr;
}

Watch::Watch(runtime::World& world, std::size_t lists)
    : world_{world}, fiber_{world.current_fiber()}, links_{std::make_unique<Link[]>(lists)}, room_{lists} {}

void Watch::add(WatchList& list) {
  SQUALL_ASSERT(used_ < room_, "no more lists are watched than was said");
  Link& link = links_[used_++];
  link.watch = this;
  link.join(list);
}

bool Watch::wait_until(Instant deadline) {
  while (!woken_) {
    if (world_.park_until(deadline) == runtime::Wake::deadline && !woken_) return false;
  }
  woken_ = false;
  return true;
}

void Watch::wake() {
  if (std::exchange(woken_, true)) return;
  world_.unpark(fiber_);
}

}  // namespace squall::broker
