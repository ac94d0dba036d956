#include "broker/replication/fetch_source.h"

#include <gtest/gtest.h>

#include "tests/broker/replication/leader_fixture.h"

namespace squall::broker {
namespace {

using protocol::ErrorCode;

ReplicaKey key(std::int32_t index) { return {Uuid{1, 2}, PartitionIndex{index}}; }

FetchWish wish(std::int64_t offset, std::int64_t ready_ms = 0, bool throttleable = false) {
  FetchWish wished;
  wished.position.tag = {LeaderEpoch{1}, 0, Offset{offset}};
  wished.position.log_start = Offset{0};
  wished.position.ready_at = at_ms(ready_ms);
  wished.throttleable = throttleable;
  return wished;
}

// KIP-227, from the follower's side.
struct Source : testing::Test {
  FetchSource source;

  FetchPlan plan(std::int64_t ms = 0, bool throttled = false) {
    auto planned = source.plan(at_ms(ms), throttled);
    EXPECT_TRUE(planned);
    return planned.value_or(FetchPlan{});
  }
  bool answer(std::int32_t session, std::vector<ReplicaKey> partitions, ErrorCode error = ErrorCode::none) {
    return source.answered({.error = error, .session_id = session, .throttle_ms = 0, .partitions = partitions});
  }
  static std::vector<std::int32_t> indexes(const FetchPlan& plan) {
    std::vector<std::int32_t> list;
    for (const PlannedFetch& fetch : plan.fetch) list.push_back(fetch.key.partition.value());
    return list;
  }
  void open_with_two() {
    source.put(key(0), wish(10));
    source.put(key(1), wish(20));
    (void)plan();
    EXPECT_TRUE(answer(7, {key(0), key(1)}));
  }
};

TEST_F(Source, OpensASessionWithAllAndThenTellsOnlyChanges) {
  source.put(key(0), wish(10));
  source.put(key(1), wish(20));
  const FetchPlan first = plan();
  EXPECT_EQ(first.session_id, 0);
  EXPECT_EQ(first.session_epoch, 0);
  EXPECT_EQ(indexes(first), (std::vector<std::int32_t>{0, 1}));
  EXPECT_TRUE(answer(7, {key(0), key(1)}));
  source.put(key(1), wish(25));
  source.put(key(2), wish(0));
  const FetchPlan second = plan();
  EXPECT_EQ(second.session_id, 7);
  EXPECT_EQ(second.session_epoch, 1);
  EXPECT_EQ(indexes(second), (std::vector<std::int32_t>{1, 2}));
  EXPECT_TRUE(answer(7, {key(0)})) << "a partition that was not named again is still fetched";
  EXPECT_EQ(source.tag_of(key(0)), wish(10).position.tag);
  const FetchPlan third = plan();
  EXPECT_EQ(third.session_epoch, 2);
  EXPECT_TRUE(third.fetch.empty());
}

// KIP-1166: the leader answers at once for as long as what it was told is too low.
TEST_F(Source, TellsAHighWatermarkThatRoseIfItTellsThemAtAll) {
  for (const HighWatermarks told : {HighWatermarks::unstated, HighWatermarks::stated}) {
    source = FetchSource{told};
    open_with_two();
    FetchWish risen = wish(10);
    risen.position.high_watermark = Offset{10};
    source.put(key(0), risen);
    EXPECT_EQ(plan().fetch.size(), told == HighWatermarks::stated ? 1U : 0U);
    EXPECT_TRUE(answer(7, {}));
    source.put(key(0), risen);
    EXPECT_TRUE(plan().fetch.empty()) << "it is told once";
  }
}

TEST_F(Source, ForgetsWhatIsNoLongerFollowedOrBacksOff) {
  open_with_two();
  source.remove(key(0));
  source.put(key(1), wish(20, 1000));
  const FetchPlan second = plan(0);
  EXPECT_TRUE(second.fetch.empty());
  EXPECT_EQ(second.forget, (std::vector<ReplicaKey>{key(0), key(1)}));
  EXPECT_TRUE(answer(0, {})) << "a session without partitions is closed";
  EXPECT_FALSE(source.plan(at_ms(500), false));
  EXPECT_EQ(source.next_ready(), at_ms(1000));
  const FetchPlan third = plan(1000);
  EXPECT_EQ(third.session_epoch, 0);
  EXPECT_EQ(indexes(third), (std::vector<std::int32_t>{1}));
}

TEST_F(Source, LeavesOutWhatIsThrottled) {
  source.put(key(0), wish(10));
  source.put(key(1), wish(20, 0, true));
  EXPECT_EQ(indexes(plan(0, true)), (std::vector<std::int32_t>{0}));
  EXPECT_TRUE(source.holds_throttled());
  EXPECT_TRUE(answer(7, {key(0)}));
  EXPECT_EQ(indexes(plan(0, false)), (std::vector<std::int32_t>{1}));
  EXPECT_TRUE(answer(7, {}));
  EXPECT_EQ(plan(0, true).forget, (std::vector<ReplicaKey>{key(1)}));
}

TEST_F(Source, HoldsBackWhatIsPutOrReadyWhileTheRateIsExceeded) {
  source.put(key(0), wish(10));
  source.put(key(1), wish(20, 1000, true));
  EXPECT_EQ(indexes(plan(0, true)), (std::vector<std::int32_t>{0}));
  EXPECT_TRUE(answer(7, {key(0)}));
  source.put(key(2), wish(30, 0, true));
  EXPECT_TRUE(plan(1000, true).fetch.empty()) << "1 is ready, 2 is new, and both are held back";
  EXPECT_TRUE(answer(7, {}));
  EXPECT_EQ(indexes(plan(1001, false)), (std::vector<std::int32_t>{1, 2}));
  EXPECT_TRUE(answer(7, {}));
  EXPECT_TRUE(plan(1002, false).fetch.empty());
  EXPECT_TRUE(answer(7, {}));
  EXPECT_EQ(plan(1003, true).forget, (std::vector<ReplicaKey>{key(1), key(2)}));
}

TEST_F(Source, StartsOverAfterErrors) {
  struct Case {
    ErrorCode error;
    std::int32_t closes;
  };
  for (const Case& one : {Case{ErrorCode::fetch_session_id_not_found, 0}, Case{ErrorCode::invalid_fetch_session_epoch, 7},
                          Case{ErrorCode::fetch_session_topic_id_error, 7}}) {
    source = FetchSource{};
    open_with_two();
    (void)plan();
    EXPECT_FALSE(answer(0, {}, one.error));
    const FetchPlan next = plan();
    EXPECT_EQ(next.session_id, one.closes) << to_string(one.error);
    EXPECT_EQ(next.session_epoch, 0);
    EXPECT_EQ(next.fetch.size(), 2U) << "all is told again";
  }
}

TEST_F(Source, ClosesTheSessionAfterAnAnswerThatNeverCame) {
  open_with_two();
  (void)plan();
  source.failed();
  const FetchPlan next = plan();
  EXPECT_EQ(next.session_id, 7);
  EXPECT_EQ(next.session_epoch, 0);
}

TEST_F(Source, WithoutASessionThoseThatBackOffComeWhenTheirTimeDoes) {
  open_with_two();
  source.put(key(0), wish(10, 500));
  EXPECT_EQ(plan(100).forget.size(), 1U);
  source.failed();
  const FetchPlan full = plan(200);
  EXPECT_EQ(full.session_epoch, 0);
  EXPECT_EQ(indexes(full), (std::vector<std::int32_t>{1}));
  EXPECT_TRUE(full.forget.empty());
  EXPECT_TRUE(answer(9, {key(1)}));
  EXPECT_EQ(indexes(plan(500)), (std::vector<std::int32_t>{0}));
  EXPECT_TRUE(answer(9, {}, ErrorCode::fetch_session_id_not_found) == false);
  source.remove(key(1));
  EXPECT_EQ(indexes(plan(600)), (std::vector<std::int32_t>{0})) << "what is wanted, and nothing else";
}

TEST_F(Source, BelievesNoAnswerAboutPartitionsThatItDidNotAskFor) {
  source.put(key(0), wish(10));
  (void)plan();
  EXPECT_FALSE(answer(7, {})) << "a full answer names all; KIP-219 sends an empty one to slow us down";
  (void)plan();
  EXPECT_FALSE(answer(7, {key(0), key(9)}));
  (void)plan();
  EXPECT_TRUE(answer(7, {key(0)}));
  (void)plan();
  EXPECT_FALSE(answer(7, {key(9)}));
}

TEST_F(Source, WithoutASessionEachRequestIsFull) {
  source.put(key(0), wish(10));
  (void)plan();
  EXPECT_TRUE(answer(0, {key(0)}));
  EXPECT_EQ(plan().fetch.size(), 1U);
}

TEST_F(Source, ServesLastWhoGotRecords) {
  open_with_two();
  (void)plan();
  source.got_records(key(0));
  source.failed();
  EXPECT_EQ(indexes(plan()), (std::vector<std::int32_t>{1, 0}));
}

TEST_F(Source, ANewGenerationAtTheSameOffsetIsKnownWithoutTellingTheSource) {
  open_with_two();
  FetchWish cut = wish(10);
  cut.position.tag.generation = 3;
  source.put(key(0), cut);
  EXPECT_TRUE(plan().fetch.empty());
  EXPECT_EQ(source.tag_of(key(0))->generation, 3U);
}

}  // namespace
}  // namespace squall::broker
