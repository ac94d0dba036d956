#include "broker/fetch_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

namespace squall::broker {
namespace {

using testing::ElementsAre;

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
  const auto session = cache.open(false, both, at_seconds(0));
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
  const auto session = cache.open(false, both, at_seconds(0));
  EXPECT_EQ(cache.resume(session->id() + 1, 1, false, {}, {}, at_seconds(0)).error, FetchSessionError::id_not_found);
  EXPECT_EQ(cache.resume(session->id(), 2, false, {}, {}, at_seconds(0)).error, FetchSessionError::invalid_epoch);
  EXPECT_EQ(cache.resume(session->id(), 1, true, {}, {}, at_seconds(0)).error, FetchSessionError::topic_id);
  EXPECT_EQ(cache.resume(session->id(), 1, false, {}, {}, at_seconds(0)).error, FetchSessionError::none);
}

TEST_F(FetchSessions, ASessionWithoutPartitionsIsClosed) {
  const auto session = cache.open(false, both, at_seconds(0));
  const std::vector<FetchKey> all{both[0].key, both[1].key};
  const auto found = cache.resume(session->id(), 1, false, {}, all, at_seconds(0));
  EXPECT_EQ(found.session, nullptr);
  EXPECT_EQ(found.error, FetchSessionError::none);
  EXPECT_EQ(cache.size(), 0U);
  EXPECT_EQ(cache.partitions(), 0U);
}

// A follower drops an answer to what it asked under an earlier leader epoch: the session cannot know what it took over.
TEST_F(FetchSessions, UnderANewLeaderEpochAllIsNews) {
  const auto session = cache.open(false, both, at_seconds(0));
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
  const auto session = cache.open(false, both, at_seconds(0));
  FetchPartitionState& state = session->partitions().front();
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
  const auto session = cache.open(false, both, at_seconds(0));
  session->serve_last(session->partitions().front());
  EXPECT_EQ(topics(*session), (std::vector<std::string>{"b", "a"}));
  const std::vector<FetchPartition> changed{partition("a", 9)};
  (void)cache.resume(session->id(), 1, false, changed, {}, at_seconds(0));
  EXPECT_EQ(session->partitions().back().request.fetch_offset, Offset{9}) << "it is still found after the move";
}

TEST_F(FetchSessions, AFullCacheEvictsTheIdleAndTheSmallButNotTheYoung) {
  const std::vector<FetchPartition> one{partition("x")};
  const auto small = cache.open(false, one, at_seconds(0));
  const auto large = cache.open(false, both, at_seconds(0));
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

// What a fetch in the session reads, by topic.
std::vector<std::string> taken(FetchSession& session) {
  std::vector<std::string> names;
  for (const FetchPartitionState* state : session.take()) names.push_back(state->request.key.topic);
  return names;
}

struct DuePartitions : FetchSessions {
  DuePartitions() : session{cache.open(false, three, at_seconds(0))} {
    for (FetchPartitionState& state : session->partitions()) state.join(logs[state.request.key.topic]);
    read_all_to_the_end();
  }
  void read_all_to_the_end() {
    for (FetchPartitionState* state : session->take()) session->settle(*state, true);
  }
  void resume(std::vector<FetchPartition> changed = {}, std::vector<FetchKey> forgotten = {}) {
    const auto found = cache.resume(session->id(), session->next_epoch(), false, changed, forgotten, at_seconds(1));
    ASSERT_EQ(found.session, session);
  }
  FetchPartitionState& state(const std::string& topic) {
    return *std::ranges::find(session->partitions(), topic, [](const auto& one) { return one.request.key.topic; });
  }

  std::vector<FetchPartition> three{partition("a"), partition("b"), partition("c")};
  std::map<std::string, WatchList> logs;
  FetchSessionCache::SessionRef session;
};

TEST_F(DuePartitions, AreThoseThatAreNamedAndThoseToWhichSomethingHappened) {
  resume();
  EXPECT_THAT(taken(*session), testing::IsEmpty());
  logs["c"].notify();
  logs["c"].notify();
  resume({partition("b", 4)});
  EXPECT_THAT(taken(*session), ElementsAre("b", "c"));
  EXPECT_FALSE(session->has_due());
}

TEST_F(DuePartitions, AreTheNewAndNotTheForgotten) {
  logs["a"].notify();
  logs["c"].notify();
  resume({partition("d")}, {three[0].key});
  EXPECT_THAT(taken(*session), ElementsAre("c", "d"));
  logs["a"].notify();
  EXPECT_FALSE(session->has_due()) << "nobody watches it any more";
}

TEST_F(DuePartitions, AreLeftOverUntilTheyAreReadToTheEnd) {
  resume({partition("a", 1), partition("b", 1)});
  for (FetchPartitionState* state : session->take()) session->settle(*state, state->request.key.topic == "b");
  resume();
  EXPECT_THAT(taken(*session), ElementsAre("a"));
}

TEST_F(DuePartitions, ComeInTheOrderOfServiceHoweverTheyBecameDue) {
  session->serve_last(state("a"));
  logs["a"].notify();
  logs["c"].notify();
  logs["b"].notify();
  EXPECT_THAT(taken(*session), ElementsAre("b", "c", "a"));
}

TEST_F(DuePartitions, StayDueIfSomethingHappensBetweenTheReadingAndTheAnswer) {
  resume({partition("a", 1)});
  FetchPartitionState& read = *session->take().at(0);
  read.slot = 0;
  logs["a"].notify();
  EXPECT_TRUE(session->has_due()) << "a fetch that is about to wait looks again";
  session->settle(read, true);
  EXPECT_FALSE(read.slot.has_value());
  resume();
  EXPECT_THAT(taken(*session), ElementsAre("a"));
}

TEST_F(DuePartitions, WakeNobodyForWhatIsOnlyNoted) {
  struct Waiting final : WatchLink {
    int woken = 0;
    void notified() override { ++woken; }
  } waiting;
  waiting.join(session->changes());
  logs["a"].note();
  EXPECT_TRUE(session->has_due());
  EXPECT_EQ(waiting.woken, 0);
  logs["a"].notify();
  EXPECT_EQ(waiting.woken, 1) << "what comes later is worth it";
  EXPECT_THAT(taken(*session), ElementsAre("a"));
}

TEST_F(DuePartitions, KeepTheirSlotInTheFetchThatReadsThemAgain) {
  logs["a"].notify();
  session->take().at(0)->slot = 7;
  logs["a"].notify();
  EXPECT_EQ(session->take().at(0)->slot, 7U);
}

TEST_F(DuePartitions, GoFromASupersededFetchToTheNext) {
  logs["a"].notify();
  logs["b"].notify();
  for (FetchPartitionState* state : session->take()) state->slot = 0;
  logs["b"].notify();
  resume();
  for (const FetchPartitionState* state : session->take()) EXPECT_FALSE(state->slot.has_value());
  resume();
  EXPECT_THAT(taken(*session), ElementsAre("a", "b")) << "it never answered";
}

TEST_F(DuePartitions, AreAllForAnotherReader) {
  session->read_by({});
  EXPECT_THAT(taken(*session), ElementsAre("a", "b", "c")) << "nobody has read before";
  for (FetchPartitionState& state : session->partitions()) session->settle(state, true);
  session->read_by({});
  EXPECT_FALSE(session->has_due());
  session->read_by({.read_committed = true});
  EXPECT_THAT(taken(*session), ElementsAre("a", "b", "c"));
}

TEST_F(DuePartitions, DoNotOutliveWhatTheyWatchNorTheirSession) {
  logs.erase("a");
  cache.close(session->id());
  EXPECT_TRUE(session->gone());
  session.reset();
  logs["b"].notify();
  EXPECT_TRUE(logs["b"].empty());
}

TEST_F(FetchSessions, TheRoundsOfAPartitionAreThoseOfTheFollowersThatHaveItInASession) {
  FetchSessionCache roomy{9, Random{1}};
  const auto consumer = roomy.open(false, both, at_seconds(0));
  const auto first = roomy.open(false, both, at_seconds(1), true);
  const auto second = roomy.open(false, std::span{both}.first(1), at_seconds(2), true);
  consumer->read_by({});
  first->read_by({.replica = NodeId{1}});
  second->read_by({.replica = NodeId{2}});
  (void)roomy.resume(first->id(), 1, false, {}, {}, at_seconds(5));
  const auto of_a = roomy.rounds_of({.topic_id = Uuid{1, 2}, .topic = "a", .partition = PartitionIndex{0}});
  ASSERT_EQ(of_a.size(), 2U);
  EXPECT_EQ(of_a[0].replica, NodeId{1}) << "the session that is worth most comes first";
  EXPECT_EQ(of_a[0].at, at_seconds(5));
  EXPECT_EQ(of_a[1].replica, NodeId{2});
  EXPECT_EQ(of_a[1].at, at_seconds(2));
  EXPECT_EQ(roomy.rounds_of(both[1].key).size(), 1U);
}

}  // namespace
}  // namespace squall::broker
