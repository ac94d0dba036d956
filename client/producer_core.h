// The inside of the producer: see producer.h for what it promises.
//
// Fibers: one sender for each node that leads a partition, and one keeper, which expires batches, refreshes metadata and gets
// the producer id. Answers are taken in the connections' reader fibers. Nothing here waits with a queue half changed.
#pragma once

#include <bit>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "client/producer.h"
#include "client/producer_queue.h"
#include "protocol/messages/produce.h"
#include "runtime/condition.h"
#include "runtime/semaphore.h"
#include "runtime/task.h"

namespace squall::client {

class Producer::Core {
 public:
  Core(runtime::World& world, ClusterOptions cluster, ProducerOptions options);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  [[nodiscard]] Result<void> send(const ProducerRecord& record, DeliveryListener* listener, std::uint64_t tag);
  [[nodiscard]] Result<Offset> send_and_wait(const ProducerRecord& record);
  [[nodiscard]] Result<void> flush(Instant deadline);
  void close(Instant deadline);

  [[nodiscard]] std::uint64_t outstanding() const { return outstanding_; }
  [[nodiscard]] const ProducerIdentity& identity() const { return identity_; }
  [[nodiscard]] Cluster& cluster() { return cluster_; }

 private:
  struct NodeSender;

  // One produce request under way.
  class InFlight final : public ResponseHandler {
   public:
    InFlight(Core& core, NodeSender& sender) : core_{core}, sender_{sender} {}
    void on_response(ArrivedResponse& response) override;
    void on_failure(const Error& error) override;

    std::vector<Batch*> batches;
    std::size_t bytes = 0;  // of the batches
    std::int16_t version = 0;
    bool busy = false;

   private:
    void settle(const protocol::ProduceResponse& response);
    [[nodiscard]] Batch* take_batch(const protocol::ProduceResponse::TopicProduceResponse& topic, std::int32_t index);
    void fail_rest(const Error& error);
    Core& core_;
    NodeSender& sender_;
  };

  struct NodeSender {
    NodeSender(runtime::World& world, NodeId its_node) : node{its_node}, work{world} {}
    NodeId node;
    runtime::Condition work;
    Instant wakes_at{};  // when it will look again by itself; until then it must be told
    std::vector<PartitionQueue*> queues;
    std::vector<std::uint64_t> filled;  // a bit for each queue: set if something may wait in it, else nothing does
    std::vector<std::unique_ptr<InFlight>> requests;
    std::size_t in_flight = 0;
    std::size_t first = 0;  // where the next request begins to look, for fairness
    protocol::ProduceRequest request;
    runtime::Task<void> fiber;

    void add(PartitionQueue& queue) {
      queue.place = queues.size();
      queues.push_back(&queue);
      filled.resize(queues.size() / 64 + 1);
      mark(queue);
    }
    void mark(const PartitionQueue& queue) {
      if (queue.place < queues.size()) filled[queue.place / 64] |= std::uint64_t{1} << (queue.place % 64);
    }
    // The first place from `from` on, below `end`, of a queue in which something waits; `end` if there is none.
    [[nodiscard]] std::size_t next_filled(std::size_t from, std::size_t end) {
      while (from < end) {
        const std::uint64_t rest = filled[from / 64] >> (from % 64);
        if (rest == 0) {
          from = (from / 64 + 1) * 64;
          continue;
        }
        from += static_cast<std::size_t>(std::countr_zero(rest));
        if (from >= end) return end;
        if (!queues[from]->waiting.empty()) return from;
        filled[from / 64] &= ~(std::uint64_t{1} << (from % 64));
      }
      return end;
    }
  };

  // What the answer says of one batch.
  struct Answer {
    protocol::ErrorCode code{};
    Offset base_offset = no_offset;
    std::int64_t log_append_time_ms = -1;
  };

