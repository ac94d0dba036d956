// Record batches of format v2 (magic 2; KIP-32, KIP-98): the unit that producers send, logs keep and consumers fetch.
//
// A batch is a 61-byte big-endian header and its records, compressed as one. Everything here is a view: the bytes stay where
// they are. The base offset and the partition leader epoch lie outside the CRC, so that a leader stamps them in place.
//
//    0 base offset 8 | 8 length 4 | 12 partition leader epoch 4 | 16 magic 1 | 17 crc32c 4 (of all from 21 on)
//   21 attributes 2 | 23 last offset delta 4 | 27 base timestamp 8 | 35 max timestamp 8 | 43 producer id 8
//   51 producer epoch 2 | 53 base sequence 4 | 57 record count 4 | 61 records
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/types.h"
#include "protocol/compression.h"
#include "protocol/record.h"

namespace squall::protocol {

enum class ErrorCode : std::int16_t;

// Base offset and length, which the length does not count.
inline constexpr std::size_t batch_overhead_bytes = 12;
inline constexpr std::size_t batch_header_bytes = 61;
inline constexpr std::int8_t current_magic = 2;
inline constexpr std::int64_t no_timestamp = -1;
inline constexpr std::int32_t no_sequence = -1;
inline constexpr ProducerEpoch no_producer_epoch{-1};

enum class TimestampType : std::uint8_t { create_time = 0, log_append_time = 1 };

enum class BatchError : std::uint8_t {
  truncated = 1,      // the bytes end before the batch does (normal at the end of a fetch response)
  bad_length,         // the length field cannot be that of a batch
  bad_magic,          // a format that never existed
  old_magic,          // message format 0 or 1
  bad_crc,            //
  bad_attributes,     // a codec that does not exist
  bad_count,          // record count and offset deltas contradict each other
  bad_compression,    // the codec rejects its bytes
  too_large,          // decompresses to more than the limit
  bad_record,         // a record that ends outside its bounds, or more or fewer records than promised
  not_for_producers,  // a control batch, or a producer id without a sequence, from a client
};

[[nodiscard]] std::string_view to_string(BatchError error);
// What a broker answers for it.
[[nodiscard]] ErrorCode error_code_of(BatchError error);

// One batch. Constructing it needs only that the header is there; what the header says is believed after `validate`.
class RecordBatchView {
 public:
  RecordBatchView() = default;
  // `bytes` holds at least a header (asserted); what follows the batch in it is ignored once the length is known to be good.
  explicit RecordBatchView(ByteView bytes);

  [[nodiscard]] Offset base_offset() const { return Offset{at<std::int64_t>(0)}; }
  [[nodiscard]] std::int32_t length() const { return at<std::int32_t>(8); }
  [[nodiscard]] LeaderEpoch partition_leader_epoch() const { return LeaderEpoch{at<std::int32_t>(12)}; }
  [[nodiscard]] std::int8_t magic() const { return at<std::int8_t>(16); }
  [[nodiscard]] std::uint32_t crc() const { return at<std::uint32_t>(17); }
  [[nodiscard]] std::uint16_t attributes() const { return at<std::uint16_t>(21); }
  [[nodiscard]] std::int32_t last_offset_delta() const { return at<std::int32_t>(23); }
  [[nodiscard]] std::int64_t base_timestamp_ms() const { return at<std::int64_t>(27); }
  [[nodiscard]] std::int64_t max_timestamp_ms() const { return at<std::int64_t>(35); }
  [[nodiscard]] ProducerId producer_id() const { return ProducerId{at<std::int64_t>(43)}; }
  [[nodiscard]] ProducerEpoch producer_epoch() const { return ProducerEpoch{at<std::int16_t>(51)}; }
  [[nodiscard]] std::int32_t base_sequence() const { return at<std::int32_t>(53); }
  [[nodiscard]] std::int32_t record_count() const { return at<std::int32_t>(57); }

  [[nodiscard]] Offset last_offset() const { return base_offset() + last_offset_delta(); }
  [[nodiscard]] Offset next_offset() const { return last_offset() + 1; }
  // Wraps at 2^31 - 1 to 0. no_sequence if the batch has none.
  [[nodiscard]] std::int32_t last_sequence() const;
  // Only after `validate`: the attributes may name a codec that does not exist.
  [[nodiscard]] Codec codec() const { return static_cast<Codec>(attributes() & 0x07); }
  [[nodiscard]] TimestampType timestamp_type() const { return static_cast<TimestampType>((attributes() >> 3) & 1); }
  [[nodiscard]] bool is_transactional() const { return (attributes() & 0x10) != 0; }
  [[nodiscard]] bool is_control() const { return (attributes() & 0x20) != 0; }
  // Then the base timestamp is the delete horizon (KIP-534), and the deltas of the timestamps count from it.
  [[nodiscard]] bool has_delete_horizon() const { return (attributes() & 0x40) != 0; }
  [[nodiscard]] bool has_producer_id() const { return producer_id() > no_producer; }
  [[nodiscard]] std::size_t size_bytes() const { return batch_overhead_bytes + static_cast<std::size_t>(length()); }

