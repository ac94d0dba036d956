// Builds record batches of format v2 into a buffer that is reused from batch to batch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "base/types.h"
#include "protocol/compression.h"
#include "protocol/record.h"
#include "protocol/record_batch.h"

namespace squall::protocol {

struct BatchOptions {
  Codec codec = Codec::none;
  std::optional<std::int32_t> compression_level = std::nullopt;  // nothing: the codec's own
  TimestampType timestamp_type = TimestampType::create_time;
  std::int64_t log_append_time_ms = no_timestamp;  // the max timestamp, with log_append_time
  bool transactional = false;
  bool control = false;
  Offset base_offset{0};
  LeaderEpoch partition_leader_epoch = no_epoch;
  ProducerId producer_id = no_producer;
  ProducerEpoch producer_epoch = no_producer_epoch;
  std::int32_t base_sequence = no_sequence;
};

//   builder.start(options);
//   builder.append(timestamp, key, value, headers); ...
//   ByteView batch = builder.finish(compressor);
class RecordBatchBuilder {
 public:
  RecordBatchBuilder() = default;

  // Forgets what was built; keeps the memory.
  void start(const BatchOptions& options);

  // The next record: its offset is one above the last one's.
  void append(std::int64_t timestamp_ms, NullableBytes key, NullableBytes value, std::span<const RecordHeader> headers = {});
  // A record at a chosen offset, above the last one's: batches thinned by compaction keep their gaps.
  void append_at(Offset offset, std::int64_t timestamp_ms, NullableBytes key, NullableBytes value,
                 std::span<const RecordHeader> headers = {});
  // A control record; the batch must have been started as a control batch.
  void append_control(std::int64_t timestamp_ms, ControlType type, ByteView value, std::int16_t key_version = 0);
  void append_end_transaction_marker(std::int64_t timestamp_ms, bool commit, std::int32_t coordinator_epoch);

  // Until `finish`, the identity may still be set: producers draw the sequence when the batch is sent, not when it is filled.
  void set_producer(ProducerId id, ProducerEpoch epoch, std::int32_t base_sequence);
  // Makes the batch span the offsets up to `last`, though its last record lies below (compaction).
  void set_last_offset(Offset last);

  // Header and records appended so far, before compression.
  [[nodiscard]] std::size_t size_bytes() const { return used_; }
  [[nodiscard]] std::int32_t record_count() const { return record_count_; }
  // The most that one more such record can add, whatever its deltas.
  [[nodiscard]] static std::size_t record_bytes_max(NullableBytes key, NullableBytes value,
                                                    std::span<const RecordHeader> headers = {});

  // Compresses, writes the header, computes the CRC. The bytes stay valid, and may be stamped, until the next
  // `start`. A batch without records is
  // legal in a log (compaction leaves such), not from a producer. A codec that does not shrink the records is still used.
  [[nodiscard]] MutableBytes finish(Compressor& compressor);
  // Without a codec no compressor is needed (asserted).
  [[nodiscard]] MutableBytes finish();
  // After `finish`: gives the bytes away, without a copy, and the memory with them.
  [[nodiscard]] ByteBuffer take();

 private:
  std::uint8_t* grow(std::size_t bytes);
  void write_header(MutableBytes batch, bool compressed) const;

  BatchOptions options_;
  ByteBuffer buffer_;      // used_ bytes of it are the batch, uncompressed; the rest is room
  ByteBuffer compressed_;  // the batch, if it has a codec
  std::size_t used_ = 0;
  std::int64_t base_timestamp_ms_ = no_timestamp;
  std::int64_t max_timestamp_ms_ = no_timestamp;
  std::int32_t last_offset_delta_ = -1;
  std::int32_t record_count_ = 0;
  bool finished_ = false;
};

}  // namespace squall::protocol
