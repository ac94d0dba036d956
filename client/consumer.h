// The consumer by partition: partitions are assigned by hand, positions are kept here.
//
// One fetch is under way to each leader at a time, in the background, for the partitions whose records have all been polled;
// `poll` hands out what has arrived. Fetch sessions (KIP-227) are used where the broker grants them. Every batch is checked
// against its CRC before a record of it is handed out.
//
// When the leader epoch of a partition changes, the position is compared with the new leader's log first (KIP-320): if that
// was cut below it, the position goes back to the cut, or `poll` says so, as `reset` asks.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/types.h"
#include "client/cluster.h"
#include "client/error.h"
#include "client/offsets.h"
#include "client/topic_partition.h"
#include "protocol/record.h"
#include "runtime/world.h"

namespace squall::client {

// What to do when a position is outside the log (auto.offset.reset).
enum class OffsetReset : std::uint8_t { none, earliest, latest };

struct ConsumerOptions {
  OffsetReset reset = OffsetReset::latest;
  IsolationLevel isolation = IsolationLevel::read_uncommitted;
  Duration fetch_wait_max = std::chrono::milliseconds{500};  // fetch.max.wait.ms
  std::int32_t fetch_bytes_min = 1;                          // fetch.min.bytes
  std::int32_t fetch_bytes_max = 50 << 20;                   // fetch.max.bytes
  std::int32_t partition_bytes_max = 1 << 20;                // max.partition.fetch.bytes
  std::size_t poll_records_max = 500;                        // max.poll.records
  std::size_t batch_bytes_max = std::size_t{64} << 20;       // of one batch, decompressed
  bool check_crcs = true;                                    // check.crcs
  bool fetch_sessions = true;
  Duration request_timeout = std::chrono::seconds{30};
};

struct ConsumedRecord {
  const TopicPartition* partition = nullptr;
  LeaderEpoch leader_epoch = no_epoch;   // of the batch
  ProducerId producer_id = no_producer;  // of the batch
  std::int32_t sequence = -1;            // of the record; -1 without a producer id
  protocol::RecordView record;
};

class Consumer {
 public:
  Consumer(runtime::World& world, ClusterOptions cluster, ConsumerOptions options);
  // Ends the fetches; waits for the consumer's fibers to end.
  ~Consumer();
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;

  // Replaces the assignment. A partition that stays keeps its position; a new one begins where `reset` says (and with `none` it
  // needs a `seek` before its first poll). Never waits.
  void assign(std::span<const TopicPartition> partitions);
  // The next record to be polled is the first at or above `offset`. Never waits.
  [[nodiscard]] Result<void> seek(const TopicPartition& partition, Offset offset, LeaderEpoch epoch = no_epoch);
  // May wait: looks the offset up (earliest, latest, by timestamp) and seeks there; gives where that is.
  [[nodiscard]] Result<Offset> seek_to(const TopicPartition& partition, OffsetSpec where, Instant deadline);

  // May wait, until there is at least one record, something to report, or the deadline. At most `poll_records_max` records, in
  // order within each partition; empty at the deadline. They stay valid until the next call of `poll`, `assign` or `seek`.
  //
  // Errors: out_of_range (position outside the log, or the log was cut below it, with reset = none), corrupt (a batch fails its
  // CRC or cannot be read; the position stays before it, `seek` beyond to skip it), refused (an error that will not pass),
  // closed. `failed_partition` tells which partition; the others go on at the next poll. Whatever may pass is tried again.
  [[nodiscard]] Result<std::span<const ConsumedRecord>> poll(Instant deadline);
  [[nodiscard]] const TopicPartition* failed_partition() const;

  // The offset of the next record to be polled; nothing while it is not known yet.
  [[nodiscard]] std::optional<Offset> position(const TopicPartition& partition) const;
  // As the last fetch told, and the leader epoch in which it was asked; nothing before the first. A leader knows no less than
  // it has told before; a new one may.
  [[nodiscard]] std::optional<Offset> high_watermark(const TopicPartition& partition) const;
  [[nodiscard]] std::optional<Offset> log_start(const TopicPartition& partition) const;
  [[nodiscard]] LeaderEpoch told_in(const TopicPartition& partition) const;

  void close();
  [[nodiscard]] Cluster& cluster();

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace squall::client
