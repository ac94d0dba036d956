#include "broker/fetch_watch.h"

#include <utility>

#include "base/assert.h"
#include "runtime/world.h"

namespace squall::broker {

WatchList::~WatchList() {
  for (Link* link = first_; link != nullptr; link = link->next) link->list = nullptr;
}

void WatchList::notify() {
  for (Link* link = first_; link != nullptr; link = link->next) link->watch->wake();
}

Watch::Watch(runtime::World& world, std::size_t lists) : world_{world}, fiber_{world.current_fiber()} { links_.reserve(lists); }

Watch::~Watch() {
  for (WatchList::Link& link : links_) {
    if (link.list == nullptr) continue;
    (link.previous == nullptr ? link.list->first_ : link.previous->next) = link.next;
    if (link.next != nullptr) link.next->previous = link.previous;
  }
}

void Watch::add(WatchList& list) {
  SQUALL_ASSERT(links_.size() < links_.capacity(), "links do not move once they are in a list");
  WatchList::Link& link = links_.emplace_back();
  link = {.watch = this, .list = &list, .previous = nullptr, .next = list.first_};
  if (list.first_ != nullptr) list.first_->previous = &link;
  list.first_ = &link;
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
