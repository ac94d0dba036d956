#include "protocol/record_batch_builder.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "base/assert.h"
#include "base/crc32c.h"
#include "base/varint.h"

namespace squall::protocol {

namespace {

[[nodiscard]] std::int64_t wrapping_difference(std::int64_t left, std::int64_t right) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(left) - static_cast<std::uint64_t>(right));
}

[[nodiscard]] std::int32_t length_of(std::size_t bytes) {
  SQUALL_ASSERT(bytes <= std::numeric_limits<std::int32_t>::max(), "a field of a record fits its length");
  return static_cast<std::int32_t>(bytes);
}

[[nodiscard]] std::size_t nullable_size(const NullableBytes& bytes) {
  return bytes ? varint_size(length_of(bytes->size())) + bytes->size() : 1;
}

[[nodiscard]] std::uint8_t* write_bytes(std::uint8_t* to, ByteView bytes) {
  if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
  return to + bytes.size();
}

[[nodiscard]] std::uint8_t* write_nullable(std::uint8_t* to, const NullableBytes& bytes) {
  if (!bytes) return write_varint(to, -1);
  return write_bytes(write_varint(to, length_of(bytes->size())), *bytes);
}

}  // namespace

void RecordBatchBuilder::start(const BatchOptions& options) {
  options_ = options;
  used_ = batch_header_bytes;
  if (buffer_.size() < batch_header_bytes) buffer_.resize(batch_header_bytes);
  base_timestamp_ms_ = no_timestamp;
  max_timestamp_ms_ = no_timestamp;
  last_offset_delta_ = -1;
  record_count_ = 0;
  finished_ = false;
}

std::uint8_t* RecordBatchBuilder::grow(std::size_t bytes) {
  if (buffer_.size() - used_ < bytes) buffer_.resize(std::max({buffer_.size() * 2, used_ + bytes, std::size_t{512}}));
  return buffer_.data() + used_;
}

std::size_t RecordBatchBuilder::record_bytes_max(NullableBytes key, NullableBytes value,
                                                 std::span<const RecordHeader> headers) {
  std::size_t bytes = 5 * varint_bytes_max + varlong_bytes_max + 1;
  if (key) bytes += key->size();
  if (value) bytes += value->size();
  for (const RecordHeader& header : headers) {
    bytes += 2 * varint_bytes_max + header.key.size() + (header.value ? header.value->size() : 0);
  }
  return bytes;
}

void RecordBatchBuilder::append(std::int64_t timestamp_ms, NullableBytes key, NullableBytes value,
                                std::span<const RecordHeader> headers) {
  append_at(options_.base_offset + last_offset_delta_ + 1, timestamp_ms, key, value, headers);
}

void RecordBatchBuilder::append_at(Offset offset, std::int64_t timestamp_ms, NullableBytes key, NullableBytes value,
                                   std::span<const RecordHeader> headers) {
  SQUALL_ASSERT(used_ >= batch_header_bytes && !finished_, "the batch has been started and not finished");
  const std::int64_t wide_delta = offset - options_.base_offset;
  SQUALL_ASSERT(wide_delta > last_offset_delta_ && wide_delta <= std::numeric_limits<std::int32_t>::max(),
                "offsets of a batch rise and stay within 2^31 of its base");
  const auto offset_delta = static_cast<std::int32_t>(wide_delta);
  if (record_count_ == 0) base_timestamp_ms_ = timestamp_ms;
  const std::int64_t timestamp_delta = wrapping_difference(timestamp_ms, base_timestamp_ms_);

  std::size_t body = 1 + varlong_size(timestamp_delta) + varint_size(offset_delta) + nullable_size(key) + nullable_size(value) +
                     varint_size(length_of(headers.size()));
  for (const RecordHeader& header : headers) {
    body += varint_size(length_of(header.key.size())) + header.key.size() + nullable_size(header.value);
  }
  std::uint8_t* at = grow(body + varint_bytes_max);
  at = write_varint(at, length_of(body));
  *at++ = 0;  // attributes: none is defined
  at = write_varlong(at, timestamp_delta);
  at = write_varint(at, offset_delta);
  at = write_nullable(at, key);
  at = write_nullable(at, value);
  at = write_varint(at, length_of(headers.size()));
  for (const RecordHeader& header : headers) {
    at = write_varint(at, length_of(header.key.size()));
    at = write_bytes(at, as_bytes(header.key));
    at = write_nullable(at, header.value);
  }
  used_ = static_cast<std::size_t>(at - buffer_.data());
  max_timestamp_ms_ = std::max(max_timestamp_ms_, timestamp_ms);
  last_offset_delta_ = offset_delta;
  ++record_count_;
}

