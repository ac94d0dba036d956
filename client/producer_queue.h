// What the producer keeps for each partition: its batches, in order, and its place in the sequence.
//
// Invariant: `waiting` holds first the batches that are to be sent again, in the order in which they were first sent, then
// those that have not been sent, the last of which may be open. `in_flight` is in the order of sending.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/fifo.h"
#include "base/time.h"
#include "base/types.h"
#include "base/uuid.h"
#include "client/partitioner.h"
#include "client/producer.h"
#include "protocol/error_code.h"
#include "protocol/record_batch_builder.h"
#include "runtime/semaphore.h"

namespace squall::client {

struct ProducerIdentity {
  ProducerId id = no_producer;
  ProducerEpoch epoch = protocol::no_producer_epoch;

  bool operator==(const ProducerIdentity&) const = default;
  [[nodiscard]] bool known() const { return id != no_producer; }
};

struct PartitionQueue;

struct Batch {
  struct Heard {
    DeliveryListener* listener = nullptr;
    std::uint64_t tag = 0;
    std::int64_t timestamp_ms = 0;
  };

  PartitionQueue* queue = nullptr;
  protocol::RecordBatchBuilder builder;
  std::vector<Heard> records;
  MutableBytes bytes;  // once it has been finished
  Instant created{};
  Instant deadline{};
  std::uint64_t generation = 0;  // for `flush`
  std::uint64_t order = 0;       // of its first sending within the partition; 0: not sent yet
  runtime::SemaphoreUnits memory;
  std::uint32_t attempts = 0;
  bool full = false;
  bool sequenced = false;
  bool maybe_appended = false;  // an attempt of it ended without a word on whether it was

  [[nodiscard]] std::int32_t count() const { return static_cast<std::int32_t>(records.size()); }
};

struct ProducerTopic;

struct PartitionQueue {
  ProducerTopic* topic = nullptr;
  PartitionIndex index;
  std::uint32_t ordinal = 0;  // of all the producer's partitions: the order within a request
  NodeId leader = no_node;
  std::size_t place = 0;  // among the queues of its leader's sender
  Fifo<std::unique_ptr<Batch>> waiting;
  std::vector<std::unique_ptr<Batch>> in_flight;
  Instant not_before{};  // the back-off after a failure
  std::uint64_t next_order = 1;
  // Idempotence
  ProducerIdentity identity;
  std::int32_t next_sequence = 0;
  bool established = false;            // the broker has acknowledged a batch of this identity
  bool needs_reset = false;            // the broker does not go on from our sequence: raise the epoch, begin at 0
  protocol::ErrorCode reset_code{};    // the answer that told so
  std::uint64_t unresolved_order = 0;  // a batch that was given up: whether its sequences were used is not known

  // The open batch, if there is one.
  [[nodiscard]] Batch* open_batch() const {
    if (waiting.empty() || waiting.back()->full || waiting.back()->order != 0) return nullptr;
    return waiting.back().get();
  }
  // Puts a batch that was in flight back to its place.
  void put_back(std::unique_ptr<Batch> batch) {
    auto at = waiting.begin();
    while (at != waiting.end() && (*at)->order != 0 && (*at)->order < batch->order) ++at;
    waiting.insert(at, std::move(batch));
  }
  [[nodiscard]] std::unique_ptr<Batch> take_in_flight(const Batch& batch) {
    for (auto at = in_flight.begin(); at != in_flight.end(); ++at) {
      if (at->get() != &batch) continue;
      std::unique_ptr<Batch> taken = std::move(*at);
      in_flight.erase(at);
      return taken;
    }
    return nullptr;
  }
  [[nodiscard]] bool is_first_outstanding(const Batch& batch) const {
    const auto earlier = [&batch](const std::unique_ptr<Batch>& other) {
      return other->order != 0 && other->order < batch.order;
    };
    return std::ranges::none_of(in_flight, earlier) && std::ranges::none_of(waiting, earlier);
  }
};

struct ProducerTopic {
  std::string name;
  Uuid id;
  StickyPartition sticky;
  std::vector<std::unique_ptr<PartitionQueue>> partitions;
};

}  // namespace squall::client
