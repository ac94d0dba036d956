#include "scenarios/run/reader.h"

#include <algorithm>

namespace squall::scenarios {

void Reader::watch(const client::TopicPartition& partition, PartitionId id) {
  Watched watched{.id = id,
                  .create_time = run_.plan.keeps_create_time(partition.topic),
                  .replicated = run_.plan.replication_of(partition.topic) > 1,
                  .session = {}};
  watched_[partition] = std::move(watched);
}

void Reader::moved(const client::TopicPartition& partition) {
  ReadSession& session = watched_.at(partition).session;
  session.position = -1;
  session.last.clear();
}

void Reader::thrown_out(const client::TopicPartition& partition) {
  Watched& watched = watched_.at(partition);
  const auto start = consumer_.position(partition);
  run_.checks.thrown_out({.partition = watched.id,
                          .position = watched.session.position,
                          .log_start = start ? start->value() : -1,
                          .generation = watched.session.generation,
                          .at = run_.now()});
  moved(partition);
}

std::uint64_t Reader::seen(const client::TopicPartition& partition) const { return watched_.at(partition).seen; }

void Reader::observe(std::span<const client::ConsumedRecord> records) {
  const Instant begun = poll_before_;
  poll_before_ = last_poll_;
  last_poll_ = run_.now();
  while (!records.empty()) {
    const client::TopicPartition* partition = records.front().partition;
    const auto end = std::ranges::find_if(records, [&](const auto& one) { return one.partition != partition; });
    const auto length = static_cast<std::size_t>(end - records.begin());
    observe_run(records.first(length), begun);
    records = records.subspan(length);
  }
}

void Reader::observe_run(std::span<const client::ConsumedRecord> records, Instant begun) {
  const client::TopicPartition& partition = *records.front().partition;
  Watched& watched = watched_.at(partition);
  batch_.clear();
  for (const client::ConsumedRecord& record : records) {
    ObservedRecord observed{.offset = record.record.offset.value(), .timestamp_ms = record.record.timestamp_ms, .tag = {}};
    run_.checks.identify(watched.id, record.record.value.value_or(ByteView{}), observed);
    batch_.push_back(observed);
  }
  watched.seen += batch_.size();
  const auto high_watermark = consumer_.high_watermark(partition);
  const auto log_start = consumer_.log_start(partition);
  const LeaderEpoch told_in = consumer_.told_in(partition);
  if (watched.replicated && (told_in == no_epoch || told_in != watched.told_in)) {
    // A leader that has just been elected may know less of both than the one before it.
    watched.session.high_watermark = -1;
    watched.session.log_start = -1;
  }
  watched.told_in = told_in;
  run_.checks.read({.partition = watched.id,
                    .records = batch_,
                    .session = &watched.session,
                    .begun = begun,
                    .at = run_.now(),
                    .high_watermark = high_watermark ? high_watermark->value() : -1,
                    .log_start = log_start ? log_start->value() : -1,
                    .create_time = watched.create_time,
                    .sweep = sweep_});
}

}  // namespace squall::scenarios
