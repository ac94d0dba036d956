#include "broker/fetch_session.h"

#include <gtest/gtest.h>

#include <vector>

namespace squall::broker {
namespace {

FetchPartition partition(const std::string& topic, std::int64_t offset = 0, std::int32_t index = 0) {
  return {.key = {.topic_id = {}, .topic = topic, .partition = PartitionIndex{index}}, .fetch_offset = Offset{offset}};
}

Instant at_seconds(std::int64_t seconds) { return Instant{std::chrono::seconds{seconds}}; }

std::vector<std::string> topics(FetchSession& session) {
  std::vector<std::string> names;
  for (const auto& state : session.partitions()) names.push_back(state.request.key.topic);
  return names;
}

struct FetchSessions : testing::Test {
  FetchSessionCache cache{2, Random{1}};
  std::vector<FetchPartition> both{partition("a"), partition("b")};
};

TEST_F(FetchSessions, AnIncrementalRequestChangesOnlyWhatItNames) {
  FetchSession* session = cache.open(false, both, at_seconds(0));
  ASSERT_NE(session, nullptr);
  const std::int32_t id = session->id();
  const std::vector<FetchPartition> changed{partition("a", 7), partition("c")};
  const std::vector<FetchKey> forgotten{both[1].key};
  const auto found = cache.resume(id, 1, false, changed, forgotten, at_seconds(1));
  ASSERT_EQ(found.session, session);
  EXPECT_EQ(topics(*session), (std::vector<std::string>{"a", "c"}));
  EXPECT_EQ(session->partitions().front().request.fetch_offset, Offset{7});
  EXPECT_EQ(session->next_epoch(), 2);
}

TEST_F(FetchSessions, WrongIdEpochOrNamingAreToldApart) {
  FetchSession* session = cache.open(false, both, at_seconds(0));
  EXPECT_EQ(cache.resume(session->id() + 1, 1, false, {}, {}, at_seconds(0)).error, FetchSessionError::id_not_found);
  EXPECT_EQ(cache.resume(session->id(), 2, false, {}, {}, at_seconds(0)).error, FetchSessionError::invalid_epoch);
  EXPECT_EQ(cache.resume(session->id(), 1, true, {}, {}, at_seconds(0)).error, FetchSessionError::topic_id);
  EXPECT_EQ(cache.resume(session->id(), 1, false, {}, {}, at_seconds(0)).error, FetchSessionError::none);
}

TEST_F(FetchSessions, ASessionWithoutPartitionsIsClosed) {
  FetchSession* session = cache.open(false, both, at_seconds(0));
  const std::vector<FetchKey> all{both[0].key, both[1].key};
  const auto found = cache.resume(session->id(), 1, false, {}, all, at_seconds(0));
  EXPECT_EQ(found.session, nullptr);
  EXPECT_EQ(found.error, FetchSessionError::none);
  EXPECT_EQ(cache.size(), 0U);
  EXPECT_EQ(cache.partitions(), 0U);
}

// A follower drops an answer to what it asked under an earlier leader epoch: the session cannot know what it took over.
TEST_F(FetchSessions, UnderANewLeaderEpochAllIsNews) {
  FetchSession* session = cache.open(false, both, at_seconds(0));
  const FetchPartitionAnswer answer{.high_watermark = Offset{5}, .log_start = Offset{0}, .last_stable = Offset{5}};
  FetchPartitionState& state = session->partitions().front();
  EXPECT_TRUE(FetchSession::must_tell(state, answer));
  session->put(partition("a", 3));
  EXPECT_FALSE(FetchSession::must_tell(state, answer));
  FetchPartition newer = partition("a", 3);
  newer.current_leader_epoch = LeaderEpoch{6};
  session->put(newer);
  EXPECT_TRUE(FetchSession::must_tell(state, answer));
}

TEST_F(FetchSessions, OnlyNewsAreTold) {
  FetchPartitionState state;
  const FetchPartitionAnswer quiet{.high_watermark = Offset{5}, .log_start = Offset{0}, .last_stable = Offset{5}};
  EXPECT_TRUE(FetchSession::must_tell(state, quiet)) << "the first answer is always news";
  EXPECT_FALSE(FetchSession::must_tell(state, quiet));
  FetchPartitionAnswer moved = quiet;
  moved.log_start = Offset{1};
  EXPECT_TRUE(FetchSession::must_tell(state, moved));
  FetchPartitionAnswer records = moved;
  records.has_records = true;
  EXPECT_TRUE(FetchSession::must_tell(state, records));
  EXPECT_TRUE(FetchSession::must_tell(state, {.has_error = true}));
  EXPECT_TRUE(FetchSession::must_tell(state, moved)) << "after an error the partition is told of again";
}

TEST_F(FetchSessions, WhoGotRecordsIsServedLast) {
  FetchSession* session = cache.open(false, both, at_seconds(0));
  session->serve_last(session->partitions().begin());
  EXPECT_EQ(topics(*session), (std::vector<std::string>{"b", "a"}));
  const std::vector<FetchPartition> changed{partition("a", 9)};
  (void)cache.resume(session->id(), 1, false, changed, {}, at_seconds(0));
  EXPECT_EQ(session->partitions().back().request.fetch_offset, Offset{9}) << "it is still found after the move";
}

TEST_F(FetchSessions, AFullCacheEvictsTheIdleAndTheSmallButNotTheYoung) {
  const std::vector<FetchPartition> one{partition("x")};
  FetchSession* small = cache.open(false, one, at_seconds(0));
  FetchSession* large = cache.open(false, both, at_seconds(0));
  const std::int32_t small_id = small->id();
  const std::int32_t large_id = large->id();
  EXPECT_EQ(cache.open(false, both, at_seconds(100)), nullptr) << "both are young";
  (void)cache.resume(small_id, 1, false, {}, {}, at_seconds(100));
  (void)cache.resume(large_id, 1, false, {}, {}, at_seconds(100));
  EXPECT_EQ(cache.open(false, one, at_seconds(130)), nullptr) << "none is idle and none is smaller";
  EXPECT_NE(cache.open(false, both, at_seconds(130)), nullptr);
  EXPECT_EQ(cache.find(small_id), nullptr) << "the smaller one went";
  EXPECT_NE(cache.open(false, one, at_seconds(221)), nullptr);
  EXPECT_EQ(cache.find(large_id), nullptr) << "idle since 100 s";
  EXPECT_EQ(cache.evictions(), 2U);
  EXPECT_EQ(cache.size(), 2U);
}

TEST_F(FetchSessions, AFollowersSessionTakesTheSlotOfAConsumersHoweverYoungAndNeverTheOtherWayRound) {
  const std::vector<FetchPartition> one{partition("x")};
  const std::int32_t small_id = cache.open(false, one, at_seconds(0))->id();
  const std::int32_t large_id = cache.open(false, both, at_seconds(0))->id();
  EXPECT_NE(cache.open(false, one, at_seconds(1), true), nullptr);
  EXPECT_EQ(cache.find(small_id), nullptr) << "the smaller consumer goes first";
  EXPECT_NE(cache.open(false, one, at_seconds(1), true), nullptr);
  EXPECT_EQ(cache.find(large_id), nullptr);
  EXPECT_EQ(cache.open(false, both, at_seconds(2), true), nullptr) << "among followers only the old give way";
  EXPECT_EQ(cache.open(false, both, at_seconds(2)), nullptr);
  EXPECT_EQ(cache.size(), 2U);
}

}  // namespace
}  // namespace squall::broker
