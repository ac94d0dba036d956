// Records of the internal topics, with what stands around them.
#include "protocol/framing.h"

#include <gtest/gtest.h>

#include "protocol/messages/consumer_protocol.h"

namespace squall::protocol {
namespace {

TEST(MetadataRecord, StandsBehindFrameTypeAndVersion) {
  ByteBuffer bytes;
  Writer writer{bytes};
  ASSERT_TRUE(
      encode_metadata_record(writer, 0, FeatureLevelRecord{.name = "metadata.version", .feature_level = 29}).has_value());
  const ByteBuffer expected{1,   12,  0,   17,  'm', 'e', 't', 'a', 'd', 'a', 't', 'a',
                            '.', 'v', 'e', 'r', 's', 'i', 'o', 'n', 0,   29,  0};
  EXPECT_EQ(bytes, expected);
  const auto read = decode_metadata_record(bytes);
  ASSERT_TRUE(read.has_value());
  ASSERT_TRUE(std::holds_alternative<FeatureLevelRecord>(*read));
  EXPECT_EQ(std::get<FeatureLevelRecord>(*read).feature_level, 29);
}

TEST(MetadataRecord, IsRefusedWithAnUnknownFrameTypeOrVersion) {
  for (const ByteBuffer& bytes : {ByteBuffer{2, 20, 0, 0}, ByteBuffer{1, 6, 0, 0}, ByteBuffer{1, 20, 9, 0},
                                  ByteBuffer{1, 20, 0, 0, 0}, ByteBuffer{1, 20, 0}, ByteBuffer{}}) {
    EXPECT_FALSE(decode_metadata_record(bytes).has_value()) << bytes.size();
  }
  EXPECT_TRUE(decode_metadata_record(ByteBuffer{1, 20, 0, 0}).has_value()) << "a no-op record";
}

TEST(MetadataRecord, LeavesNothingBehindWhenItsVersionCannotCarryIt) {
  ByteBuffer bytes;
  Writer writer{bytes};
  PartitionRecord record;
  record.directories = {Uuid{1, 2}};
  EXPECT_FALSE(encode_metadata_record(writer, 0, record).has_value());
  EXPECT_TRUE(bytes.empty());
  EXPECT_TRUE(encode_metadata_record(writer, 1, record).has_value());
}

TEST(RemoteLogRecord, HasNoFrameVersion) {
  ByteBuffer bytes;
  Writer writer{bytes};
  RemotePartitionDeleteMetadataRecord record;
  record.broker_id = 4;
  ASSERT_TRUE(encode_remote_log_record(writer, 0, record).has_value());
  EXPECT_EQ(bytes[0], 2);
  EXPECT_EQ(bytes[1], 0);
  const auto read = decode_remote_log_record(bytes);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(std::get<RemotePartitionDeleteMetadataRecord>(*read), record);
}

TEST(GroupRecord, HasItsTypeInTheKeyAndItsVersionInTheValue) {
  ByteBuffer key;
  Writer key_writer{key};
  ASSERT_TRUE(encode_record_key(key_writer, OffsetCommitKey{.group = "g", .topic = "t", .partition = 2}).has_value());
  EXPECT_EQ(key, (ByteBuffer{0, 1, 0, 1, 'g', 0, 1, 't', 0, 0, 0, 2}));
  ByteBuffer value;
  Writer value_writer{value};
  OffsetCommitValue commit;
  commit.offset = 9;
  commit.leader_epoch = 3;
  commit.commit_timestamp = 5;
  ASSERT_TRUE(encode_record_value(value_writer, 3, commit).has_value());
  EXPECT_EQ(value, (ByteBuffer{0, 3, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5}));

  const auto read_key = decode_group_key(key);
  ASSERT_TRUE(read_key.has_value());
  const auto read_value = decode_group_value(type_of(*read_key), value);
  ASSERT_TRUE(read_value.has_value());
  EXPECT_EQ(std::get<OffsetCommitValue>(*read_value), commit);
}

TEST(GroupRecord, OfAnUnknownTypeIsRefused) {
  EXPECT_EQ(decode_group_key(ByteBuffer{0, 99, 0, 0}).error().what, "a record of unknown type");
  EXPECT_FALSE(decode_group_value(1, ByteBuffer{0, 77}).has_value());
}

TEST(TransactionRecord, ReadsBack) {
  ByteBuffer value;
  Writer writer{value};
  TransactionLogValue state;
  state.producer_id = 7;
  state.next_producer_id = 8;
  state.transaction_partitions = {{.topic = "orders", .partition_ids = {0, 1}}};
  EXPECT_FALSE(encode_record_value(writer, 0, state).has_value()) << "version 0 has no tagged fields";
  ASSERT_TRUE(encode_record_value(writer, 1, state).has_value());
  const auto read = decode_transaction_value(0, value);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(std::get<TransactionLogValue>(*read), state);
}

TEST(Versioned, ReadsAMessageOfTheFutureAsTheLatestKnown) {
  ConsumerProtocolAssignment assignment;
  assignment.assigned_partitions = {{.topic = "orders", .partitions = {1, 2}}};
  ByteBuffer bytes;
  Writer writer{bytes};
  ASSERT_TRUE(encode_versioned(writer, 3, assignment).has_value());
  bytes[1] = 9;
  bytes.push_back(0xAA);
  Reader reader{bytes};
  ConsumerProtocolAssignment read;
  ASSERT_TRUE(decode_versioned(reader, read).has_value());
  EXPECT_EQ(read, assignment);
  EXPECT_EQ(reader.remaining(), 1U);
}

}  // namespace
}  // namespace squall::protocol
