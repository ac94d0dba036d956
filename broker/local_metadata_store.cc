#include "broker/local_metadata_store.h"

#include <fmt/format.h>

#include <mutex>

#include "base/assert.h"
#include "protocol/framing.h"
#include "protocol/record_batch.h"
#include "protocol/record_batch_builder.h"

namespace squall::broker {
namespace {

// One node is its own quorum, and leads it in one epoch for ever.
constexpr LeaderEpoch local_epoch{1};
constexpr std::uint64_t replay_chunk_bytes = std::uint64_t{8} << 20;

}  // namespace

LocalMetadataStore::LocalMetadataStore(runtime::World& world, const BrokerConfig& config, std::shared_ptr<log::Log> log)
    : world_{world},
      config_{config},
      log_{std::move(log)},
      random_{world.fork_random("metadata")},
      turn_{world},
      image_{std::make_shared<const MetadataImage>()} {
  SQUALL_ASSERT(log_ != nullptr, "a metadata store has a log");
}

std::expected<void, std::string> LocalMetadataStore::open() {
  const std::lock_guard lock{turn_};
  ImageBuilder builder{*image_};
  Offset next = log_->log_start_offset();
  const Offset end = log_->log_end_offset();
  while (next < end) {
    const auto read = log_->read(next, {.max_bytes = replay_chunk_bytes, .upper_bound = end, .min_one_message = true});
    if (!read) return std::unexpected(fmt::format("cannot read offset {}: {}", next, log::to_string(read.error())));
    const Offset before = next;
    if (auto done = replay_range(read->range, builder, next); !done) return done;
    if (next == before) return std::unexpected(fmt::format("no record batch at offset {}", next));
  }
  (void)log_->update_high_watermark(end);
  image_ = builder.finish(end);
  if (end > Offset{0}) return {};
  if (!commit(bootstrap_records())) return std::unexpected(std::string{"cannot write its first records"});
  return {};
}

std::expected<void, std::string> LocalMetadataStore::replay_range(const log::FileRange& range, ImageBuilder& builder,
                                                                  Offset& next) {
  ByteBuffer bytes(range.bytes);
  const auto got = runtime::pread_full(*range.file, bytes, range.position);
  if (!got) return std::unexpected(fmt::format("cannot read offset {}: {}", next, runtime::to_string(got.error())));
  protocol::BatchCursor cursor{ByteView{bytes}.first(*got)};
  protocol::RecordBatchView batch;
  protocol::Compressor compressor;
  ByteBuffer scratch;
  while (cursor.next(batch)) {
    if (batch.last_offset() < next) continue;
    const Offset after = batch.next_offset();
    if (!batch.is_control()) {
      constexpr std::size_t batch_bytes_max = std::size_t{64} << 20;
      if (!batch.validate()) return std::unexpected(fmt::format("the batch at offset {} is corrupt", batch.base_offset()));
      auto reader = protocol::RecordReader::open(batch, compressor, scratch, batch_bytes_max);
      if (!reader) return std::unexpected(fmt::format("the batch at offset {} is corrupt", batch.base_offset()));
      protocol::RecordView record;
      while (reader->next(record)) {
        const auto decoded = protocol::decode_metadata_record(record.value.value_or(ByteView{}));
        if (!decoded) return std::unexpected(fmt::format("offset {}: {}", record.offset, decoded.error().what));
        if (!builder.replay(*decoded, record.offset)) {
          return std::unexpected(fmt::format("the record at offset {} contradicts those before it", record.offset));
        }
      }
      if (reader->failed()) return std::unexpected(fmt::format("the batch at offset {} is corrupt", batch.base_offset()));
    }
    next = after;
  }
  return {};
}

MetadataResult<void> LocalMetadataStore::commit(const std::vector<MetadataRecord>& records) {
  using protocol::ErrorCode;
  if (failed_) return std::unexpected(ErrorCode::kafka_storage_error);
  protocol::RecordBatchBuilder batch;
  batch.start({.partition_leader_epoch = local_epoch});
  const std::int64_t now_ms = to_ms(world_.wall_now());
  ByteBuffer value;
  for (const MetadataRecord& record : records) {
    value.clear();
    {
      protocol::Writer writer{value};
      const auto framed = protocol::encode_metadata_record(writer, written_version(record), record);
      SQUALL_ASSERT(framed.has_value(), "a metadata record fits the version it is written with");
    }
    batch.append(now_ms, std::nullopt, ByteView{value}, {});
  }
  protocol::Compressor compressor;
  const ByteView built = batch.finish(compressor);
  ByteBuffer bytes{built.begin(), built.end()};
  const auto appended = log_->append(bytes, local_epoch, log::AppendOrigin::coordinator);
  // One batch holds an operation; what does not fit leaves no trace.
  if (!appended && appended.error().code == log::LogError::message_too_large) {
    return std::unexpected(ErrorCode::policy_violation);
  }
  if (!appended && appended.error().code == log::LogError::no_space) return std::unexpected(ErrorCode::kafka_storage_error);
  // A flipped bit in what has been answered must be refused at the next start, not cut off as a torn tail.
  if (!appended || !log_->flush() || !log_->checkpoint_recovery_point()) {
    failed_ = true;
    return std::unexpected(ErrorCode::kafka_storage_error);
  }
  (void)log_->update_high_watermark(appended->end_offset());
  ImageBuilder builder{*image_};
  Offset offset = appended->first_offset;
  for (const MetadataRecord& record : records) {
    const bool replayed = builder.replay(record, offset);
    SQUALL_ASSERT(replayed, "a decision agrees with the image it was taken from");
    ++offset;
  }
  const std::vector<std::string> topics = builder.touched_topics();
  auto next = builder.finish(appended->end_offset());
  if (listener_) listener_(next, topics);
  image_ = std::move(next);
  return {};
}

template <class Response, class Decide>
MetadataResult<Response> LocalMetadataStore::submit(Decide decide) {
  const std::lock_guard lock{turn_};
  Decision<Response> decision = decide(DecisionInput{*image_, config_, random_});
  if (!decision.records.empty()) {
    if (const auto done = commit(decision.records); !done) return std::unexpected(done.error());
  }
  return std::move(decision.response);
}

MetadataResult<protocol::CreateTopicsResponse> LocalMetadataStore::create_topics(const protocol::CreateTopicsRequest& request) {
  return submit<protocol::CreateTopicsResponse>(
      [&](const DecisionInput& input) { return decide_create_topics(input, request); });
}

MetadataResult<protocol::DeleteTopicsResponse> LocalMetadataStore::delete_topics(const protocol::DeleteTopicsRequest& request) {
  return submit<protocol::DeleteTopicsResponse>(
      [&](const DecisionInput& input) { return decide_delete_topics(input, request); });
}

MetadataResult<protocol::CreatePartitionsResponse> LocalMetadataStore::create_partitions(
    const protocol::CreatePartitionsRequest& request) {
  return submit<protocol::CreatePartitionsResponse>(
      [&](const DecisionInput& input) { return decide_create_partitions(input, request); });
}

MetadataResult<protocol::IncrementalAlterConfigsResponse> LocalMetadataStore::alter_configs(
    const protocol::IncrementalAlterConfigsRequest& request) {
  return submit<protocol::IncrementalAlterConfigsResponse>(
      [&](const DecisionInput& input) { return decide_alter_configs(input, request); });
}

MetadataResult<ProducerIdBlock> LocalMetadataStore::allocate_producer_ids() {
  return submit<ProducerIdBlock>([](const DecisionInput& input) { return decide_producer_id_block(input); });
}

MetadataResult<void> LocalMetadataStore::register_broker(const Registration& registration) {
  const std::lock_guard lock{turn_};
  return commit(registration_records(config_, registration));
}

}  // namespace squall::broker