  // ---- sending (producer.cc) ----
  [[nodiscard]] Result<PartitionQueue*> queue_for(const ProducerRecord& record, std::size_t record_bytes, Instant deadline);
  [[nodiscard]] Result<ProducerTopic*> topic_for(std::string_view name, Instant deadline);
  [[nodiscard]] Result<Batch*> batch_for(PartitionQueue& queue, std::size_t record_bytes, Instant deadline);
  void add_missing_partitions(ProducerTopic& topic, const TopicInfo& info);
  void follow_metadata();
  [[nodiscard]] NodeSender& sender_for(NodeId node);
  void wake(const PartitionQueue& queue, Instant ready);
  void wake_all();

  // ---- senders (producer_sender.cc) ----
  void run_sender(NodeSender& sender);
  [[nodiscard]] Instant next_ready(NodeSender& sender);
  [[nodiscard]] Instant ready_at(PartitionQueue& queue);
  [[nodiscard]] bool may_send(PartitionQueue& queue);
  [[nodiscard]] InFlight* collect(NodeSender& sender);
  [[nodiscard]] bool take_batches(NodeSender& sender, InFlight& request, std::size_t from, std::size_t end);
  void finish_batch(PartitionQueue& queue, Batch& batch);
  [[nodiscard]] std::optional<std::int16_t> build_request(NodeSender& sender, const InFlight& request,
                                                          const Connection& connection);
  void wait_for_work(NodeSender& sender, Instant until);
  void dispatch(NodeSender& sender, InFlight& request, Connection& connection);
  [[nodiscard]] bool reset_identity(PartitionQueue& queue);
  void give_up_in_doubt(PartitionQueue& queue);

  // ---- the keeper (producer_keeper.cc) ----
  void run_keeper();
  [[nodiscard]] Instant expire(Instant now);
  void keep_identity(Instant deadline);
  void keep_metadata(Instant deadline);

  // ---- fates (producer_fates.cc) ----
  void take_answer(Batch& batch, const Answer& answer);
  [[nodiscard]] bool take_sequence_error(Batch& batch, protocol::ErrorCode code);
  void retry(std::unique_ptr<Batch> batch, const Error& error);
  void complete(std::unique_ptr<Batch> batch, Offset base_offset, std::int64_t log_append_time_ms);
  void give_up(std::unique_ptr<Batch> batch, const Error& error);
  void fail_all(const Error& error);  // once no request is under way
  void fail_waiting(const Error& error);
  void retire(std::unique_ptr<Batch> batch);
  [[nodiscard]] std::unique_ptr<Batch> new_batch();

  runtime::World& world_;
  ProducerOptions options_;
  bool idempotent_;
  Random random_;
  Cluster cluster_;
  protocol::Compressor compressor_;
  std::map<std::string, std::unique_ptr<ProducerTopic>, std::less<>> topics_;
  std::uint64_t metadata_seen_ = 0;
  std::uint32_t next_ordinal_ = 0;
  ProducerIdentity identity_;
  std::uint32_t identity_attempts_ = 0;
  Instant identity_not_before_{};
  std::uint32_t refresh_attempts_ = 0;
  Instant refresh_not_before_{};
  runtime::Semaphore memory_;
  std::vector<std::unique_ptr<Batch>> spare_;
  protocol::ProduceResponse response_;                     // decoded anew each time: it keeps its memory
  std::map<std::uint64_t, std::size_t> open_generations_;  // batches whose fate is open, by generation
  std::uint64_t generation_ = 1;
  std::uint64_t flushed_generation_ = 0;  // batches up to it do not linger
  std::uint64_t outstanding_ = 0;
  std::size_t memory_waiters_ = 0;
  bool closing_ = false;
  bool stopped_ = false;
  runtime::Condition settled_;
  runtime::Condition keeper_work_;
  std::vector<std::shared_ptr<DeliveryListener>> orphans_;  // of callers that were cancelled while they waited
  std::map<NodeId, std::unique_ptr<NodeSender>> senders_;
  runtime::Task<void> keeper_;
};

}  // namespace squall::client