void RecordBatchBuilder::append_control(std::int64_t timestamp_ms, ControlType type, ByteView value, std::int16_t key_version) {
  SQUALL_ASSERT(options_.control, "control records go into control batches");
  std::array<std::uint8_t, control_key_bytes> key;
  store_be(key.data(), key_version);
  store_be(key.data() + 2, static_cast<std::int16_t>(type));
  append(timestamp_ms, ByteView{key}, value);
}

void RecordBatchBuilder::append_end_transaction_marker(std::int64_t timestamp_ms, bool commit, std::int32_t coordinator_epoch) {
  std::array<std::uint8_t, end_transaction_marker_bytes> value;
  store_be(value.data(), std::int16_t{0});
  store_be(value.data() + 2, coordinator_epoch);
  append_control(timestamp_ms, commit ? ControlType::commit : ControlType::abort, value);
}

void RecordBatchBuilder::set_producer(ProducerId id, ProducerEpoch epoch, std::int32_t base_sequence) {
  SQUALL_ASSERT(!finished_, "the header has not been written");
  options_.producer_id = id;
  options_.producer_epoch = epoch;
  options_.base_sequence = base_sequence;
}

void RecordBatchBuilder::set_last_offset(Offset last) {
  const std::int64_t delta = last - options_.base_offset;
  SQUALL_ASSERT(!finished_ && delta >= last_offset_delta_ && delta <= std::numeric_limits<std::int32_t>::max(),
                "the batch spans its records");
  last_offset_delta_ = static_cast<std::int32_t>(delta);
}

void RecordBatchBuilder::write_header(MutableBytes batch, bool compressed) const {
  std::uint16_t attributes = compressed ? static_cast<std::uint16_t>(options_.codec) : std::uint16_t{0};
  const bool append_time = options_.timestamp_type == TimestampType::log_append_time;
  if (append_time) attributes |= 0x08;
  if (options_.transactional) attributes |= 0x10;
  if (options_.control) attributes |= 0x20;
  std::uint8_t* const to = batch.data();
  store_be(to, options_.base_offset.value());
  store_be(to + 8, length_of(batch.size() - batch_overhead_bytes));
  store_be(to + 12, options_.partition_leader_epoch.value());
  store_be(to + 16, current_magic);
  store_be(to + 21, attributes);
  store_be(to + 23, std::max(last_offset_delta_, 0));
  store_be(to + 27, base_timestamp_ms_);
  store_be(to + 35, append_time ? options_.log_append_time_ms : max_timestamp_ms_);
  store_be(to + 43, options_.producer_id.value());
  store_be(to + 51, options_.producer_epoch.value());
  store_be(to + 53, options_.base_sequence);
  store_be(to + 57, record_count_);
  store_be(to + 17, crc32c(ByteView{batch}.subspan(21)));
}

MutableBytes RecordBatchBuilder::finish(Compressor& compressor) {
  if (options_.codec == Codec::none || record_count_ == 0) {
    options_.codec = Codec::none;
    return finish();
  }
  SQUALL_ASSERT(used_ >= batch_header_bytes && !finished_, "the batch has been started and not finished");
  finished_ = true;
  compressed_.clear();
  compressed_.resize(batch_header_bytes);
  compressor.compress(options_.codec, ByteView{buffer_}.first(used_).subspan(batch_header_bytes), compressed_,
                      options_.compression_level);
  write_header(compressed_, true);
  return compressed_;
}

MutableBytes RecordBatchBuilder::finish() {
  SQUALL_ASSERT(options_.codec == Codec::none, "a codec needs a compressor");
  SQUALL_ASSERT(used_ >= batch_header_bytes && !finished_, "the batch has been started and not finished");
  finished_ = true;
  const MutableBytes batch = MutableBytes{buffer_}.first(used_);
  write_header(batch, false);
  return batch;
}

ByteBuffer RecordBatchBuilder::take() {
  SQUALL_ASSERT(finished_, "the batch has been finished");
  const bool compressed = options_.codec != Codec::none;
  ByteBuffer given = std::exchange(compressed ? compressed_ : buffer_, {});
  if (!compressed) given.resize(used_);
  used_ = 0;
  finished_ = false;
  return given;
}

}  // namespace squall::protocol
