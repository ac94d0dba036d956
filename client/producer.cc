#include "client/producer.h"

#include <algorithm>

#include "base/assert.h"
#include "client/producer_core.h"
#include "protocol/error_code.h"
#include "runtime/deadline.h"

namespace squall::client {

namespace {

constexpr std::size_t idempotent_in_flight_max = 5;

// Told of one delivery, and waited for.
class AwaitedDelivery final : public DeliveryListener {
 public:
  explicit AwaitedDelivery(runtime::World& world) : told_{world} {}
  void on_delivery(std::uint64_t, const Delivery& delivery) override {
    result_ = delivery.error ? Result<Offset>{std::unexpected{*delivery.error}} : Result<Offset>{delivery.offset};
    told_.notify_all();
  }
  [[nodiscard]] Result<Offset> wait() {
    told_.wait([this] { return result_.has_value(); });
    return *result_;
  }

 private:
  runtime::Condition told_;
  std::optional<Result<Offset>> result_;
};

}  // namespace

Producer::Core::Core(runtime::World& world, ClusterOptions cluster, ProducerOptions options)
    : world_{world},
      options_{options},
      idempotent_{options.idempotence && options.acks == Acks::all && options.in_flight_max <= idempotent_in_flight_max},
      random_{world.fork_random("client/producer")},
      cluster_{world,
               [&] {
                 cluster.connection.request_timeout = options.request_timeout;
                 return std::move(cluster);
               }()},
      memory_{world, options.memory_bytes},
      settled_{world},
      keeper_work_{world} {
  SQUALL_ASSERT(options.in_flight_max > 0 && options.batch_bytes > 0, "a producer may send something");
  keeper_ = runtime::start_task(world_, "producer keeper", [this] { run_keeper(); });
}

Producer::Core::~Core() { close(Instant{}); }

Result<ProducerTopic*> Producer::Core::topic_for(std::string_view name, Instant deadline) {
  if (const auto found = topics_.find(name); found != topics_.end()) return found->second.get();
  const auto info = cluster_.topic(name, deadline);
  if (!info) return std::unexpected{info.error()};
  auto& topic = topics_[std::string{name}];
  if (topic == nullptr) {
    topic = std::make_unique<ProducerTopic>();
    topic->name = name;
    metadata_seen_ = 0;
    follow_metadata();
  }
  return topic.get();
}

void Producer::Core::add_missing_partitions(ProducerTopic& topic, const TopicInfo& info) {
  while (topic.partitions.size() < info.partitions.size()) {
    auto queue = std::make_unique<PartitionQueue>();
    queue->topic = &topic;
    queue->index = PartitionIndex{static_cast<std::int32_t>(topic.partitions.size())};
    queue->ordinal = next_ordinal_++;
    topic.partitions.push_back(std::move(queue));
  }
}

// Takes over leaders, topic ids and new partitions, if metadata has come since the last time.
void Producer::Core::follow_metadata() {
  if (metadata_seen_ == cluster_.version()) return;
  metadata_seen_ = cluster_.version();
  for (auto& [node, sender] : senders_) {
    sender->queues.clear();
    sender->filled.clear();
  }
  for (auto& [name, topic] : topics_) {
    if (const TopicInfo* const info = cluster_.find_topic(name)) {
      topic->id = info->id;
      add_missing_partitions(*topic, *info);
    }
    for (auto& queue : topic->partitions) {
      const PartitionInfo* const info = cluster_.find_partition(name, queue->index);
      queue->leader = info == nullptr ? no_node : info->leader;
      if (queue->leader != no_node && !stopped_) sender_for(queue->leader).add(*queue);
    }
  }
  wake_all();
}

Producer::Core::NodeSender& Producer::Core::sender_for(NodeId node) {
  auto& sender = senders_[node];
  if (sender == nullptr) {
    sender = std::make_unique<NodeSender>(world_, node);
    sender->fiber = runtime::start_task(world_, "producer sender", [this, raw = sender.get()] { run_sender(*raw); });
  }
  return *sender;
}

// Something waits in the queue from `ready` on. Called whenever something is put into it.
void Producer::Core::wake(const PartitionQueue& queue, Instant ready) {
  const auto found = senders_.find(queue.leader);
  if (found == senders_.end()) {
    keeper_work_.notify_all();
    return;
  }
  NodeSender& sender = *found->second;
  sender.mark(queue);
  if (ready >= sender.wakes_at) return;
  sender.wakes_at = ready;
  sender.work.notify_all();
}

void Producer::Core::wake_all() {
  for (auto& [node, sender] : senders_) {
    sender->wakes_at = Instant{};
    sender->work.notify_all();
  }
}

Result<PartitionQueue*> Producer::Core::queue_for(const ProducerRecord& record, std::size_t record_bytes, Instant deadline) {
  const auto topic = topic_for(record.topic, deadline);
  if (!topic) return std::unexpected{topic.error()};
  const std::size_t partitions = (*topic)->partitions.size();
  if (partitions == 0) return std::unexpected{Error{.failure = Failure::invalid, .detail = "the topic has no partition"}};
  PartitionIndex index;
  if (record.partition) {
    index = *record.partition;
  } else if (record.key) {
    index = partition_for_key(*record.key, partitions);
  } else {
    index = (*topic)->sticky.choose(partitions, record_bytes, options_.batch_bytes, random_);
  }
  if (index.value() < 0 || static_cast<std::size_t>(index.value()) >= partitions) {
    return std::unexpected{Error{.failure = Failure::invalid, .detail = "the topic has no such partition"}};
  }
  return (*topic)->partitions[static_cast<std::size_t>(index.value())].get();
}

// The open batch of the partition with room for the record; a new one if there is none, which may wait for memory.
Result<Batch*> Producer::Core::batch_for(PartitionQueue& queue, std::size_t record_bytes, Instant deadline) {
  const auto with_room = [&]() -> Batch* {
    Batch* const open = queue.open_batch();
    if (open == nullptr || open->builder.size_bytes() + record_bytes <= options_.batch_bytes) return open;
    open->full = true;
    wake(queue, Instant{});
    return nullptr;
  };
  if (Batch* const open = with_room()) return open;
  const std::size_t needed = std::max(options_.batch_bytes, protocol::batch_header_bytes + record_bytes);
  if (needed > options_.memory_bytes) return std::unexpected{Error{.failure = Failure::too_large, .detail = "buffer.memory"}};
  runtime::SemaphoreUnits memory;
  if (memory_.try_acquire(needed)) {
    memory = {memory_, needed};
  } else {
    ++memory_waiters_;
    wake_all();
    struct Leaving {
      std::size_t& waiters;
      ~Leaving() { --waiters; }
    } const leaving{memory_waiters_};
    if (!memory_.acquire_until(deadline, needed)) {
      return std::unexpected{Error{.failure = Failure::timed_out, .detail = "no memory for the record (buffer.memory)"}};
    }
    memory = {memory_, needed};
    if (closing_) return std::unexpected{Error{.failure = Failure::closed}};
    if (Batch* const open = with_room()) return open;  // made by another fiber meanwhile
  }
  auto batch = new_batch();
  batch->queue = &queue;
  batch->memory = std::move(memory);
  batch->created = world_.now();
  batch->deadline = runtime::later(batch->created, options_.delivery_timeout);
  batch->generation = generation_;
  ++open_generations_[generation_];
  batch->builder.start({.codec = options_.compression});
  queue.waiting.push_back(std::move(batch));
  return queue.waiting.back().get();
}

Result<void> Producer::Core::send(const ProducerRecord& record, DeliveryListener* listener, std::uint64_t tag) {
  if (closing_) return std::unexpected{Error{.failure = Failure::closed}};
  const std::size_t bytes = protocol::RecordBatchBuilder::record_bytes_max(record.key, record.value, record.headers);
  if (bytes + protocol::batch_header_bytes > options_.request_bytes_max) {
    return std::unexpected{Error{.failure = Failure::too_large, .detail = "max.request.size"}};
  }
  const Instant deadline = runtime::deadline_in(world_, options_.block_max);
  const auto queue = queue_for(record, bytes, deadline);
  if (!queue) return std::unexpected{queue.error()};
  if (closing_) return std::unexpected{Error{.failure = Failure::closed}};
  const auto batch = batch_for(**queue, bytes, deadline);
  if (!batch) return std::unexpected{batch.error()};
  const std::int64_t timestamp = record.timestamp_ms ? *record.timestamp_ms : to_ms(world_.wall_now());
  (*batch)->builder.append(timestamp, record.key, record.value, record.headers);
  (*batch)->records.push_back({.listener = listener, .tag = tag, .timestamp_ms = timestamp});
  ++outstanding_;
  if ((*batch)->builder.size_bytes() >= options_.batch_bytes) {
    (*batch)->full = true;
    wake(**queue, Instant{});
  } else if ((*batch)->records.size() == 1) {
    wake(**queue, memory_waiters_ > 0 ? Instant{} : runtime::later((*batch)->created, options_.linger));
  }
  return {};
}

Result<Offset> Producer::Core::send_and_wait(const ProducerRecord& record) {
  // On the heap: if this fiber is cancelled, the delivery still comes.
  const auto awaited = std::make_shared<AwaitedDelivery>(world_);
  if (auto sent = send(record, awaited.get(), 0); !sent) return std::unexpected{sent.error()};
  flushed_generation_ = std::max(flushed_generation_, generation_++);
  wake_all();
  try {
    return awaited->wait();
  } catch (...) {
    orphans_.push_back(awaited);
    throw;
  }
}

Result<void> Producer::Core::flush(Instant deadline) {
  const std::uint64_t upto = generation_++;
  flushed_generation_ = std::max(flushed_generation_, upto);
  wake_all();
  const auto settled = [&] { return open_generations_.empty() || open_generations_.begin()->first > upto; };
  if (settled_.wait_until(deadline, settled)) return {};
  return std::unexpected{Error{.failure = Failure::timed_out, .detail = "records are still outstanding"}};
}

void Producer::Core::close(Instant deadline) {
  if (stopped_) return;
  closing_ = true;
  if (outstanding_ > 0 && !runtime::has_passed(world_, deadline)) (void)flush(deadline);
  if (stopped_) return;
  stopped_ = true;
  cluster_.close();  // what is in flight comes back to its queue
  keeper_ = {};
  for (auto& [node, sender] : senders_) sender->fiber = {};
  fail_all({.failure = Failure::closed});
  senders_.clear();
}

// ---- the handle ----

Producer::Producer(runtime::World& world, ClusterOptions cluster, ProducerOptions options)
    : core_{std::make_unique<Core>(world, std::move(cluster), options)} {}
Producer::~Producer() = default;

Result<void> Producer::send(const ProducerRecord& record, DeliveryListener* listener, std::uint64_t tag) {
  return core_->send(record, listener, tag);
}
Result<Offset> Producer::send_and_wait(const ProducerRecord& record) { return core_->send_and_wait(record); }
Result<void> Producer::flush(Instant deadline) { return core_->flush(deadline); }
void Producer::close(Instant deadline) { core_->close(deadline); }
std::uint64_t Producer::outstanding() const { return core_->outstanding(); }
ProducerId Producer::producer_id() const { return core_->identity().id; }
ProducerEpoch Producer::producer_epoch() const { return core_->identity().epoch; }
Cluster& Producer::cluster() { return core_->cluster(); }

}  // namespace squall::client
