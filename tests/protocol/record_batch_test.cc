#include "protocol/record_batch.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/varint.h"
#include "protocol/record_batch_builder.h"

namespace squall::protocol {
namespace {

constexpr std::size_t limit = std::size_t{1} << 20;
constexpr std::array codecs{Codec::none, Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd};

struct Read {
  std::vector<RecordView> records;
  bool whole = false;
};

class RecordBatch : public testing::Test {
 protected:
  Read read(const RecordBatchView& batch) {
    Read result;
    auto reader = RecordReader::open(batch, compressor, scratch, limit);
    if (!reader) return result;
    RecordView record;
    while (reader->next(record)) result.records.push_back(record);
    result.whole = !reader->failed();
    return result;
  }
  ByteBuffer three_records(const BatchOptions& options) {
    builder.start(options);
    builder.append(1000, as_bytes("k0"), as_bytes("v0"));
    builder.append(990, std::nullopt, as_bytes(""));
    const std::array headers{RecordHeader{"trace", as_bytes("id")}, RecordHeader{"empty", ByteView{}},
                             RecordHeader{"null", {}}};
    builder.append(1500, as_bytes(""), std::nullopt, headers);
    const ByteView batch = builder.finish(compressor);
    return {batch.begin(), batch.end()};
  }

  Compressor compressor;
  ByteBuffer scratch;
  RecordBatchBuilder builder;
};

TEST_F(RecordBatch, GivesBackItsHeader) {
  const ByteBuffer bytes = three_records({.codec = Codec::lz4,
                                          .transactional = true,
                                          .base_offset = Offset{70},
                                          .partition_leader_epoch = LeaderEpoch{5},
                                          .producer_id = ProducerId{9000},
                                          .producer_epoch = ProducerEpoch{2},
                                          .base_sequence = 40});
  const RecordBatchView batch{bytes};
  ASSERT_TRUE(batch.validate());
  ASSERT_TRUE(batch.validate_from_producer());
  EXPECT_EQ(batch.size_bytes(), bytes.size());
  EXPECT_EQ(batch.base_offset(), Offset{70});
  EXPECT_EQ(batch.last_offset(), Offset{72});
  EXPECT_EQ(batch.next_offset(), Offset{73});
  EXPECT_EQ(batch.partition_leader_epoch(), LeaderEpoch{5});
  EXPECT_EQ(batch.codec(), Codec::lz4);
  EXPECT_EQ(batch.timestamp_type(), TimestampType::create_time);
  EXPECT_TRUE(batch.is_transactional());
  EXPECT_FALSE(batch.is_control());
  EXPECT_EQ(batch.base_timestamp_ms(), 1000);
  EXPECT_EQ(batch.max_timestamp_ms(), 1500);
  EXPECT_EQ(batch.producer_id(), ProducerId{9000});
  EXPECT_EQ(batch.producer_epoch(), ProducerEpoch{2});
  EXPECT_EQ(batch.base_sequence(), 40);
  EXPECT_EQ(batch.last_sequence(), 42);
  EXPECT_EQ(batch.record_count(), 3);
}

TEST_F(RecordBatch, GivesBackItsRecordsWithEveryCodec) {
  for (const Codec codec : codecs) {
    const ByteBuffer bytes = three_records({.codec = codec, .base_offset = Offset{70}});
    const RecordBatchView batch{bytes};
    ASSERT_TRUE(batch.validate()) << to_string(codec);
    const auto [records, whole] = read(batch);
    EXPECT_TRUE(whole) << to_string(codec);
    ASSERT_EQ(records.size(), 3U) << to_string(codec);
    EXPECT_EQ(records[0].offset, Offset{70});
    EXPECT_EQ(records[0].timestamp_ms, 1000);
    EXPECT_EQ(as_text(*records[0].key), "k0");
    EXPECT_EQ(as_text(*records[0].value), "v0");
    EXPECT_EQ(records[1].timestamp_ms, 990);
    EXPECT_FALSE(records[1].key) << "null is not empty";
    ASSERT_TRUE(records[1].value);
    EXPECT_TRUE(records[1].value->empty());
    EXPECT_EQ(records[2].offset, Offset{72});
    EXPECT_TRUE(records[2].key);
    EXPECT_FALSE(records[2].value);

    HeaderReader headers = records[2].headers();
    RecordHeader header;
    ASSERT_TRUE(headers.next(header));
    EXPECT_EQ(header.key, "trace");
    EXPECT_EQ(as_text(*header.value), "id");
    ASSERT_TRUE(headers.next(header));
    EXPECT_TRUE(header.value && header.value->empty());
    ASSERT_TRUE(headers.next(header));
    EXPECT_FALSE(header.value);
    EXPECT_FALSE(headers.next(header));
    EXPECT_TRUE(headers.ended_cleanly());
  }
}

TEST_F(RecordBatch, CarriesExtremeTimestamps) {
  builder.start({});
  const std::array stamps{std::int64_t{-1}, std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min(),
                          std::int64_t{0}};
  for (const std::int64_t stamp : stamps) builder.append(stamp, std::nullopt, std::nullopt);
  const auto [records, whole] = read(RecordBatchView{builder.finish()});
  ASSERT_TRUE(whole);
  for (std::size_t index = 0; index < stamps.size(); ++index) EXPECT_EQ(records[index].timestamp_ms, stamps[index]);
}

TEST_F(RecordBatch, KeepsTheGapsOfCompaction) {
  builder.start({.base_offset = Offset{100}});
  builder.append_at(Offset{103}, 1, as_bytes("a"), as_bytes("b"));
  builder.append_at(Offset{110}, 1, as_bytes("c"), as_bytes("d"));
  builder.set_last_offset(Offset{120});
  const RecordBatchView batch{builder.finish()};
  ASSERT_TRUE(batch.validate());
  EXPECT_EQ(batch.validate_from_producer().error(), BatchError::bad_count);
  EXPECT_EQ(batch.next_offset(), Offset{121});
  const auto [records, whole] = read(batch);
  ASSERT_TRUE(whole);
  EXPECT_EQ(records[0].offset, Offset{103});
  EXPECT_EQ(records[1].offset, Offset{110});
}

TEST_F(RecordBatch, MayBeEmptyInALogButNotFromAProducer) {
  builder.start({.codec = Codec::zstd, .base_offset = Offset{8}});
  builder.set_last_offset(Offset{12});
  const RecordBatchView batch{builder.finish(compressor)};
  ASSERT_TRUE(batch.validate());
  EXPECT_EQ(batch.last_offset(), Offset{12});
  EXPECT_EQ(batch.size_bytes(), batch_header_bytes);
  EXPECT_TRUE(read(batch).whole);
  EXPECT_EQ(batch.validate_from_producer().error(), BatchError::bad_count);
}

TEST_F(RecordBatch, IsStampedInPlaceOutsideTheCrc) {
  ByteBuffer bytes = three_records({});
  const std::uint32_t crc = RecordBatchView{bytes}.crc();
  set_base_offset(bytes, Offset{5000});
  set_partition_leader_epoch(bytes, LeaderEpoch{12});
  const RecordBatchView batch{bytes};
  ASSERT_TRUE(batch.validate());
  EXPECT_EQ(batch.crc(), crc);
  EXPECT_EQ(batch.base_offset(), Offset{5000});
  EXPECT_EQ(batch.partition_leader_epoch(), LeaderEpoch{12});
  EXPECT_EQ(read(batch).records[2].offset, Offset{5002});
}

TEST_F(RecordBatch, TakesTheAppendTimeForEveryRecord) {
  ByteBuffer bytes = three_records({.codec = Codec::gzip});
  set_log_append_time(bytes, 777);
  const RecordBatchView batch{bytes};
  ASSERT_TRUE(batch.validate());
  EXPECT_EQ(batch.timestamp_type(), TimestampType::log_append_time);
  for (const RecordView& record : read(batch).records) EXPECT_EQ(record.timestamp_ms, 777);
}

TEST_F(RecordBatch, TakesAnotherProducerIdentity) {
  ByteBuffer bytes = three_records({});
  set_producer_state(bytes, ProducerId{3}, ProducerEpoch{1}, std::numeric_limits<std::int32_t>::max());
  const RecordBatchView batch{bytes};
  ASSERT_TRUE(batch.validate_from_producer());
  EXPECT_EQ(batch.last_sequence(), 1) << "sequences wrap to 0";
}

TEST_F(RecordBatch, RefusesEveryFlippedBitThatTheCrcCovers) {
  const ByteBuffer good = three_records({});
  for (std::size_t at = 17; at < good.size(); ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      ByteBuffer bad = good;
      bad[at] = static_cast<std::uint8_t>(bad[at] ^ (1U << bit));
      EXPECT_EQ(RecordBatchView{bad}.validate().error(), BatchError::bad_crc) << at;
    }
  }
}

TEST_F(RecordBatch, RefusesImpossibleHeaders) {
  const ByteBuffer good = three_records({});
  const auto error_with = [&good](std::size_t at, auto value) {
    ByteBuffer bad = good;
    store_be(bad.data() + at, value);
    const RecordBatchView batch{bad};
    if (const auto frame = batch.validate_frame(); !frame) return frame.error();
    return batch.validate_header().error();
  };
  EXPECT_EQ(error_with(8, std::int32_t{48}), BatchError::bad_length);
  EXPECT_EQ(error_with(8, std::int32_t{-1}), BatchError::bad_length);
  EXPECT_EQ(error_with(8, static_cast<std::int32_t>(good.size())), BatchError::truncated);
  EXPECT_EQ(error_with(16, std::int8_t{1}), BatchError::old_magic);
  EXPECT_EQ(error_with(16, std::int8_t{3}), BatchError::bad_magic);
  EXPECT_EQ(error_with(16, std::int8_t{-1}), BatchError::bad_magic);
  EXPECT_EQ(error_with(21, std::uint16_t{5}), BatchError::bad_attributes);
  EXPECT_EQ(error_with(23, std::int32_t{-1}), BatchError::bad_count);
  EXPECT_EQ(error_with(57, std::int32_t{4}), BatchError::bad_count);
  EXPECT_EQ(error_with(57, std::int32_t{-1}), BatchError::bad_count);
  EXPECT_EQ(error_with(0, std::numeric_limits<std::int64_t>::max()), BatchError::bad_count);
}

TEST_F(RecordBatch, FromAProducerIsNeitherControlNorWithoutSequence) {
  builder.start({.control = true});
  builder.append_end_transaction_marker(5, true, 9);
  const RecordBatchView control{builder.finish()};
  ASSERT_TRUE(control.validate());
  EXPECT_EQ(control.validate_from_producer().error(), BatchError::not_for_producers);
  const ByteBuffer unsequenced = three_records({.producer_id = ProducerId{1}, .producer_epoch = ProducerEpoch{0}});
  EXPECT_EQ(RecordBatchView{unsequenced}.validate_from_producer().error(), BatchError::not_for_producers);
}

TEST_F(RecordBatch, CarriesControlRecords) {
  builder.start({.transactional = true, .control = true, .producer_id = ProducerId{1}, .producer_epoch = ProducerEpoch{0}});
  builder.append_end_transaction_marker(5, false, 9);
  const auto [records, whole] = read(RecordBatchView{builder.finish()});
  ASSERT_TRUE(whole);
  EXPECT_EQ(control_type_of(records[0]), ControlType::abort);
  const auto marker = EndTransactionMarker::parse(*records[0].value);
  ASSERT_TRUE(marker);
  EXPECT_EQ(marker->coordinator_epoch, 9);
  EXPECT_FALSE(control_type_of(RecordView{}));
}

TEST_F(RecordBatch, PromisesTheRecordsThatItHolds) {
  ByteBuffer bytes = three_records({});
  store_be(bytes.data() + 57, std::int32_t{2});
  EXPECT_FALSE(read(RecordBatchView{bytes}).whole) << "bytes are left over";
  store_be(bytes.data() + 57, std::int32_t{4});
  EXPECT_FALSE(read(RecordBatchView{bytes}).whole) << "a record is missing";
}

TEST_F(RecordBatch, WithMutatedRecordsIsReadWithinItsBounds) {
  Random random{20};
  for (const Codec codec : codecs) {
    const ByteBuffer good = three_records({.codec = codec});
    for (int round = 0; round < 3000; ++round) {
      ByteBuffer bad = good;
      for (std::uint64_t flips = 1 + random.below(3); flips > 0; --flips) {
        const auto at = batch_header_bytes + static_cast<std::size_t>(random.below(bad.size() - batch_header_bytes));
        bad[at] = static_cast<std::uint8_t>(random.next());
      }
      for (const RecordView& record : read(RecordBatchView{bad}).records) {
        HeaderReader headers = record.headers();
        RecordHeader header;
        while (headers.next(header)) ASSERT_LE(header.key.size(), limit);
      }
    }
  }
}

TEST_F(RecordBatch, IsSteppedOverByTheCursor) {
  ByteBuffer blob = three_records({});
  const ByteBuffer second = three_records({.codec = Codec::zstd, .base_offset = Offset{3}});
  blob.insert(blob.end(), second.begin(), second.end());
  BatchCursor cursor{blob};
  RecordBatchView batch;
  ASSERT_TRUE(cursor.next(batch));
  EXPECT_EQ(batch.base_offset(), Offset{0});
  ASSERT_TRUE(cursor.next(batch));
  EXPECT_EQ(batch.base_offset(), Offset{3});
  EXPECT_EQ(batch.bytes().size(), second.size());
  EXPECT_FALSE(cursor.next(batch));
  EXPECT_FALSE(cursor.error());
  EXPECT_TRUE(cursor.rest().empty());
}

TEST_F(RecordBatch, CutAnywhereIsTruncatedForTheCursor) {
  const ByteBuffer bytes = three_records({});
  for (std::size_t length = 1; length < bytes.size(); ++length) {
    BatchCursor cursor{ByteView{bytes}.first(length)};
    RecordBatchView batch;
    ASSERT_FALSE(cursor.next(batch));
    EXPECT_EQ(cursor.error(), BatchError::truncated) << length;
  }
}

TEST_F(RecordBatch, OfOldFormatsIsToldApartFromGarbage) {
  ByteBuffer bytes(40);
  RecordBatchView batch;
  bytes[16] = 1;
  BatchCursor old{bytes};
  EXPECT_FALSE(old.next(batch));
  EXPECT_EQ(old.error(), BatchError::old_magic);
  bytes[16] = 200;
  BatchCursor garbage{bytes};
  EXPECT_FALSE(garbage.next(batch));
  EXPECT_EQ(garbage.error(), BatchError::bad_magic);
}

TEST_F(RecordBatch, BuilderBoundsTheSizeOfARecord) {
  builder.start({});
  const std::array headers{RecordHeader{"k", as_bytes("value")}};
  const std::size_t before = builder.size_bytes();
  builder.append(std::numeric_limits<std::int64_t>::max(), as_bytes("key"), as_bytes("value"), headers);
  builder.append(std::numeric_limits<std::int64_t>::min(), as_bytes("key"), as_bytes("value"), headers);
  EXPECT_LE(builder.size_bytes() - before,
            2 * RecordBatchBuilder::record_bytes_max(as_bytes("key"), as_bytes("value"), headers));
}

TEST_F(RecordBatch, IsTakenFromTheBuilderWithoutACopy) {
  builder.start({});
  builder.append(1, std::nullopt, as_bytes("v"));
  const ByteView finished = builder.finish();
  const std::uint8_t* const at = finished.data();
  const ByteBuffer taken = builder.take();
  EXPECT_EQ(taken.data(), at);
  EXPECT_TRUE(RecordBatchView{taken}.validate());
  builder.start({});
  builder.append(1, std::nullopt, as_bytes("w"));
  EXPECT_EQ(read(RecordBatchView{builder.finish()}).records.size(), 1U);
}

TEST(Varint, RoundTripsTheEdgesAndRefusesWhatDoesNotFit) {
  std::array<std::uint8_t, varlong_bytes_max> room{};
  for (const std::int64_t value : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{63}, std::int64_t{64}, std::int64_t{-65},
                                   std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min()}) {
    const std::uint8_t* const end = write_varlong(room.data(), value);
    EXPECT_EQ(static_cast<std::size_t>(end - room.data()), varlong_size(value));
    std::int64_t back = 0;
    EXPECT_EQ(read_varlong(room.data(), end, back), end);
    EXPECT_EQ(back, value);
    EXPECT_EQ(read_varlong(room.data(), end - 1, back), nullptr);
  }
  for (const std::int32_t value :
       {0, -1, 63, 64, std::numeric_limits<std::int32_t>::max(), std::numeric_limits<std::int32_t>::min()}) {
    const std::uint8_t* const end = write_varint(room.data(), value);
    EXPECT_EQ(static_cast<std::size_t>(end - room.data()), varint_size(value));
    std::int32_t back = 0;
    EXPECT_EQ(read_varint(room.data(), end, back), end);
    EXPECT_EQ(back, value);
  }
  const std::array<std::uint8_t, 6> too_long{0x80, 0x80, 0x80, 0x80, 0x80, 0x00};
  const std::array<std::uint8_t, 5> too_big{0xFF, 0xFF, 0xFF, 0xFF, 0x1F};
  std::uint32_t value = 0;
  EXPECT_EQ(read_unsigned_varint(too_long.data(), too_long.data() + 6, value), nullptr);
  EXPECT_EQ(read_unsigned_varint(too_big.data(), too_big.data() + 5, value), nullptr);
}

}  // namespace
}  // namespace squall::protocol
