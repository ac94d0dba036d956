// The producer's keeper: time-outs of batches, metadata, and the producer id.
#include <algorithm>
#include <limits>

#include "client/producer_core.h"
#include "protocol/error_code.h"
#include "runtime/deadline.h"

namespace squall::client {

void Producer::Core::run_keeper() {
  while (!stopped_) {
    follow_metadata();
    const Instant next_expiry = expire(world_.now());
    const Instant patience = std::min(next_expiry, runtime::deadline_in(world_, options_.request_timeout));
    if (idempotent_ && !identity_.known() && outstanding_ > 0) keep_identity(patience);
    if (stopped_) break;
    if (!topics_.empty()) keep_metadata(patience);
    if (stopped_) break;
    follow_metadata();
    // A batch that is begun while this fiber waits expires no sooner than a whole delivery time-out from now.
    Instant next = std::min(next_expiry, runtime::deadline_in(world_, options_.delivery_timeout));
    if (idempotent_ && !identity_.known() && outstanding_ > 0) next = std::min(next, identity_not_before_);
    if (!topics_.empty()) next = std::min(next, std::max(cluster_.next_refresh(), refresh_not_before_));
    if (next > world_.now()) (void)keeper_work_.wait_until(next);
  }
}

// Gives up the waiting batches whose time is over; tells when the next one's will be.
Instant Producer::Core::expire(Instant now) {
  Instant next = end_of_time;
  for (auto& [name, topic] : topics_) {
    for (auto& queue : topic->partitions) {
      while (!queue->waiting.empty() && queue->waiting.front()->deadline <= now) {
        std::unique_ptr<Batch> batch = std::move(queue->waiting.front());
        queue->waiting.pop_front();
        give_up(std::move(batch), {.failure = Failure::timed_out, .detail = "delivery.timeout.ms has passed"});
      }
      if (!queue->waiting.empty()) next = std::min(next, queue->waiting.front()->deadline);
    }
  }
  return next;
}

void Producer::Core::keep_metadata(Instant deadline) {
  const Instant now = world_.now();
  if (now < cluster_.next_refresh() || now < refresh_not_before_) return;
  if (cluster_.refresh(deadline)) {
    refresh_attempts_ = 0;
    refresh_not_before_ = Instant{};
  } else {
    ++refresh_attempts_;
    refresh_not_before_ = runtime::deadline_in(world_, options_.retry.after(refresh_attempts_, random_));
  }
}

void Producer::Core::keep_identity(Instant deadline) {
  using protocol::ErrorCode;
  if (world_.now() < identity_not_before_) return;
  protocol::InitProducerIdRequest request;
  request.transactional_id.reset();
  request.transaction_timeout_ms = std::numeric_limits<std::int32_t>::max();
  Error error;
  const auto connection = cluster_.any_connection(deadline);
  if (connection) {
    const auto response = (*connection)->call(request, deadline);
    if (response && response->error_code == 0) {
      identity_ = {.id = ProducerId{response->producer_id}, .epoch = ProducerEpoch{response->producer_epoch}};
      identity_attempts_ = 0;
      return wake_all();
    }
    error = response ? refused_with(static_cast<ErrorCode>(response->error_code), "InitProducerId") : response.error();
  } else {
    error = connection.error();
  }
  ++identity_attempts_;
  identity_not_before_ = runtime::deadline_in(world_, options_.retry.after(identity_attempts_, random_));
  if (!stopped_ && !is_retriable(error) && error.failure != Failure::closed) fail_waiting(error);
}

}  // namespace squall::client
