#include "protocol/record_batch.h"

#include <limits>

#include "base/assert.h"
#include "base/crc32c.h"

namespace squall::protocol {

namespace {

constexpr std::size_t base_offset_at = 0;
constexpr std::size_t leader_epoch_at = 12;
constexpr std::size_t magic_at = 16;
constexpr std::size_t crc_at = 17;
constexpr std::size_t attributes_at = 21;
constexpr std::size_t max_timestamp_at = 35;
constexpr std::size_t producer_id_at = 43;
constexpr std::size_t producer_epoch_at = 51;
constexpr std::size_t base_sequence_at = 53;
constexpr std::uint16_t log_append_time_bit = 0x08;

void stamp_crc(MutableBytes batch) {
  const RecordBatchView view{batch};
  SQUALL_ASSERT(view.validate_frame().has_value(), "the batch is whole");
  store_be(batch.data() + crc_at, crc32c(view.bytes().subspan(attributes_at)));
}

}  // namespace

std::string_view to_string(BatchError error) {
  switch (error) {
    case BatchError::truncated: return "the bytes end before the batch does";
    case BatchError::bad_length: return "the length cannot be that of a batch";
    case BatchError::bad_magic: return "a message format that never existed";
    case BatchError::old_magic: return "message format 0 or 1";
    case BatchError::bad_crc: return "the CRC does not match";
    case BatchError::bad_attributes: return "a codec that does not exist";
    case BatchError::bad_count: return "record count and offsets contradict each other";
    case BatchError::bad_compression: return "the records cannot be decompressed";
    case BatchError::too_large: return "the records decompress to more than the limit";
    case BatchError::bad_record: return "a malformed record";
    case BatchError::not_for_producers: return "a batch that producers may not write";
  }
  return "unknown";
}

ErrorCode error_code_of(BatchError error) {
  constexpr ErrorCode corrupt_message{2};
  constexpr ErrorCode invalid_record{87};
  switch (error) {
    case BatchError::truncated:
    case BatchError::bad_length:
    case BatchError::bad_magic:
    case BatchError::bad_crc:
    case BatchError::bad_attributes:
    case BatchError::bad_compression: return corrupt_message;
    case BatchError::old_magic:
    case BatchError::bad_count:
    case BatchError::too_large:
    case BatchError::bad_record:
    case BatchError::not_for_producers: return invalid_record;
  }
  return corrupt_message;
}

RecordBatchView::RecordBatchView(ByteView bytes) : bytes_{bytes} {
  SQUALL_ASSERT(bytes.size() >= batch_header_bytes, "a view needs a batch header");
}

std::int32_t RecordBatchView::last_sequence() const {
  const std::int32_t first = base_sequence();
  return first < 0 ? no_sequence : sequence_after(first, last_offset_delta());
}

std::expected<void, BatchError> RecordBatchView::validate_frame() const {
  const std::int8_t format = magic();
  if (format != current_magic)
    return std::unexpected{format == 0 || format == 1 ? BatchError::old_magic : BatchError::bad_magic};
  if (length() < static_cast<std::int32_t>(batch_header_bytes - batch_overhead_bytes)) {
    return std::unexpected{BatchError::bad_length};
  }
  if (size_bytes() > bytes_.size()) return std::unexpected{BatchError::truncated};
  return {};
}

std::expected<void, BatchError> RecordBatchView::validate_header() const {
  if ((attributes() & 0x07) >= codec_count) return std::unexpected{BatchError::bad_attributes};
  const std::int64_t offset_span = std::int64_t{last_offset_delta()} + 1;
  if (record_count() < 0 || offset_span < 1 || record_count() > offset_span) return std::unexpected{BatchError::bad_count};
  if (base_offset() < Offset{0} || base_offset().value() > std::numeric_limits<std::int64_t>::max() - offset_span) {
    return std::unexpected{BatchError::bad_count};
  }
  return {};
}

std::expected<void, BatchError> RecordBatchView::validate() const {
  if (auto frame = validate_frame(); !frame) return frame;
  if (crc32c(bytes().subspan(attributes_at)) != crc()) return std::unexpected{BatchError::bad_crc};
  return validate_header();
}

std::expected<void, BatchError> RecordBatchView::validate_from_producer() const {
  if (auto valid = validate(); !valid) return valid;
  if (record_count() < 1 || record_count() - 1 != last_offset_delta()) return std::unexpected{BatchError::bad_count};
  if (is_control() || (has_producer_id() && base_sequence() < 0)) return std::unexpected{BatchError::not_for_producers};
  return {};
}

bool BatchCursor::next(RecordBatchView& batch) {
  if (error_ || rest_.empty()) return false;
  const auto stop = [this](BatchError error) {
    error_ = error;
    return false;
  };
  if (rest_.size() <= magic_at) return stop(BatchError::truncated);
  const std::uint8_t magic = rest_[magic_at];
  if (magic != current_magic) return stop(magic < current_magic ? BatchError::old_magic : BatchError::bad_magic);
  if (rest_.size() < batch_header_bytes) return stop(BatchError::truncated);
  const RecordBatchView view{rest_};
  if (const auto frame = view.validate_frame(); !frame) return stop(frame.error());
  batch = RecordBatchView{view.bytes()};
  rest_ = rest_.subspan(view.size_bytes());
  return true;
}

void set_base_offset(MutableBytes batch, Offset base_offset) {
  SQUALL_ASSERT(batch.size() >= batch_header_bytes, "the header is there");
  store_be(batch.data() + base_offset_at, base_offset.value());
}

void set_partition_leader_epoch(MutableBytes batch, LeaderEpoch epoch) {
  SQUALL_ASSERT(batch.size() >= batch_header_bytes, "the header is there");
  store_be(batch.data() + leader_epoch_at, epoch.value());
}

void set_log_append_time(MutableBytes batch, std::int64_t now_ms) {
  const auto attributes = static_cast<std::uint16_t>(RecordBatchView{batch}.attributes() | log_append_time_bit);
  store_be(batch.data() + attributes_at, attributes);
  store_be(batch.data() + max_timestamp_at, now_ms);
  stamp_crc(batch);
}

void set_producer_state(MutableBytes batch, ProducerId id, ProducerEpoch epoch, std::int32_t base_sequence) {
  SQUALL_ASSERT(batch.size() >= batch_header_bytes, "the header is there");
  store_be(batch.data() + producer_id_at, id.value());
  store_be(batch.data() + producer_epoch_at, epoch.value());
  store_be(batch.data() + base_sequence_at, base_sequence);
  stamp_crc(batch);
}

std::int32_t sequence_after(std::int32_t sequence, std::int32_t count) {
  constexpr std::int64_t wrap = std::int64_t{std::numeric_limits<std::int32_t>::max()} + 1;
  return static_cast<std::int32_t>((std::int64_t{sequence} + count) % wrap);
}

}  // namespace squall::protocol
