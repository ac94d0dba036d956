#include "client/fetch_session.h"

#include <gtest/gtest.h>

#include <vector>

namespace squall::client {
namespace {

constexpr std::int16_t version = 16;

class FetchSessionTest : public testing::Test {
 protected:
  FetchTarget target(const TopicPartition& partition, std::int64_t offset) {
    return {.partition = &partition, .topic_id = {1, 2}, .offset = Offset{offset}, .leader_epoch = LeaderEpoch{0}};
  }
  std::size_t named() const {
    std::size_t count = 0;
    for (const auto& topic : request.topics) count += topic.partitions.size();
    return count;
  }

  TopicPartition first{"orders", PartitionIndex{0}};
  TopicPartition second{"orders", PartitionIndex{1}};
  FetchSession session{true};
  protocol::FetchRequest request;
};

TEST_F(FetchSessionTest, NamesEverythingOnceAndThenOnlyWhatChanged) {
  session.build(std::vector{target(first, 0), target(second, 0)}, 100, version, request);
  EXPECT_EQ(request.session_epoch, 0);
  EXPECT_EQ(named(), 2U);
  session.succeeded(7);
  session.build(std::vector{target(first, 5), target(second, 0)}, 100, version, request);
  EXPECT_EQ(request.session_id, 7);
  EXPECT_EQ(request.session_epoch, 1);
  ASSERT_EQ(named(), 1U);
  EXPECT_EQ(request.topics[0].partitions[0].fetch_offset, 5);
  session.succeeded(7);
  session.build(std::vector{target(first, 5), target(second, 0)}, 100, version, request);
  EXPECT_EQ(request.session_epoch, 2);
  EXPECT_EQ(named(), 0U);
  EXPECT_TRUE(request.forgotten_topics_data.empty());
}

TEST_F(FetchSessionTest, ForgetsWhatIsNotWantedAnyMoreAndTakesItUpAgain) {
  session.build(std::vector{target(first, 0), target(second, 0)}, 100, version, request);
  session.succeeded(7);
  session.build(std::vector{target(second, 0)}, 100, version, request);
  ASSERT_EQ(request.forgotten_topics_data.size(), 1U);
  EXPECT_EQ(request.forgotten_topics_data[0].partitions, std::vector<std::int32_t>{0});
  session.succeeded(7);
  session.build(std::vector{target(first, 3), target(second, 0)}, 100, version, request);
  EXPECT_EQ(named(), 1U);
  EXPECT_TRUE(request.forgotten_topics_data.empty());
}

TEST_F(FetchSessionTest, BeginsAnewAfterAnErrorOrALostAnswer) {
  session.build(std::vector{target(first, 0)}, 100, version, request);
  session.succeeded(7);
  session.lost();
  session.build(std::vector{target(first, 0)}, 100, version, request);
  EXPECT_EQ(request.session_id, 7) << "so that the broker can close it";
  EXPECT_EQ(request.session_epoch, 0);
  EXPECT_EQ(named(), 1U);
  session.failed(protocol::ErrorCode::fetch_session_id_not_found);
  session.build(std::vector{target(first, 0)}, 100, version, request);
  EXPECT_EQ(request.session_id, 0);
}

TEST_F(FetchSessionTest, BeginsAnewWhenATopicWasMadeAgain) {
  session.build(std::vector{target(first, 0)}, 100, version, request);
  session.succeeded(7);
  FetchTarget other = target(first, 0);
  other.topic_id = {3, 4};
  session.build(std::vector{other}, 100, version, request);
  EXPECT_EQ(request.session_epoch, 0);
  EXPECT_EQ(named(), 1U);
}

TEST_F(FetchSessionTest, IsNotAskedForWhereItIsOffOrUnknown) {
  FetchSession off{false};
  off.build(std::vector{target(first, 0)}, 100, version, request);
  EXPECT_EQ(request.session_epoch, -1);
  off.succeeded(0);
  off.build(std::vector{target(first, 0)}, 100, version, request);
  EXPECT_EQ(named(), 1U);
  session.build(std::vector{target(first, 0)}, 100, 6, request);
  EXPECT_EQ(request.session_epoch, -1);
}

}  // namespace
}  // namespace squall::client
