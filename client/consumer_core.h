// The inside of the consumer: see consumer.h for what it promises.
//
// Fibers: one fetcher for each node that leads an assigned partition, which also looks up and validates positions; and one
// keeper for metadata. `poll` runs in its caller's fiber. A partition is fetched while nothing of it is buffered; `generation`
// is raised whenever its position is set from outside, and what was asked before that is dropped when it comes.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "client/consumer.h"
#include "client/fetch_session.h"
#include "protocol/record_batch.h"
#include "runtime/condition.h"
#include "runtime/task.h"

namespace squall::client {

class Consumer::Core {
 public:
  Core(runtime::World& world, ClusterOptions cluster, ConsumerOptions options);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  void assign(std::span<const TopicPartition> partitions);
  [[nodiscard]] Result<void> seek(const TopicPartition& partition, Offset offset, LeaderEpoch epoch);
  [[nodiscard]] Result<Offset> seek_to(const TopicPartition& partition, OffsetSpec where, Instant deadline);
  [[nodiscard]] Result<std::span<const ConsumedRecord>> poll(Instant deadline);
  void close();

  struct Partition {
    TopicPartition name;
    std::uint64_t generation = 0;
    bool assigned = true;
    NodeId leader = no_node;
    // Where the next record to be polled is, and what was learned there.
    std::optional<Offset> position;
    LeaderEpoch position_epoch = no_epoch;  // of the batch before the position
    LeaderEpoch leader_epoch = no_epoch;    // under which the position was valid
    bool needs_reset = false;
    bool needs_validation = false;
    std::optional<Offset> high_watermark;
    std::optional<Offset> log_start;
    LeaderEpoch told_in = no_epoch;  // of the leader that told them
    std::optional<Error> error;      // for the next poll to report
    Instant not_before{};
    std::uint32_t attempts = 0;
    // What has been fetched and not been polled.
    std::shared_ptr<ResponseBody> body;
    ByteView rest;
    std::vector<protocol::FetchResponse::AbortedTransaction> aborted;  // by first offset, descending
    std::vector<std::int64_t> aborted_producers;
    protocol::RecordBatchView batch;
    std::optional<protocol::RecordReader> reader;  // within `batch`
    std::shared_ptr<ByteBuffer> decompressed;

    [[nodiscard]] bool buffered() const { return body != nullptr; }
    [[nodiscard]] bool active(Instant now) const { return assigned && !error && !buffered() && not_before <= now; }
    [[nodiscard]] bool fetchable(Instant now) const { return active(now) && position && !needs_reset && !needs_validation; }
    void drop_buffer();
  };
  using PartitionPointer = std::shared_ptr<Partition>;

  [[nodiscard]] const Partition* find(const TopicPartition& partition) const;
  [[nodiscard]] const TopicPartition* failed_partition() const { return failed_ ? &*failed_ : nullptr; }
  [[nodiscard]] Cluster& cluster() { return cluster_; }

 private:
  struct Fetcher {
    Fetcher(runtime::World& world, NodeId its_node, bool sessions) : node{its_node}, work{world}, session{sessions} {}
    NodeId node;
    runtime::Condition work;
    std::vector<PartitionPointer> led;  // by name
    FetchSession session;
    protocol::FetchRequest request;
    std::vector<std::shared_ptr<ResponseBody>> bodies;  // reused once nobody else holds them
    std::uint32_t failures = 0;
    runtime::Task<void> fiber;
  };
  struct Asked {
    PartitionPointer partition;
    std::uint64_t generation = 0;
    Uuid topic_id;
    LeaderEpoch leader_epoch = no_epoch;
  };

  // ---- polling (consumer.cc) ----
  void drain(const PartitionPointer& partition);
  [[nodiscard]] bool next_batch(Partition& partition);
  [[nodiscard]] bool open_batch(Partition& partition);
  [[nodiscard]] bool is_aborted(Partition& partition) const;
  void note_marker(Partition& partition);
  void fail(Partition& partition, const Error& error);
  [[nodiscard]] std::optional<Error> take_error();
  void wake(const Partition& partition);

  // ---- fetching (consumer_fetcher.cc) ----
  void follow_metadata();
  [[nodiscard]] Fetcher& fetcher_for(NodeId node);
  void run_keeper();
  void run_fetcher(Fetcher& fetcher);
  [[nodiscard]] bool settle_position(Fetcher& fetcher);
  void look_up(const PartitionPointer& partition);
  void validate(Fetcher& fetcher, const PartitionPointer& partition);
  [[nodiscard]] bool fetch(Fetcher& fetcher);
  [[nodiscard]] std::vector<Asked> gather(Fetcher& fetcher, std::vector<FetchTarget>& targets, std::int16_t& version_max);
  bool take_failure(Fetcher& fetcher, const Error& error);
  void take_session_error(Fetcher& fetcher, const std::vector<Asked>& asked, protocol::ErrorCode code);
  [[nodiscard]] std::shared_ptr<ResponseBody> free_body(Fetcher& fetcher);
  void take_response(const std::vector<Asked>& asked, const std::shared_ptr<ResponseBody>& body,
                     const protocol::FetchResponse& response, std::int16_t version);
  void take_partition(const Asked& asked, const std::shared_ptr<ResponseBody>& body,
                      const protocol::FetchResponse::PartitionData& data);
  void take_refusal(Partition& partition, protocol::ErrorCode code);
  void back_off(Partition& partition);

  runtime::World& world_;
  ConsumerOptions options_;
  Random random_;
  Cluster cluster_;
  protocol::Compressor compressor_;
  std::map<TopicPartition, PartitionPointer> partitions_;
  std::vector<PartitionPointer> rotation_;
  std::size_t first_ = 0;
  std::uint64_t metadata_seen_ = 0;
  std::vector<ConsumedRecord> polled_;
  std::vector<std::shared_ptr<const void>> held_;  // what `polled_` points into
  std::optional<TopicPartition> failed_;
  bool stopped_ = false;
  runtime::Condition arrived_;
  runtime::Condition keeper_work_;
  std::map<NodeId, std::unique_ptr<Fetcher>> fetchers_;
  runtime::Task<void> keeper_;
};

}  // namespace squall::client
