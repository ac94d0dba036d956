// Produce requests with acks=all that wait for the high watermark, of one partition.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "base/types.h"
#include "protocol/error_code.h"

namespace squall::broker {

// A waiting request, as the shell names it.
using ProduceWaiter = Strong<struct ProduceWaiterTag, std::uint64_t>;

// The waiter may answer its client.
struct ProduceDone {
  ProduceWaiter waiter;
  protocol::ErrorCode error = protocol::ErrorCode::none;
  bool operator==(const ProduceDone&) const = default;
};

// Invariant: waits are ordered by the offset that they need.
class ProduceWaits {
 public:
  // `waiter` is done when the high watermark is at or above `required`: one above the last record that it appended.
  void add(ProduceWaiter waiter, Offset required);
  // The request gave up (its time ran out). False if it had been answered.
  bool forget(ProduceWaiter waiter);
  // Completes, in the order of their offsets, all that need no more than `high_watermark`.
  void complete(Offset high_watermark, protocol::ErrorCode error, std::vector<ProduceDone>& done);
  void fail_all(protocol::ErrorCode error, std::vector<ProduceDone>& done);
  [[nodiscard]] bool empty() const { return waits_.empty(); }
  [[nodiscard]] std::size_t size() const { return waits_.size(); }

 private:
  struct Wait {
    Offset required;
    ProduceWaiter waiter;
  };
  std::deque<Wait> waits_;
};

}  // namespace squall::broker
