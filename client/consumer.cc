#include "client/consumer.h"

#include <algorithm>

#include "client/consumer_core.h"
#include "protocol/error_code.h"
#include "runtime/deadline.h"

namespace squall::client {

using protocol::BatchError;

Consumer::Core::Core(runtime::World& world, ClusterOptions cluster, ConsumerOptions options)
    : world_{world},
      options_{options},
      random_{world.fork_random("client/consumer")},
      cluster_{world,
               [&] {
                 cluster.connection.request_timeout = options.request_timeout;
                 return std::move(cluster);
               }()},
      arrived_{world},
      keeper_work_{world} {
  keeper_ = runtime::start_task(world_, "consumer keeper", [this] { run_keeper(); });
}

Consumer::Core::~Core() { close(); }

void Consumer::Core::close() {
  if (stopped_) return;
  stopped_ = true;
  cluster_.close();
  arrived_.notify_all();
  keeper_ = {};
  for (auto& [node, fetcher] : fetchers_) fetcher->fiber = {};
  fetchers_.clear();
}

// ---- positions ----

void Consumer::Core::Partition::drop_buffer() {
  body.reset();
  rest = {};
  aborted.clear();
  aborted_producers.clear();
  reader.reset();
  decompressed.reset();
}

void Consumer::Core::assign(std::span<const TopicPartition> partitions) {
  polled_.clear();
  held_.clear();
  std::map<TopicPartition, PartitionPointer> assigned;
  for (const TopicPartition& name : partitions) {
    const auto known = partitions_.find(name);
    if (known != partitions_.end()) {
      assigned.insert(*known);
      continue;
    }
    auto partition = std::make_shared<Partition>();
    partition->name = name;
    partition->needs_reset = options_.reset != OffsetReset::none;
    assigned.emplace(name, std::move(partition));
  }
  for (auto& [name, partition] : partitions_) partition->assigned = assigned.contains(name);
  partitions_ = std::move(assigned);
  rotation_.clear();
  for (const auto& [name, partition] : partitions_) rotation_.push_back(partition);
  metadata_seen_ = 0;
  follow_metadata();
  keeper_work_.notify_all();
}

Result<void> Consumer::Core::seek(const TopicPartition& name, Offset offset, LeaderEpoch epoch) {
  const auto found = partitions_.find(name);
  if (found == partitions_.end() || offset < Offset{0}) {
    return std::unexpected{Error{.failure = Failure::invalid, .detail = "not assigned, or a negative offset"}};
  }
  Partition& partition = *found->second;
  polled_.clear();
  held_.clear();
  partition.drop_buffer();
  ++partition.generation;
  partition.position = offset;
  partition.position_epoch = epoch;
  partition.needs_reset = false;
  partition.needs_validation = epoch != no_epoch;
  partition.error.reset();
  wake(partition);
  return {};
}

Result<Offset> Consumer::Core::seek_to(const TopicPartition& name, OffsetSpec where, Instant deadline) {
  if (!partitions_.contains(name)) return std::unexpected{Error{.failure = Failure::invalid, .detail = "not assigned"}};
  auto found = find_offset(cluster_, name, where, options_.isolation, deadline);
  // No record is that young: the next one will be.
  if (found && found->offset == no_offset) {
    found = find_offset(cluster_, name, OffsetSpec::latest(), options_.isolation, deadline);
  }
  if (!found) return std::unexpected{found.error()};
  if (auto sought = seek(name, found->offset, no_epoch); !sought) return std::unexpected{sought.error()};
  return found->offset;
}

const Consumer::Core::Partition* Consumer::Core::find(const TopicPartition& partition) const {
  const auto found = partitions_.find(partition);
  return found == partitions_.end() ? nullptr : found->second.get();
}

// ---- polling ----

std::optional<Error> Consumer::Core::take_error() {
  for (const PartitionPointer& partition : rotation_) {
    if (!partition->position && !partition->needs_reset && !partition->error) {
      partition->error = Error{.failure = Failure::out_of_range, .detail = "no position, and no policy to choose one"};
    }
    if (!partition->error) continue;
    failed_ = partition->name;
    const Error error = *std::exchange(partition->error, std::nullopt);
    wake(*partition);
    return error;
  }
  return std::nullopt;
}

Result<std::span<const ConsumedRecord>> Consumer::Core::poll(Instant deadline) {
  polled_.clear();
  held_.clear();
  failed_.reset();
  for (;;) {
    if (stopped_) return std::unexpected{Error{.failure = Failure::closed}};
    for (std::size_t count = 0; count < rotation_.size() && polled_.size() < options_.poll_records_max; ++count) {
      const PartitionPointer& partition = rotation_[(first_ + count) % rotation_.size()];
      if (partition->buffered()) drain(partition);
    }
    if (!rotation_.empty()) first_ = (first_ + 1) % rotation_.size();
    if (!polled_.empty()) return std::span<const ConsumedRecord>{polled_};
    if (const auto error = take_error()) return std::unexpected{*error};
    if (runtime::has_passed(world_, deadline)) return std::span<const ConsumedRecord>{};
    (void)arrived_.wait_until(deadline);
  }
}

void Consumer::Core::fail(Partition& partition, const Error& error) {
  partition.drop_buffer();
  partition.error = error;
}

// Hands out what is buffered, up to the limit of the poll.
void Consumer::Core::drain(const PartitionPointer& pointer) {
  Partition& partition = *pointer;
  held_.push_back(pointer);  // the records name it
  held_.push_back(partition.body);
  if (partition.decompressed != nullptr) held_.push_back(partition.decompressed);  // of the batch that the last poll began
  const std::size_t before = polled_.size();
  protocol::RecordView record;
  while (polled_.size() < options_.poll_records_max) {
    if (!partition.reader && !next_batch(partition)) break;
    const protocol::RecordBatchView& batch = partition.batch;
    if (!partition.reader->next(record)) {
      const bool failed = partition.reader->failed();
      partition.reader.reset();
      if (failed) {
        fail(partition, {.failure = Failure::corrupt, .detail = to_string(BatchError::bad_record)});
        break;
      }
      partition.position = batch.next_offset();
      continue;
    }
    if (record.offset < *partition.position) continue;
    const std::int32_t sequence = batch.base_sequence() < 0
                                      ? protocol::no_sequence
                                      : protocol::sequence_after(batch.base_sequence(), record.offset_delta);
    polled_.push_back({.partition = &partition.name,
                       .leader_epoch = batch.partition_leader_epoch(),
                       .producer_id = batch.producer_id(),
                       .sequence = sequence,
                       .record = record});
    partition.position = record.offset + 1;
    partition.position_epoch = batch.partition_leader_epoch();
  }
  if (!partition.buffered()) wake(partition);
  if (polled_.size() == before) return;
  world_.emit(runtime::EventName::records_consumed, {{"topic", std::string_view{partition.name.topic}},
                                                     {"partition", std::int64_t{partition.name.partition.value()}},
                                                     {"offset", polled_[before].record.offset.value()},
                                                     {"records", static_cast<std::int64_t>(polled_.size() - before)}});
}

// Opens the next batch that has something for the caller. False at the end of the buffer, which is then dropped.
bool Consumer::Core::next_batch(Partition& partition) {
  for (;;) {
    protocol::BatchCursor cursor{partition.rest};
    if (!cursor.next(partition.batch)) {
      const auto error = cursor.error();
      if (error && *error != BatchError::truncated) {
        fail(partition, {.failure = Failure::corrupt, .detail = to_string(*error)});
      } else {
        partition.drop_buffer();
      }
      return false;
    }
    partition.rest = cursor.rest();
    const auto valid = options_.check_crcs ? partition.batch.validate() : partition.batch.validate_header();
    if (!valid) {
      fail(partition, {.failure = Failure::corrupt, .detail = to_string(valid.error())});
      return false;
    }
    if (partition.batch.last_offset() < *partition.position) continue;
    if (partition.batch.is_control()) {
      note_marker(partition);
    } else if (!is_aborted(partition)) {
      return open_batch(partition);
    }
    partition.position = partition.batch.next_offset();
  }
}

bool Consumer::Core::open_batch(Partition& partition) {
  if (partition.batch.codec() != protocol::Codec::none) partition.decompressed = std::make_shared<ByteBuffer>();
  ByteBuffer unused;
  ByteBuffer& scratch = partition.batch.codec() == protocol::Codec::none ? unused : *partition.decompressed;
  auto reader = protocol::RecordReader::open(partition.batch, compressor_, scratch, options_.batch_bytes_max);
  if (!reader) {
    fail(partition, {.failure = Failure::corrupt, .detail = to_string(reader.error())});
    return false;
  }
  if (partition.decompressed != nullptr) held_.push_back(partition.decompressed);
  partition.reader = *reader;
  return true;
}

// KIP-98: the batches of a producer from the first offset of an aborted transaction up to its marker are not committed.
bool Consumer::Core::is_aborted(Partition& partition) const {
  if (options_.isolation == IsolationLevel::read_uncommitted || !partition.batch.is_transactional()) return false;
  while (!partition.aborted.empty() && partition.aborted.back().first_offset <= partition.batch.last_offset().value()) {
    partition.aborted_producers.push_back(partition.aborted.back().producer_id);
    partition.aborted.pop_back();
  }
  return std::ranges::find(partition.aborted_producers, partition.batch.producer_id().value()) !=
         partition.aborted_producers.end();
}

void Consumer::Core::note_marker(Partition& partition) {
  std::erase(partition.aborted_producers, partition.batch.producer_id().value());
}

// ---- the handle ----

Consumer::Consumer(runtime::World& world, ClusterOptions cluster, ConsumerOptions options)
    : core_{std::make_unique<Core>(world, std::move(cluster), options)} {}
Consumer::~Consumer() = default;

void Consumer::assign(std::span<const TopicPartition> partitions) { core_->assign(partitions); }
Result<void> Consumer::seek(const TopicPartition& partition, Offset offset, LeaderEpoch epoch) {
  return core_->seek(partition, offset, epoch);
}
Result<Offset> Consumer::seek_to(const TopicPartition& partition, OffsetSpec where, Instant deadline) {
  return core_->seek_to(partition, where, deadline);
}
Result<std::span<const ConsumedRecord>> Consumer::poll(Instant deadline) { return core_->poll(deadline); }
const TopicPartition* Consumer::failed_partition() const { return core_->failed_partition(); }
std::optional<Offset> Consumer::position(const TopicPartition& partition) const {
  const auto* const found = core_->find(partition);
  return found == nullptr ? std::nullopt : found->position;
}
std::optional<Offset> Consumer::high_watermark(const TopicPartition& partition) const {
  const auto* const found = core_->find(partition);
  return found == nullptr ? std::nullopt : found->high_watermark;
}
std::optional<Offset> Consumer::log_start(const TopicPartition& partition) const {
  const auto* const found = core_->find(partition);
  return found == nullptr ? std::nullopt : found->log_start;
}
LeaderEpoch Consumer::told_in(const TopicPartition& partition) const {
  const auto* const found = core_->find(partition);
  return found == nullptr ? no_epoch : found->told_in;
}
void Consumer::close() { core_->close(); }
Cluster& Consumer::cluster() { return core_->cluster(); }

}  // namespace squall::client
