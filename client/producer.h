// The producer: records go into one open batch per partition, batches go to the partition's leader, and every record's fate is
// told exactly once.
//
// As Kafka's own: a batch leaves when it is full, when `linger` has passed since its first record, on `flush`, or when memory
// is short; one request carries at most one batch of each partition; at most `in_flight_max` requests are under way to a node.
// What fails in a way that may pass is sent again after a back-off, until `delivery_timeout` after the batch was begun; an
// attempt that is under way then is still waited for, at most `request_timeout`.
//
// Idempotence (KIP-98, KIP-360; needs acks = all): batches carry the producer's id and epoch and a sequence per partition,
// which they keep when they are sent again, so a retry is neither appended twice nor out of order. A batch that is sent again
// goes only when no earlier batch of its partition is outstanding. Where the outcome of a batch stays unknown, or the broker
// has lost the sequence, the epoch is raised and the partition begins at sequence 0 once nothing of it is in flight. The first
// batch of a sequence goes alone, which Java's producer does not ask for: a broker takes any sequence from a producer that it
// does not know, so a batch behind a refused first one would be appended before it.
//
// Order: with idempotence, records of a partition are appended in the order of `send`. Without, retries may swap batches
// unless in_flight_max is 1, as in Kafka.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/types.h"
#include "client/cluster.h"
#include "client/error.h"
#include "protocol/compression.h"
#include "protocol/record.h"
#include "runtime/world.h"

namespace squall::client {

enum class Acks : std::int16_t { none = 0, leader = 1, all = -1 };

// The defaults are Kafka 4's.
struct ProducerOptions {
  Acks acks = Acks::all;
  bool idempotence = true;  // ignored unless acks = all and in_flight_max <= 5
  protocol::Codec compression = protocol::Codec::none;
  std::size_t batch_bytes = 16384;                                         // batch.size
  Duration linger = std::chrono::milliseconds{5};                          // linger.ms
  std::size_t memory_bytes = std::size_t{32} << 20;                        // buffer.memory
  std::size_t request_bytes_max = std::size_t{1} << 20;                    // max.request.size
  std::size_t in_flight_max = 5;                                           // max.in.flight.requests.per.connection
  Duration block_max = std::chrono::seconds{60};                           // max.block.ms
  Duration request_timeout = std::chrono::seconds{30};                     // request.timeout.ms
  Duration delivery_timeout = std::chrono::seconds{120};                   // delivery.timeout.ms
  Backoff retry{std::chrono::milliseconds{100}, std::chrono::seconds{1}};  // retry.backoff.ms, retry.backoff.max.ms
};

// A record to send. All of it is copied before `send` returns.
struct ProducerRecord {
  std::string_view topic;
  std::optional<PartitionIndex> partition;   // else by the key (murmur2, as Java), else a sticky one (KIP-794)
  std::optional<std::int64_t> timestamp_ms;  // else the wall clock
  protocol::NullableBytes key;
  protocol::NullableBytes value;
  std::span<const protocol::RecordHeader> headers;
};

// The fate of one record.
struct Delivery {
  std::string_view topic;
  PartitionIndex partition;
  Offset offset = no_offset;      // no_offset with acks = none, and where the broker only says that it is a duplicate
  std::int64_t timestamp_ms = 0;  // the record's, or the broker's with log-append time
  std::optional<Error> error;     // nothing: acknowledged as `acks` asks
  // With an error: whether the record is certainly not in the log. False if it may be: a time-out, a lost connection, or a
  // lost sequence under which it may have been appended (docs/adr/0011).
  bool certainly_not_appended = false;

  [[nodiscard]] bool acknowledged() const { return !error.has_value(); }
};

// Who hears of deliveries. Called once for each record that `send` accepted, in the order of `send` within a batch, from a
// fiber of the producer (or from `close`); must not wait. May call nothing of the producer.
class DeliveryListener {
 public:
  virtual void on_delivery(std::uint64_t tag, const Delivery& delivery) = 0;

 protected:
  ~DeliveryListener() = default;
};

class Producer {
 public:
  Producer(runtime::World& world, ClusterOptions cluster, ProducerOptions options);
  // Abandons what has not been delivered (its listeners hear `closed`); waits for the producer's fibers to end.
  ~Producer();
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  // Puts the record into its batch. May wait, at most `block_max`, for metadata or for memory. An error here is final: the
  // listener will not hear of the record, and it is certainly not in the log. `listener` must outlive the delivery; `tag` is
  // handed back to it.
  [[nodiscard]] Result<void> send(const ProducerRecord& record, DeliveryListener* listener = nullptr, std::uint64_t tag = 0);
  // May wait: for the record's own delivery (which hurries its batch).
  [[nodiscard]] Result<Offset> send_and_wait(const ProducerRecord& record);
  // May wait, until every record accepted before the call has met its fate; timed_out if the deadline comes first.
  [[nodiscard]] Result<void> flush(Instant deadline = end_of_time);
  // Refuses new records, flushes until the deadline, fails the rest with `closed`, and waits for the fibers to end.
  void close(Instant deadline = end_of_time);

  // Records accepted whose fate is open.
  [[nodiscard]] std::uint64_t outstanding() const;
  [[nodiscard]] ProducerId producer_id() const;
  [[nodiscard]] ProducerEpoch producer_epoch() const;
  [[nodiscard]] Cluster& cluster();

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace squall::client
