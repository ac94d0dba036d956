#include <array>

#include "base/assert.h"
#include "client/partitioner.h"
#include "client/producer.h"
#include "scenarios/run/workloads.h"

namespace squall::scenarios {
namespace {

using protocol::Codec;

Codec codec_named(std::string_view name) {
  if (name == "gzip") return Codec::gzip;
  if (name == "snappy") return Codec::snappy;
  if (name == "lz4") return Codec::lz4;
  if (name == "zstd") return Codec::zstd;
  return Codec::none;
}

// A record between `send` and its fate.
struct Outstanding {
  PartitionId partition = 0;
  std::uint64_t sequence = 0;
  Instant sent;
};

class ProducerClient final : public client::DeliveryListener {
 public:
  ProducerClient(RunContext& run, ClientNode& node, runtime::World& world)
      : run_{run},
        node_{node},
        world_{world},
        plan_{run.plan.workloads[node.workload]},
        random_{world.fork_random("workload")},
        id_{run.next_client++},
        producer_{world, run.cluster_options(node.node->name(), plan_.request_timeout), options()} {
    for (const TopicPlan& topic : run_.plan.topics) {
      if (topic.name != plan_.topic) continue;
      for (std::int32_t index = 0; index < topic.partitions; ++index) {
        partitions_.push_back(run_.checks.history().partition_id(topic.name, index));
        if (effectively_idempotent()) run_.checks.history().partition(partitions_.back()).set_idempotent(id_);
      }
    }
    payload_.resize(static_cast<std::size_t>(std::max<std::int64_t>(plan_.record_size_max, payload_bytes_min)));
    node_.settle = [this] { report_pending(); };
  }
  ~ProducerClient() {
    report_pending();
    node_.settle = nullptr;
  }

  void run() {
    const Instant begin = run_.begun + plan_.start;
    sleep_to(begin);
    run_.checks.availability().sending(plan_.index, run_.now());
    // Clients of one workload take turns instead of sending in step.
    Duration due{
        plan_.interval_ns == 0 ? 0 : static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(plan_.interval_ns)))};
    const Instant origin = world_.now();
    std::int64_t sent = 0;
    while (run_.sending && !over() && (plan_.records == 0 || sent < plan_.records)) {
      if (plan_.interval_ns > 0) {
        const Instant next = origin + due;
        if (next > world_.now()) world_.sleep_until(std::min(next, world_.now() + std::chrono::milliseconds{200}));
        if (next > world_.now()) continue;  // a long wait is taken in pieces, to notice the end
        due += Duration{plan_.interval_ns};
        // A client that was frozen does not send all that it missed at once.
        if (origin + due + std::chrono::seconds{1} < world_.now()) due = world_.now() - origin;
      } else if (sent % 64 == 63) {
        world_.yield();
      }
      send_one();
      ++sent;
    }
    run_.checks.availability().stopped(plan_.index, run_.now());
    static_cast<void>(producer_.flush(world_.now() + plan_.delivery_timeout));
    producer_.close(world_.now() + plan_.request_timeout);
    report_pending();
  }

  void on_delivery(std::uint64_t tag, const client::Delivery& delivery) override {
    const Outstanding record = outstanding_[tag];
    free_.push_back(static_cast<std::uint32_t>(tag));
    if (!delivery.acknowledged()) {
      ++run_.checks.tally().records_failed;
      ++run_.checks.tally().client_errors;
      return;
    }
    const Instant now = run_.now();
    const std::int64_t offset = delivery.offset.value();
    if (pending_.count > 0 && pending_.partition == record.partition && pending_.at == now &&
        pending_.first_sequence + pending_.count == record.sequence && offset >= 0 && survives_ &&
        pending_.base_offset + pending_.count == offset) {
      ++pending_.count;
      return;
    }
    report_pending();
    pending_ = AckedBatch{.partition = record.partition,
                          .client = id_,
                          .first_sequence = record.sequence,
                          .count = 1,
                          .base_offset = survives_ ? offset : -1,
                          .sent = record.sent,
                          .at = now};
    run_.checks.availability().acknowledged(plan_.index, now);
  }

 private:
  [[nodiscard]] bool effectively_idempotent() const { return plan_.idempotence && plan_.acks == "all" && plan_.in_flight <= 5; }

