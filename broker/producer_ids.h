// Hands out producer ids from blocks that the controller gave: an id is never given twice, across restarts too.
#pragma once

#include <cstdint>
#include <expected>

#include "base/types.h"
#include "protocol/error_code.h"
#include "runtime/mutex.h"
#include "runtime/world.h"

namespace squall::broker {

struct BrokerState;

class ProducerIds {
 public:
  explicit ProducerIds(runtime::World& world) : turn_{world} {}

  // May wait: for a new block, if this one is used up.
  [[nodiscard]] std::expected<ProducerId, protocol::ErrorCode> next(BrokerState& broker);

 private:
  runtime::Mutex turn_;
  std::int64_t next_ = 0;
  std::int64_t left_ = 0;
};

}  // namespace squall::broker
