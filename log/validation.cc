#include "log/validation.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/crc32c.h"
#include "protocol/record_batch.h"

namespace squall::log {
namespace {

using protocol::RecordBatchView;
using runtime::Cost;

constexpr std::size_t max_timestamp_at = 35;
constexpr std::size_t crc_at = 17;
constexpr std::size_t crc_from = 21;
constexpr std::size_t record_errors_kept = 100;

std::unexpected<AppendError> refuse(LogError code, std::string message) {
  return std::unexpected(AppendError{code, std::move(message), {}});
}

std::unexpected<AppendError> refuse(protocol::BatchError error) {
  switch (error) {
    case protocol::BatchError::old_magic: return refuse(LogError::unsupported_format, std::string{to_string(error)});
    case protocol::BatchError::bad_count:
    case protocol::BatchError::bad_record:
    case protocol::BatchError::too_large:
    case protocol::BatchError::not_for_producers: return refuse(LogError::invalid_record, std::string{to_string(error)});
    default: return refuse(LogError::corrupt_message, std::string{to_string(error)});
  }
}

// `code` is that of the first bad record.
void add_record_error(AppendError& errors, LogError code, std::int32_t index, std::string message) {
  if (errors.record_errors.empty()) {
    errors.code = code;
    errors.message = message;
  }
  if (errors.record_errors.size() < record_errors_kept) errors.record_errors.push_back({index, std::move(message)});
}

// Checks the records of a batch that is about to get offsets. Returns their largest timestamp.
std::expected<std::int64_t, AppendError> validate_records(runtime::World& world, const RecordBatchView& batch,
                                                          const ValidationRequest& request, protocol::Compressor& compressor,
                                                          ByteBuffer& scratch) {
  const LogConfig& config = *request.config;
  auto reader = protocol::RecordReader::open(batch, compressor, scratch, decompressed_bytes_max);
  if (!reader) return refuse(reader.error());
  if (batch.codec() != protocol::Codec::none) world.charge(Cost::decompressed_byte, scratch.size());
  const std::int64_t oldest =
      config.timestamp_before_max_ms >= request.now_ms ? 0 : request.now_ms - config.timestamp_before_max_ms;
  const std::int64_t newest =
      config.timestamp_after_max_ms >= unlimited - request.now_ms ? unlimited : request.now_ms + config.timestamp_after_max_ms;
  const bool check_time = config.timestamp_type == TimestampType::create_time;
  const bool need_key = config.cleanup_compact;
  AppendError errors;
  std::int64_t max_timestamp_ms = protocol::no_timestamp;
  std::int32_t index = 0;
  for (protocol::RecordView record; reader->next(record); ++index) {
    max_timestamp_ms = std::max(max_timestamp_ms, record.timestamp_ms);
    if (record.offset_delta != index) return refuse(LogError::invalid_record, "the records' offsets do not follow each other");
    if (need_key && !record.key && !batch.is_control()) {
      add_record_error(errors, LogError::invalid_record, index, "a compacted topic takes no record without a key");
    }
    const std::int64_t time = record.timestamp_ms;
    if (check_time && time != protocol::no_timestamp && (time < oldest || time > newest)) {
      add_record_error(errors, LogError::invalid_timestamp, index,
                       fmt::format("timestamp {} of record {} is outside [{}, {}]", time, index, oldest, newest));
    }
  }
  if (reader->failed()) return refuse(protocol::BatchError::bad_record);
  if (!errors.record_errors.empty()) return std::unexpected(std::move(errors));
  return max_timestamp_ms;
}

void put_max_timestamp(MutableBytes batch, std::int64_t timestamp_ms) {
  store_be(batch.data() + max_timestamp_at, timestamp_ms);
  store_be(batch.data() + crc_at, crc32c(ByteView{batch}.subspan(crc_from)));
}

std::expected<void, AppendError> validate_new(runtime::World& world, const RecordBatchView& batch, MutableBytes bytes,
                                              const ValidationRequest& request, protocol::Compressor& compressor,
                                              ByteBuffer& scratch) {
  const auto valid = request.origin == AppendOrigin::client ? batch.validate_from_producer() : batch.validate();
  if (!valid) return refuse(valid.error());
  const LogConfig& config = *request.config;
  if (batch.size_bytes() > static_cast<std::size_t>(config.max_message_bytes)) {
    return refuse(LogError::message_too_large,
                  fmt::format("a batch of {} bytes; max.message.bytes is {}", batch.size_bytes(), config.max_message_bytes));
  }
  if (batch.record_count() == 0) return refuse(LogError::invalid_record, "a batch without records");
  if (request.origin == AppendOrigin::client && batch.timestamp_type() == protocol::TimestampType::log_append_time) {
    return refuse(LogError::invalid_timestamp, "a producer does not set the log-append time");
  }
  world.charge(Cost::record, static_cast<std::uint64_t>(batch.record_count()));
  const auto max_timestamp_ms = validate_records(world, batch, request, compressor, scratch);
  if (!max_timestamp_ms) return std::unexpected(max_timestamp_ms.error());
  if (config.timestamp_type == TimestampType::log_append_time && !batch.is_control()) {
    protocol::set_log_append_time(bytes, request.now_ms);
  } else if (*max_timestamp_ms != batch.max_timestamp_ms()) {
    put_max_timestamp(bytes, *max_timestamp_ms);
  }
  return {};
}

std::expected<void, AppendError> validate_replicated(const RecordBatchView& batch, const ValidationRequest& request,
                                                     Offset next) {
  if (const auto valid = batch.validate(); !valid) return refuse(valid.error());
  if (batch.base_offset() < next) {
    return refuse(LogError::unexpected_append_offset,
                  fmt::format("a batch at offset {}, where {} is next", batch.base_offset(), next));
  }
  if (batch.partition_leader_epoch() > request.epoch) {
    return refuse(LogError::invalid_record, fmt::format("a batch of leader epoch {} from the leader of epoch {}",
                                                        batch.partition_leader_epoch(), request.epoch));
  }
  return {};
}

}  // namespace

std::expected<void, AppendError> validate(runtime::World& world, MutableBytes bytes, const ValidationRequest& request,
                                          protocol::Compressor& compressor, ByteBuffer& scratch,
                                          std::vector<BatchInfo>& batches) {
  batches.clear();
  world.charge(Cost::checksummed_byte, bytes.size());
  const bool is_new = request.origin == AppendOrigin::client || request.origin == AppendOrigin::coordinator;
  protocol::BatchCursor cursor{bytes};
  RecordBatchView batch;
  std::uint64_t position = 0;
  Offset next = request.log_end;
  while (cursor.next(batch)) {
    if (request.origin == AppendOrigin::client && !batches.empty()) {
      return refuse(LogError::invalid_record, "a producer sends one batch per partition");
    }
    const MutableBytes own = bytes.subspan(position, batch.size_bytes());
    auto valid =
        is_new ? validate_new(world, batch, own, request, compressor, scratch) : validate_replicated(batch, request, next);
    if (!valid) return valid;
    batches.push_back(describe(batch, position));
    next = batches.back().next_offset();
    position += batch.size_bytes();
  }
  if (cursor.error()) return refuse(*cursor.error());
  if (batches.empty()) return refuse(LogError::corrupt_message, "no batch at all");
  if (bytes.size() > static_cast<std::size_t>(request.config->segment_bytes) && !request.config->exceeds_segment_bytes) {
    return refuse(LogError::record_list_too_large,
                  fmt::format("{} bytes; segment.bytes is {}", bytes.size(), request.config->segment_bytes));
  }
  return {};
}

void assign_offsets(MutableBytes bytes, Offset first, LeaderEpoch epoch, std::vector<BatchInfo>& batches) {
  for (BatchInfo& batch : batches) {
    const MutableBytes own = bytes.subspan(batch.position, batch.bytes);
    protocol::set_base_offset(own, first);
    protocol::set_partition_leader_epoch(own, epoch);
    batch.last_offset = first + (batch.last_offset - batch.base_offset);
    batch.base_offset = first;
    batch.leader_epoch = epoch;
    first = batch.next_offset();
  }
}

}  // namespace squall::log
