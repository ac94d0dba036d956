#include "broker/replication/produce_waits.h"

#include <algorithm>

namespace squall::broker {

void ProduceWaits::add(ProduceWaiter waiter, Offset required) {
  // Appends come in the order of offsets, so the place is at or near the end.
  auto at = waits_.end();
  while (at != waits_.begin() && std::prev(at)->required > required) --at;
  waits_.insert(at, {required, waiter});
}

bool ProduceWaits::forget(ProduceWaiter waiter) {
  const auto at = std::ranges::find(waits_, waiter, &Wait::waiter);
  if (at == waits_.end()) return false;
  waits_.erase(at);
  return true;
}

void ProduceWaits::complete(Offset high_watermark, protocol::ErrorCode error, std::vector<ProduceDone>& done) {
  while (!waits_.empty() && waits_.front().required <= high_watermark) {
    done.push_back({waits_.front().waiter, error});
    waits_.pop_front();
  }
}

void ProduceWaits::fail_all(protocol::ErrorCode error, std::vector<ProduceDone>& done) {
  for (const Wait& wait : waits_) done.push_back({wait.waiter, error});
  waits_.clear();
}

}  // namespace squall::broker