  [[nodiscard]] client::ProducerOptions options() const {
    client::ProducerOptions options;
    options.acks = plan_.acks == "0" ? client::Acks::none : plan_.acks == "1" ? client::Acks::leader : client::Acks::all;
    options.idempotence = effectively_idempotent();
    options.compression = codec_named(plan_.compression);
    options.batch_bytes = static_cast<std::size_t>(plan_.batch_size);
    options.linger = plan_.linger;
    options.in_flight_max = static_cast<std::size_t>(plan_.in_flight);
    options.request_timeout = plan_.request_timeout;
    options.delivery_timeout = plan_.delivery_timeout;
    options.block_max = std::chrono::seconds{2};
    options.request_bytes_max =
        std::max<std::size_t>(std::size_t{1} << 20, static_cast<std::size_t>(plan_.record_size_max) * 2);
    return options;
  }

  [[nodiscard]] bool over() const { return plan_.stop && run_.now() >= run_.begun + *plan_.stop; }

  void sleep_to(Instant simulated) {
    while (run_.sending && run_.now() < simulated) {
      const Duration left = simulated - run_.now();
      world_.sleep_until(world_.now() + std::min<Duration>(left, std::chrono::milliseconds{500}));
    }
  }

  [[nodiscard]] std::size_t choose_partition(std::int64_t key) {
    const std::size_t count = partitions_.size();
    if (plan_.partition == "random") return random_.below(count);
    if (plan_.partition == "key" && key > 0) {
      std::array<std::uint8_t, 8> bytes{};
      store_be(bytes.data(), key);
      return static_cast<std::size_t>(client::partition_for_key(bytes, count).value());
    }
    if (plan_.partition == "sticky") return (turn_++ / 100) % count;
    return turn_++ % count;
  }

  void send_one() {
    const std::int64_t key = plan_.keys.draw(random_);
    const std::size_t chosen = choose_partition(key);
    const PartitionId partition = partitions_[chosen];
    PartitionHistory& history = run_.checks.history().partition(partition);
    const std::int64_t now_ms = to_ms(world_.wall_now());
    const RecordTag tag{.workload = static_cast<std::uint16_t>(plan_.index),
                        .client = id_,
                        .partition = partition,
                        .sequence = history.next_sequence(id_, now_ms),
                        .timestamp_ms = now_ms};
    const auto size = static_cast<std::size_t>(std::max<std::int64_t>(payload_bytes_min, plan_.record_size.draw(random_)));
    const MutableBytes payload{payload_.data(), std::min(size, payload_.size())};
    write_payload(payload, tag);

    client::ProducerRecord record{.topic = plan_.topic,
                                  .partition = PartitionIndex{static_cast<std::int32_t>(chosen)},
                                  .timestamp_ms = tag.timestamp_ms,
                                  .key = {},
                                  .value = ByteView{payload},
                                  .headers = {}};
    std::array<std::uint8_t, 8> key_bytes{};
    if (key > 0) {
      store_be(key_bytes.data(), key);
      record.key = ByteView{key_bytes};
    }
    headers_.assign(static_cast<std::size_t>(plan_.headers), protocol::RecordHeader{"scenario", as_bytes("header")});
    record.headers = headers_;

    std::uint32_t slot = 0;
    if (free_.empty()) {
      slot = static_cast<std::uint32_t>(outstanding_.size());
      outstanding_.emplace_back();
    } else {
      slot = free_.back();
      free_.pop_back();
    }
    outstanding_[slot] = {partition, tag.sequence, run_.now()};
    ++run_.checks.tally().records_sent;
    const auto sent = producer_.send(record, this, slot);
    if (sent) return;
    free_.push_back(slot);
    ++run_.checks.tally().client_errors;
    if (plan_.interval_ns == 0) world_.sleep_until(world_.now() + std::chrono::milliseconds{10});
  }

  void report_pending() {
    if (pending_.count == 0) return;
    const AckedBatch batch = std::exchange(pending_, AckedBatch{});
    run_.checks.acked(batch);
  }

  RunContext& run_;
  ClientNode& node_;
  runtime::World& world_;
  const WorkloadPlan& plan_;
  Random random_;
  ClientId id_;
  std::vector<PartitionId> partitions_;
  std::vector<Outstanding> outstanding_;
  std::vector<std::uint32_t> free_;
  std::vector<protocol::RecordHeader> headers_;
  ByteBuffer payload_;
  // With acks=1 a record that its leader alone holds may be lost with it, and its offset given to another.
  bool survives_ = plan_.acks != "1" || run_.plan.replication_of(plan_.topic) == 1;
  AckedBatch pending_;
  std::uint64_t turn_ = 0;
  client::Producer producer_;
};

}  // namespace

void run_producer(RunContext& run, ClientNode& client, runtime::World& world) {
  ProducerClient producer{run, client, world};
  producer.run();
}

}  // namespace squall::scenarios
