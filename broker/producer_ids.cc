#include "broker/producer_ids.h"

#include <mutex>

#include "broker/broker_state.h"
#include "runtime/deadline.h"

namespace squall::broker {

using protocol::ErrorCode;

std::expected<ProducerId, ErrorCode> ProducerIds::next(BrokerState& broker) {
  constexpr Duration patience = std::chrono::seconds{5};
  const Instant deadline = runtime::deadline_in(broker.world, patience);
  // The client asks again after either: without a controller, nobody waits for longer than for one answer.
  if (!turn_.lock_until(deadline)) return std::unexpected(ErrorCode::coordinator_load_in_progress);
  const std::lock_guard lock{turn_, std::adopt_lock};
  if (left_ == 0) {
    protocol::AllocateProducerIdsRequest request;
    request.broker_id = broker.config.node_id.value();
    request.broker_epoch = broker.lifecycle->broker_epoch();
    const auto block = broker.controller_channel->ask(request, deadline);
    if (!block) return std::unexpected(ErrorCode::coordinator_load_in_progress);
    if (block->error_code != 0) return std::unexpected(static_cast<ErrorCode>(block->error_code));
    if (block->producer_id_len <= 0) return std::unexpected(ErrorCode::unknown_server_error);  // 2^63 ids are used up
    next_ = block->producer_id_start;
    left_ = block->producer_id_len;
  }
  --left_;
  return ProducerId{next_++};
}

}  // namespace squall::broker
