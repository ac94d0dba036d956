// Turns what a consumer polls into observations for the checks.
#pragma once

#include <map>
#include <span>
#include <vector>

#include "client/consumer.h"
#include "scenarios/run/context.h"

namespace squall::scenarios {

class Reader {
 public:
  Reader(RunContext& run, client::Consumer& consumer, bool sweep)
      : run_{run}, consumer_{consumer}, sweep_{sweep}, last_poll_{run.now()}, poll_before_{run.now()} {}

  void watch(const client::TopicPartition& partition, PartitionId id);
  // The reader's position was moved: what it remembers of order and position is void.
  void moved(const client::TopicPartition& partition);
  // The reader was told that its position is outside the log, and has moved to the log start.
  void thrown_out(const client::TopicPartition& partition);
  // One result of `poll`.
  void observe(std::span<const client::ConsumedRecord> records);

  // Records of the partition that were observed.
  [[nodiscard]] std::uint64_t seen(const client::TopicPartition& partition) const;

 private:
  struct Watched {
    PartitionId id = 0;
    bool create_time = true;
    bool replicated = false;
    LeaderEpoch told_in = no_epoch;
    ReadSession session;
    std::uint64_t seen = 0;
  };
  void observe_run(std::span<const client::ConsumedRecord> records, Instant begun);

  RunContext& run_;
  client::Consumer& consumer_;
  bool sweep_;
  std::map<client::TopicPartition, Watched> watched_;
  std::vector<ObservedRecord> batch_;
  // What a poll returns was asked for after the last poll but one had returned.
  Instant last_poll_;
  Instant poll_before_;
};

}  // namespace squall::scenarios
