#include "base/varint.h"
#include "protocol/record_batch.h"

namespace squall::protocol {

namespace {

// A key or value: a zigzag length, -1 for null (and, as Kafka reads them, any negative one), and as many bytes.
[[nodiscard]] const std::uint8_t* read_nullable(const std::uint8_t* at, const std::uint8_t* end, NullableBytes& bytes) {
  std::int32_t length = 0;
  at = read_varint(at, end, length);
  if (at == nullptr || end - at < length) return nullptr;
  if (length < 0) {
    bytes.reset();
    return at;
  }
  bytes.emplace(at, static_cast<std::size_t>(length));
  return at + length;
}

[[nodiscard]] std::int64_t wrapping_sum(std::int64_t left, std::int64_t right) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(left) + static_cast<std::uint64_t>(right));
}

}  // namespace

std::expected<RecordReader, BatchError> RecordReader::open(const RecordBatchView& batch, Compressor& compressor,
                                                           ByteBuffer& scratch, std::size_t limit_bytes) {
  if (batch.codec() == Codec::none) return RecordReader{batch, batch.payload()};
  // A batch that compaction emptied has no compressed stream.
  if (batch.record_count() == 0 && batch.payload().empty()) return RecordReader{batch, {}};
  const auto decompressed = compressor.decompress(batch.codec(), batch.payload(), scratch, limit_bytes);
  if (!decompressed) {
    return std::unexpected{decompressed.error() == CompressionError::too_large ? BatchError::too_large
                                                                               : BatchError::bad_compression};
  }
  return RecordReader{batch, scratch};
}

RecordReader::RecordReader(const RecordBatchView& batch, ByteView records)
    : at_{records.data()},
      end_{records.data() + records.size()},
      base_offset_{batch.base_offset()},
      base_timestamp_ms_{batch.base_timestamp_ms()},
      log_append_time_ms_{batch.max_timestamp_ms()},
      left_{batch.record_count()},
      delta_max_{batch.last_offset_delta()},
      log_append_time_set_{batch.timestamp_type() == TimestampType::log_append_time} {}

bool RecordReader::fail() {
  failed_ = true;
  left_ = 0;
  return false;
}

bool RecordReader::next(RecordView& record) {
  if (left_ == 0) {
    failed_ = failed_ || at_ != end_;
    return false;
  }
  std::int32_t length = 0;
  const std::uint8_t* at = read_varint(at_, end_, length);
  if (at == nullptr || length < 1 || end_ - at < length) return fail();
  const std::uint8_t* const end = at + length;
  ++at;  // the attributes of a record: none is defined
  std::int64_t timestamp_delta = 0;
  at = read_varlong(at, end, timestamp_delta);
  if (at == nullptr) return fail();
  std::int32_t offset_delta = 0;
  at = read_varint(at, end, offset_delta);
  if (at == nullptr || offset_delta <= last_delta_ || offset_delta > delta_max_) return fail();
  at = read_nullable(at, end, record.key);
  if (at == nullptr) return fail();
  at = read_nullable(at, end, record.value);
  if (at == nullptr) return fail();
  std::int32_t header_count = 0;
  at = read_varint(at, end, header_count);
  if (at == nullptr || header_count < 0) return fail();
  record.header_count = static_cast<std::uint32_t>(header_count);
  record.header_bytes = ByteView{at, end};
  if (header_count == 0 && at != end) return fail();
  if (header_count > 0) {
    HeaderReader headers = record.headers();
    RecordHeader header;
    while (headers.next(header)) {
    }
    if (!headers.ended_cleanly()) return fail();
  }
  record.offset = base_offset_ + offset_delta;
  record.offset_delta = offset_delta;
  record.timestamp_ms = log_append_time_set_ ? log_append_time_ms_ : wrapping_sum(base_timestamp_ms_, timestamp_delta);
  last_delta_ = offset_delta;
  at_ = end;
  --left_;
  return true;
}

}  // namespace squall::protocol
