// The producer's senders: which batches may go, and putting them into requests.
#include <algorithm>
#include <limits>

#include "client/producer_core.h"
#include "protocol/error_code.h"
#include "runtime/deadline.h"

namespace squall::client {

void Producer::Core::wait_for_work(NodeSender& sender, Instant until) {
  sender.wakes_at = until;
  (void)sender.work.wait_until(until);
  sender.wakes_at = Instant{};
}

void Producer::Core::run_sender(NodeSender& sender) {
  while (!stopped_) {
    follow_metadata();
    if (sender.in_flight >= options_.in_flight_max) {
      wait_for_work(sender, end_of_time);
      continue;
    }
    if (const Instant ready = next_ready(sender); ready > world_.now()) {
      wait_for_work(sender, ready);
      continue;
    }
    const auto connection = cluster_.connection_to(sender.node, runtime::deadline_in(world_, options_.request_timeout));
    if (stopped_) break;
    if (!connection) {
      cluster_.invalidate();
      keeper_work_.notify_all();
      wait_for_work(sender, runtime::deadline_in(world_, options_.retry.after(1, random_)));
    } else if (InFlight* const request = collect(sender)) {
      dispatch(sender, *request, **connection);
    }
  }
}

Instant Producer::Core::next_ready(NodeSender& sender) {
  Instant soonest = end_of_time;
  const std::size_t end = sender.queues.size();
  for (std::size_t at = sender.next_filled(0, end); at < end; at = sender.next_filled(at + 1, end)) {
    soonest = std::min(soonest, ready_at(*sender.queues[at]));
  }
  return soonest;
}

// When the first batch of the partition may leave; end_of_time if something has to happen first, which will wake the sender.
Instant Producer::Core::ready_at(PartitionQueue& queue) {
  if (queue.waiting.empty() || !may_send(queue)) return end_of_time;
  const Batch& batch = *queue.waiting.front();
  const bool hurry = batch.full || batch.attempts > 0 || queue.waiting.size() > 1 || batch.generation <= flushed_generation_ ||
                     closing_ || memory_waiters_ > 0;
  return std::max(hurry ? Instant{} : runtime::later(batch.created, options_.linger), queue.not_before);
}

bool Producer::Core::may_send(PartitionQueue& queue) {
  if (queue.in_flight.size() >= options_.in_flight_max) return false;
  if (!idempotent_) return true;
  // New batches wait until it is known where the sequence goes on.
  if (queue.needs_reset || (queue.unresolved_order != 0 && !queue.waiting.front()->sequenced)) {
    if (!queue.in_flight.empty() || !reset_identity(queue) || queue.waiting.empty()) return false;
  }
  const Batch& batch = *queue.waiting.front();
  if (!queue.identity.known()) {
    if (!identity_.known()) {
      keeper_work_.notify_all();
      return false;
    }
    queue.identity = identity_;
    queue.next_sequence = 0;
    queue.established = false;
  }
  // A broker takes any sequence as the first of a producer that it does not know: were the first batch refused or lost, one
  // behind it would be appended before it. So the first goes alone.
  if (!queue.established && !queue.in_flight.empty()) return false;
  // What is sent again goes alone: the broker would refuse it behind a later batch, and take it before an earlier one.
  return !batch.sequenced || queue.is_first_outstanding(batch);
}

// Begins the partition's sequence again under a higher epoch, or a new id, by which the broker could not tell a batch that it
// has from a new one. Nothing is in flight: each batch that waits was certainly not appended, or is given up.
bool Producer::Core::reset_identity(PartitionQueue& queue) {
  give_up_in_doubt(queue);
  constexpr ProducerEpoch last_epoch{std::numeric_limits<std::int16_t>::max()};
  if (queue.identity == identity_ && identity_.known()) {
    if (identity_.epoch == last_epoch) {
      identity_ = {};
    } else {
      ++identity_.epoch;
    }
  }
  if (!identity_.known()) {
    keeper_work_.notify_all();
    return false;
  }
  queue.identity = identity_;
  queue.next_sequence = 0;
  queue.needs_reset = false;
  queue.established = false;
  queue.unresolved_order = 0;
  for (const auto& batch : queue.waiting) {
    if (!batch->sequenced) break;
    protocol::set_producer_state(batch->bytes, identity_.id, identity_.epoch, queue.next_sequence);
    queue.next_sequence = protocol::sequence_after(queue.next_sequence, batch->count());
  }
  return true;
}

void Producer::Core::give_up_in_doubt(PartitionQueue& queue) {
  const auto in_doubt = [](const std::unique_ptr<Batch>& batch) { return batch->sequenced && batch->maybe_appended; };
  const Error error = refused_with(queue.reset_code, "the sequence is lost, and these records may have been appended under it");
  for (auto at = std::ranges::find_if(queue.waiting, in_doubt); at != queue.waiting.end();
       at = std::ranges::find_if(queue.waiting, in_doubt)) {
    std::unique_ptr<Batch> batch = std::move(*at);
    queue.waiting.erase(at);
    give_up(std::move(batch), error);
  }
}

void Producer::Core::finish_batch(PartitionQueue& queue, Batch& batch) {
  batch.full = true;
  batch.order = queue.next_order++;
  if (idempotent_) {
    batch.builder.set_producer(queue.identity.id, queue.identity.epoch, queue.next_sequence);
    batch.sequenced = true;
    queue.next_sequence = protocol::sequence_after(queue.next_sequence, batch.count());
  }
  batch.bytes = batch.builder.finish(compressor_);
}

// Moves what is ready in the queues from `from` to `end` into the request. False once the request is full: the next one begins
// where it ended.
bool Producer::Core::take_batches(NodeSender& sender, InFlight& request, std::size_t from, std::size_t end) {
  const Instant now = world_.now();
  for (std::size_t at = sender.next_filled(from, end); at < end; at = sender.next_filled(at + 1, end)) {
    PartitionQueue& queue = *sender.queues[at];
    if (ready_at(queue) > now) continue;
    Batch& batch = *queue.waiting.front();
    if (batch.order == 0) finish_batch(queue, batch);
    if (request.bytes > 0 && request.bytes + batch.bytes.size() > options_.request_bytes_max) {
      sender.first = at;
      return false;
    }
    request.bytes += batch.bytes.size();
    request.batches.push_back(&batch);
    queue.in_flight.push_back(std::move(queue.waiting.front()));
    queue.waiting.pop_front();
  }
  return true;
}

// Moves the batches of one request from their queues to `in_flight`. Null if none is ready.
Producer::Core::InFlight* Producer::Core::collect(NodeSender& sender) {
  auto idle = std::ranges::find_if(sender.requests, [](const auto& request) { return !request->busy; });
  if (idle == sender.requests.end()) {
    sender.requests.push_back(std::make_unique<InFlight>(*this, sender));
    idle = sender.requests.end() - 1;
  }
  InFlight& request = **idle;
  request.batches.clear();
  request.bytes = 0;
  const std::size_t first = sender.first < sender.queues.size() ? sender.first : 0;
  if (take_batches(sender, request, first, sender.queues.size())) (void)take_batches(sender, request, 0, first);
  if (request.batches.empty()) return nullptr;
  std::ranges::sort(request.batches, {}, [](const Batch* batch) { return batch->queue->ordinal; });
  return &request;
}

// Fills `sender.request`; the version to send it in, or nothing if the peer has none.
std::optional<std::int16_t> Producer::Core::build_request(NodeSender& sender, const InFlight& request,
                                                          const Connection& connection) {
  constexpr std::int16_t topic_ids_from = 13;
  const bool ids_known = std::ranges::none_of(request.batches, [](const Batch* b) { return b->queue->topic->id.is_zero(); });
  const std::int16_t version_max = ids_known ? INT16_MAX : topic_ids_from - 1;
  const auto version = connection.versions().choose<protocol::ProduceRequest>(version_max);
  if (!version) return std::nullopt;
  protocol::ProduceRequest& message = sender.request;
  message.acks = static_cast<std::int16_t>(options_.acks);
  message.timeout_ms = static_cast<std::int32_t>(to_ms(options_.request_timeout));
  const ProducerTopic* topic = nullptr;
  std::size_t topics = 0;  // those of the last request are used again, with the memory that they hold
  for (const Batch* const batch : request.batches) {
    if (batch->queue->topic != topic) {
      topic = batch->queue->topic;
      if (topics == message.topic_data.size()) message.topic_data.emplace_back();
      auto& data = message.topic_data[topics++];
      data.partition_data.clear();
      data.topic_id = *version >= topic_ids_from ? topic->id : Uuid{};
      data.name = *version >= topic_ids_from ? std::string_view{} : std::string_view{topic->name};
    }
    auto& partition = message.topic_data[topics - 1].partition_data.emplace_back();
    partition.index = batch->queue->index.value();
    partition.records = protocol::Records::of(batch->bytes);
  }
  message.topic_data.resize(topics);
  return version;
}

void Producer::Core::dispatch(NodeSender& sender, InFlight& request, Connection& connection) {
  request.busy = true;
  ++sender.in_flight;
  const auto version = build_request(sender, request, connection);
  if (!version) {
    return request.on_failure({.failure = Failure::unsupported, .detail = "no version of Produce in common"});
  }
  request.version = *version;
  const bool answered = options_.acks != Acks::none;
  const Instant deadline = runtime::deadline_in(world_, options_.request_timeout);
  const auto sent = connection.send(sender.request, *version, answered ? &request : nullptr, deadline);
  if (!sent) return request.on_failure(sent.error());
  if (answered) return;
  request.busy = false;
  --sender.in_flight;
  for (Batch* const batch : request.batches) complete(batch->queue->take_in_flight(*batch), no_offset, -1);
}

}  // namespace squall::client
