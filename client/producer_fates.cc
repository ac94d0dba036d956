// What becomes of the producer's batches.
#include <algorithm>

#include "base/assert.h"
#include "client/producer_core.h"
#include "protocol/error_code.h"
#include "runtime/deadline.h"

namespace squall::client {

using protocol::ErrorCode;

namespace {

constexpr std::size_t spare_batches_max = 64;

// Refusals after which the records may be in the log all the same.
[[nodiscard]] bool may_have_appended(ErrorCode code) {
  return code == ErrorCode::not_enough_replicas_after_append || code == ErrorCode::request_timed_out ||
         code == ErrorCode::kafka_storage_error || code == ErrorCode::unknown_server_error;
}

}  // namespace

// ---- answers ----

Batch* Producer::Core::InFlight::take_batch(const protocol::ProduceResponse::TopicProduceResponse& topic, std::int32_t index) {
  constexpr std::int16_t topic_ids_from = 13;
  for (Batch*& batch : batches) {
    if (batch == nullptr || batch->queue->index.value() != index) continue;
    const ProducerTopic& asked = *batch->queue->topic;
    if (version >= topic_ids_from ? asked.id == topic.topic_id : asked.name == topic.name) return std::exchange(batch, nullptr);
  }
  return nullptr;
}

void Producer::Core::InFlight::settle(const protocol::ProduceResponse& response) {
  for (const auto& topic : response.responses) {
    for (const auto& partition : topic.partition_responses) {
      Batch* const batch = take_batch(topic, partition.index);
      if (batch == nullptr) continue;
      PartitionQueue& queue = *batch->queue;
      if (partition.current_leader.leader_id >= 0) {
        (void)core_.cluster_.learn_leader(queue.topic->name, queue.index, NodeId{partition.current_leader.leader_id},
                                          LeaderEpoch{partition.current_leader.leader_epoch});
      }
      core_.take_answer(*batch, {.code = static_cast<ErrorCode>(partition.error_code),
                                 .base_offset = Offset{partition.base_offset},
                                 .log_append_time_ms = partition.log_append_time_ms});
    }
  }
}

void Producer::Core::InFlight::fail_rest(const Error& error) {
  for (Batch*& slot : batches) {
    Batch* const batch = std::exchange(slot, nullptr);
    if (batch == nullptr) continue;
    std::unique_ptr<Batch> taken = batch->queue->take_in_flight(*batch);
    // What could not even be encoded has not left.
    if (error.failure == Failure::unsupported) {
      core_.give_up(std::move(taken), error);
    } else {
      taken->maybe_appended = true;
      core_.retry(std::move(taken), error);
    }
  }
  busy = false;
  const bool was_full = sender_.in_flight >= core_.options_.in_flight_max;
  --sender_.in_flight;
  if (was_full && sender_.wakes_at > Instant{}) {  // else it waits for a batch, whose partition wakes it
    sender_.wakes_at = Instant{};
    sender_.work.notify_all();
  }
}

void Producer::Core::InFlight::on_response(ArrivedResponse& response) {
  protocol::Reader reader{response.body()};
  if (decode(reader, version, core_.response_)) settle(core_.response_);
  fail_rest({.failure = Failure::malformed, .detail = "a Produce response that leaves a partition out"});
}

void Producer::Core::InFlight::on_failure(const Error& error) {
  core_.cluster_.invalidate();
  core_.keeper_work_.notify_all();
  fail_rest(error);
}

void Producer::Core::take_answer(Batch& batch, const Answer& answer) {
  PartitionQueue& queue = *batch.queue;
  if (answer.code == ErrorCode::none) {
    return complete(queue.take_in_flight(batch), answer.base_offset, answer.log_append_time_ms);
  }
  if (answer.code == ErrorCode::duplicate_sequence_number) return complete(queue.take_in_flight(batch), no_offset, -1);
  const Error error = refused_with(answer.code, "Produce");
  if (idempotent_ && take_sequence_error(batch, answer.code)) return retry(queue.take_in_flight(batch), error);
  batch.maybe_appended |= may_have_appended(answer.code);
  if (!is_retriable(answer.code)) return give_up(queue.take_in_flight(batch), error);
  if (is_stale_metadata(answer.code)) {
    cluster_.invalidate();
    keeper_work_.notify_all();
  }
  retry(queue.take_in_flight(batch), error);
}

// The broker does not know where our sequence stands. Behind an earlier batch that failed this is no wonder, and passes when
// that has been sent again; of the first one it means that our sequence cannot go on (KIP-360).
bool Producer::Core::take_sequence_error(Batch& batch, ErrorCode code) {
  PartitionQueue& queue = *batch.queue;
  switch (code) {
    case ErrorCode::out_of_order_sequence_number:
    case ErrorCode::unknown_producer_id:
      if (!queue.is_first_outstanding(batch)) return true;
      queue.needs_reset = true;
      queue.reset_code = code;
      return true;
    case ErrorCode::invalid_producer_epoch:
    case ErrorCode::producer_fenced:
      if (queue.identity == identity_) identity_ = {};
      queue.needs_reset = true;
      queue.reset_code = code;
      keeper_work_.notify_all();
      return true;
    default: return false;
  }
}

// ---- fates ----

void Producer::Core::retry(std::unique_ptr<Batch> batch, const Error& error) {
  PartitionQueue& queue = *batch->queue;
  const Instant now = world_.now();
  if (!stopped_ && now >= batch->deadline) {
    return give_up(std::move(batch), error.failure == Failure::refused ? error : Error{.failure = Failure::timed_out});
  }
  ++batch->attempts;
  queue.not_before = runtime::later(now, options_.retry.after(batch->attempts, random_));
  if (!stopped_) {
    world_.emit(runtime::EventName::client_retried, {{"topic", std::string_view{queue.topic->name}},
                                                     {"partition", std::int64_t{queue.index.value()}},
                                                     {"records", std::int64_t{batch->count()}},
                                                     {"attempt", std::int64_t{batch->attempts}},
                                                     {"error", std::int64_t{static_cast<std::int16_t>(error.code)}}});
  }
  queue.put_back(std::move(batch));
  wake(queue, queue.not_before);
}

void Producer::Core::complete(std::unique_ptr<Batch> batch, Offset base_offset, std::int64_t log_append_time_ms) {
  PartitionQueue& queue = *batch->queue;
  if (batch->order > queue.unresolved_order) queue.unresolved_order = 0;
  queue.established = true;
  world_.emit(runtime::EventName::records_acknowledged, {{"topic", std::string_view{queue.topic->name}},
                                                         {"partition", std::int64_t{queue.index.value()}},
                                                         {"offset", base_offset.value()},
                                                         {"records", std::int64_t{batch->count()}}});
  Delivery delivery{.topic = queue.topic->name, .partition = queue.index, .offset = base_offset, .error = std::nullopt};
  for (const Batch::Heard& record : batch->records) {
    delivery.timestamp_ms = log_append_time_ms >= 0 ? log_append_time_ms : record.timestamp_ms;
    if (record.listener != nullptr) record.listener->on_delivery(record.tag, delivery);
    if (base_offset != no_offset) ++delivery.offset;
  }
  retire(std::move(batch));
  if (!queue.waiting.empty()) wake(queue, Instant{});
}

void Producer::Core::give_up(std::unique_ptr<Batch> batch, const Error& error) {
  PartitionQueue& queue = *batch->queue;
  if (batch->sequenced) queue.unresolved_order = std::max(queue.unresolved_order, batch->order);
  Delivery delivery{
      .topic = queue.topic->name, .partition = queue.index, .error = error, .certainly_not_appended = !batch->maybe_appended};
  for (const Batch::Heard& record : batch->records) {
    delivery.timestamp_ms = record.timestamp_ms;
    if (record.listener != nullptr) record.listener->on_delivery(record.tag, delivery);
  }
  retire(std::move(batch));
  wake(queue, Instant{});
}

void Producer::Core::fail_all(const Error& error) {
  for (auto& [name, topic] : topics_) {
    for (auto& queue : topic->partitions) {
      while (!queue->in_flight.empty()) {
        std::unique_ptr<Batch> batch = queue->take_in_flight(*queue->in_flight.front());
        batch->maybe_appended = true;
        give_up(std::move(batch), error);
      }
    }
  }
  fail_waiting(error);
}

// What is in flight is left alone: its requests know it, and its answers will come.
void Producer::Core::fail_waiting(const Error& error) {
  for (auto& [name, topic] : topics_) {
    for (auto& queue : topic->partitions) {
      while (!queue->waiting.empty()) {
        std::unique_ptr<Batch> batch = std::move(queue->waiting.front());
        queue->waiting.pop_front();
        give_up(std::move(batch), error);
      }
    }
  }
}

void Producer::Core::retire(std::unique_ptr<Batch> batch) {
  const auto records = static_cast<std::uint64_t>(batch->count());
  SQUALL_ASSERT(outstanding_ >= records, "every record meets its fate once");
  outstanding_ -= records;
  batch->memory.release();
  const auto open = open_generations_.find(batch->generation);
  if (--open->second == 0) {
    open_generations_.erase(open);
    settled_.notify_all();
  }
  if (spare_.size() < spare_batches_max) spare_.push_back(std::move(batch));
}

std::unique_ptr<Batch> Producer::Core::new_batch() {
  if (spare_.empty()) return std::make_unique<Batch>();
  std::unique_ptr<Batch> batch = std::move(spare_.back());
  spare_.pop_back();
  batch->records.clear();
  batch->bytes = {};
  batch->order = 0;
  batch->attempts = 0;
  batch->full = false;
  batch->sequenced = false;
  batch->maybe_appended = false;
  return batch;
}

}  // namespace squall::client
