#include "raft/shell/record_batches.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "protocol/framing.h"
#include "protocol/record.h"
#include "protocol/record_batch.h"

namespace squall::raft {
namespace {

using protocol::ErrorCode;
using testing::ElementsAre;

Records topics(std::size_t count, std::size_t name_bytes = 5) {
  Records records;
  for (std::size_t i = 0; i < count; ++i) {
    protocol::TopicRecord record;
    record.name = std::string(name_bytes, 't');
    record.topic_id = Uuid{1, i};
    records.emplace_back(std::move(record));
  }
  return records;
}

std::vector<std::int32_t> counts(const std::vector<EncodedBatch>& batches) {
  std::vector<std::int32_t> all;
  for (const EncodedBatch& batch : batches) {
    const protocol::RecordBatchView view{batch.bytes};
    EXPECT_TRUE(view.validate().has_value());
    EXPECT_EQ(view.record_count(), batch.count);
    all.push_back(batch.count);
  }
  return all;
}

TEST(RecordBatchesTest, AnAtomicOperationIsOneBatch) {
  const auto batches = encode_batches(topics(10'000), {29}, true, 1);
  ASSERT_TRUE(batches.has_value());
  EXPECT_THAT(counts(*batches), ElementsAre(10'000));
}

TEST(RecordBatchesTest, AnAtomicOperationOfMoreRecordsOrBytesThanABatchHoldsIsRefused) {
  EXPECT_EQ(encode_batches(topics(10'001), {29}, true, 1).error(), ErrorCode::policy_violation);
  const BatchLimits limits{.records_max = 100, .bytes_max = 2'000};
  EXPECT_TRUE(encode_batches(topics(2, 700), {29}, true, 1, limits).has_value());
  EXPECT_EQ(encode_batches(topics(3, 700), {29}, true, 1, limits).error(), ErrorCode::policy_violation);
}

TEST(RecordBatchesTest, OthersAreSplitWhereABatchIsFull) {
  const BatchLimits limits{.records_max = 4, .bytes_max = 2'000};
  const auto by_count = encode_batches(topics(10), {29}, false, 1, limits);
  ASSERT_TRUE(by_count.has_value());
  EXPECT_THAT(counts(*by_count), ElementsAre(4, 4, 2));
  const auto by_bytes = encode_batches(topics(5, 700), {29}, false, 1, limits);
  ASSERT_TRUE(by_bytes.has_value());
  EXPECT_THAT(counts(*by_bytes), ElementsAre(2, 2, 1));
}

TEST(RecordBatchesTest, ARecordThatNoBatchHoldsIsRefusedWhereverItStands) {
  const BatchLimits limits{.records_max = 4, .bytes_max = 1'000};
  Records records = topics(1, 2'000);
  EXPECT_EQ(encode_batches(records, {29}, false, 1, limits).error(), ErrorCode::policy_violation);
  Records small = topics(2);
  records.insert(records.begin(), small.begin(), small.end());
  EXPECT_EQ(encode_batches(records, {29}, false, 1, limits).error(), ErrorCode::policy_violation);
}

TEST(RecordBatchesTest, ALevelHoldsForTheRecordsBehindIt) {
  protocol::FeatureLevelRecord level;
  level.name = metadata_version_feature;
  level.feature_level = 29;
  protocol::RegisterBrokerRecord broker;
  broker.log_dirs = {Uuid{1, 2}};
  const auto batches = encode_batches(Records{level, broker}, {7}, true, 1);
  ASSERT_TRUE(batches.has_value());
  protocol::Compressor compressor;
  ByteBuffer scratch;
  const protocol::RecordBatchView view{batches->at(0).bytes};
  auto reader = protocol::RecordReader::open(view, compressor, scratch, 1U << 20);
  ASSERT_TRUE(reader.has_value());
  protocol::RecordView record;
  ASSERT_TRUE(reader->next(record) && reader->next(record));
  const auto decoded = protocol::decode_metadata_record(*record.value);
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(std::get<protocol::RegisterBrokerRecord>(*decoded).log_dirs, broker.log_dirs) << "a field that level 7 lacks";
}

}  // namespace
}  // namespace squall::raft