  // The whole batch; the records of it, as they were compressed. Only once the length is known to be good.
  [[nodiscard]] ByteView bytes() const { return bytes_.first(size_bytes()); }
  [[nodiscard]] ByteView payload() const { return bytes().subspan(batch_header_bytes); }

  // Length and magic alone: what it takes to step over the batch. Reads the header only.
  [[nodiscard]] std::expected<void, BatchError> validate_frame() const;
  // The frame, the CRC, the codec, and that count and offset deltas can be true of a batch in a log (which compaction may
  // have thinned or emptied). Reads every byte once; does not decompress.
  [[nodiscard]] std::expected<void, BatchError> validate() const;
  // The same, and what Kafka asks of a batch from a producer: not a control batch, at least one record, as many offsets as
  // records, a sequence with a producer id.
  [[nodiscard]] std::expected<void, BatchError> validate_from_producer() const;
  // The checks of `validate` but the frame and the CRC, for bytes whose CRC has been checked already.
  [[nodiscard]] std::expected<void, BatchError> validate_header() const;

 private:
  template <class T>
  [[nodiscard]] T at(std::size_t position) const {
    return load_be<T>(bytes_.data() + position);
  }

  ByteView bytes_;
};

// Splits the records of a produce request, a fetch response or a segment into batches, without looking at their CRC.
//
//   BatchCursor cursor{records};
//   while (cursor.next(batch)) ...;
//   if (cursor.error()) ...;          // `truncated`: the last batch is incomplete
class BatchCursor {
 public:
  explicit BatchCursor(ByteView records) : rest_{records} {}

  // False at the end and at the first batch that cannot be stepped over.
  bool next(RecordBatchView& batch);
  [[nodiscard]] std::optional<BatchError> error() const { return error_; }
  // What has not been stepped over: empty if all was.
  [[nodiscard]] ByteView rest() const { return rest_; }

 private:
  ByteView rest_;
  std::optional<BatchError> error_;
};

// ---- the records of a batch ----

// Walks the records of one batch in order, allocating nothing. Offsets must rise and stay within what the header spans. The
// records point into the batch, or into the buffer that it was decompressed into.
//
//   auto reader = RecordReader::open(batch, compressor, scratch, limit);
//   if (!reader) ...;
//   while (reader->next(record)) ...;
//   if (reader->failed()) ...;        // a malformed record, or not as many as the header promises
class RecordReader {
 public:
  // Decompresses into `scratch` if the batch is compressed; then `scratch` must stay as it is while records are in use.
  // `batch` has passed `validate` (or its header checks).
  [[nodiscard]] static std::expected<RecordReader, BatchError> open(const RecordBatchView& batch, Compressor& compressor,
                                                                    ByteBuffer& scratch, std::size_t limit_bytes);
  // Over records that have been decompressed already.
  RecordReader(const RecordBatchView& batch, ByteView records);

  bool next(RecordView& record);
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  bool fail();

  const std::uint8_t* at_ = nullptr;
  const std::uint8_t* end_ = nullptr;
  Offset base_offset_;
  std::int64_t base_timestamp_ms_ = 0;
  std::int64_t log_append_time_ms_ = no_timestamp;
  std::int32_t left_ = 0;
  std::int32_t last_delta_ = -1;
  std::int32_t delta_max_ = 0;
  bool log_append_time_set_ = false;
  bool failed_ = false;
};

// ---- stamps: changes in place. `batch` begins at the batch and holds at least its header ----

void set_base_offset(MutableBytes batch, Offset base_offset);
void set_partition_leader_epoch(MutableBytes batch, LeaderEpoch epoch);
// Marks the batch as log-append time with `now_ms` as its max timestamp. Recomputes the CRC: `batch` holds the whole batch.
void set_log_append_time(MutableBytes batch, std::int64_t now_ms);
// For a producer that sends a batch again under another identity. Recomputes the CRC: `batch` holds the whole batch.
void set_producer_state(MutableBytes batch, ProducerId id, ProducerEpoch epoch, std::int32_t base_sequence);

// The sequence `count` after `sequence`: 2^31 - 1 is followed by 0.
[[nodiscard]] std::int32_t sequence_after(std::int32_t sequence, std::int32_t count);

}  // namespace squall::protocol
