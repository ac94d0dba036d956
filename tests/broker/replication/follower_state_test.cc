#include "broker/replication/follower_state.h"

#include <gtest/gtest.h>

#include "broker/replication/epoch_check.h"
#include "tests/broker/replication/leader_fixture.h"

namespace squall::broker {
namespace {

using protocol::ErrorCode;

EpochEndOffset epoch_end(std::int32_t epoch, std::int64_t end) { return {LeaderEpoch{epoch}, Offset{end}}; }

// Follows node 2 in epoch 5 with a log [10, 100), of which 60 is committed; its newest epoch is 4.
struct Follower : testing::Test {
  FollowerState follower{ReplicationConfig{}};
  LocalLog log{.log_start = Offset{10},
               .log_end = Offset{100},
               .policy_end = Offset{100},
               .high_watermark = Offset{60},
               .latest_epoch = LeaderEpoch{4}};

  FollowerEffects follow(std::int32_t epoch = 5) { return follower.follow(at_ms(0), NodeId{2}, LeaderEpoch{epoch}, log); }
  FetchTag tag() { return follower.position().value_or(FollowerPosition{}).tag; }
  FetchAnswered answer(std::int64_t high_watermark = 80, std::int64_t log_start = 0, bool records = false) {
    return {.tag = tag(),
            .error = ErrorCode::none,
            .high_watermark = Offset{high_watermark},
            .log_start = Offset{log_start},
            .has_records = records,
            .diverging = std::nullopt,
            .own_epoch_end = {}};
  }
  FollowerEffects diverged(EpochEndOffset leader, EpochEndOffset own) {
    FetchAnswered event = answer();
    event.diverging = leader;
    event.own_epoch_end = own;
    return follower.step(at_ms(0), event);
  }
  FollowerEffects refused(ErrorCode error, std::int64_t ms = 0) {
    FetchAnswered event = answer();
    event.error = error;
    return follower.step(at_ms(ms), event);
  }
  FollowerEffects done(const LogOrder& order, std::int64_t end, std::int32_t epoch, std::int64_t start = 10) {
    return follower.step(at_ms(0), OrderDone{order.tag, Offset{start}, Offset{end}, LeaderEpoch{epoch}});
  }
  FollowerEffects ends(const FetchTag& of, std::int64_t start, std::int64_t end, ErrorCode error = ErrorCode::none) {
    return follower.step(at_ms(0), LeaderEndsFound{of, error, Offset{start}, Offset{end}});
  }
};

TEST_F(Follower, CutsWhereItsLogPartsFromTheLeaders) {
  struct Case {
    const char* why;
    EpochEndOffset leader, own;
    std::int64_t cut;
  };
  const Case cases[] = {
      {"KIP-101: the leader's epoch ended before ours", epoch_end(4, 80), epoch_end(4, 100), 80},
      {"ours ended before the leader's", epoch_end(3, 95), epoch_end(3, 70), 70},
      {"KIP-279: we lack the epoch, so all that is newer goes and the next fetch asks again", epoch_end(3, 90),
       epoch_end(2, 65), 65},
      {"all of our epochs are newer than the leader's", epoch_end(1, 90), epoch_end(1, 70), 70},
      {"our log knows no epoch: the leader's end is the best guess", epoch_end(3, 75), {}, 75},
      {"the leader's end is beyond ours", epoch_end(3, 150), {}, 100},
      {"the leader has no usable epoch: what we know to be committed stays", {}, epoch_end(4, 100), 60},
      {"an epoch that began at the log end is forgotten, though no record goes", epoch_end(3, 100), epoch_end(3, 100), 100},
  };
  for (const Case& one : cases) {
    follower = FollowerState{ReplicationConfig{}};
    (void)follow();
    const FollowerEffects effects = diverged(one.leader, one.own);
    ASSERT_TRUE(effects.order) << one.why;
    EXPECT_EQ(effects.order->kind, LogOrderKind::truncate) << one.why;
    EXPECT_EQ(effects.order->offset, Offset{one.cut}) << one.why;
    EXPECT_FALSE(effects.cuts_committed) << one.why;
  }
}

// KAFKA-14704
TEST_F(Follower, TakesNoHighWatermarkFromAnAnswerThatMakesItCut) {
  (void)follow();
  FetchAnswered event = answer(95, 20);
  event.diverging = epoch_end(3, 70);
  event.own_epoch_end = epoch_end(3, 90);
  const FollowerEffects effects = follower.step(at_ms(0), event);
  EXPECT_FALSE(effects.high_watermark);
  EXPECT_FALSE(effects.log_start);
  EXPECT_FALSE(follower.position()) << "nothing is fetched while the log is cut";
  EXPECT_FALSE(done(*effects.order, 70, 3).high_watermark);
  EXPECT_EQ(follower.high_watermark(), Offset{60});
  EXPECT_EQ(tag().fetch_offset, Offset{70});
  EXPECT_EQ(follower.position()->last_fetched_epoch, LeaderEpoch{3});
  EXPECT_EQ(follower.step(at_ms(0), answer(95, 20)).high_watermark, Offset{70});
}

TEST_F(Follower, WithoutAnyEpochCutsToTheHighWatermarkFirst) {
  log.latest_epoch = no_epoch;
  const FollowerEffects effects = follow();
  ASSERT_TRUE(effects.order);
  EXPECT_EQ(effects.order->offset, Offset{60});
  (void)done(*effects.order, 60, -1);
  EXPECT_EQ(tag().fetch_offset, Offset{60});
}

TEST_F(Follower, SaysWhenItCutsWhatItKnewToBeCommitted) {
  (void)follow();
  const FollowerEffects effects = diverged(epoch_end(3, 40), epoch_end(3, 90));
  EXPECT_TRUE(effects.cuts_committed) << "an election outside the ISR";
  (void)done(*effects.order, 40, 3);
  EXPECT_EQ(follower.high_watermark(), Offset{40});
}

TEST_F(Follower, KnowsTheLowerOfItsOwnEndAndTheLeadersHighWatermark) {
  (void)follow();
  EXPECT_EQ(follower.step(at_ms(0), answer(80)).high_watermark, Offset{80});
  EXPECT_FALSE(follower.step(at_ms(0), answer(70)).high_watermark) << "a new leader may know of less";
  EXPECT_EQ(follower.step(at_ms(0), answer(500)).high_watermark, Offset{100});
}

TEST_F(Follower, AppendsThenLearns) {
  (void)follow();
  const FollowerEffects effects = follower.step(at_ms(0), answer(104, 30, true));
  ASSERT_TRUE(effects.order);
  EXPECT_EQ(effects.order->kind, LogOrderKind::append);
  EXPECT_EQ(effects.order->offset, Offset{100});
  EXPECT_FALSE(effects.high_watermark) << "not before the append is done";
  const FollowerEffects after = done(*effects.order, 107, 5);
  EXPECT_EQ(after.high_watermark, Offset{104});
  EXPECT_EQ(after.log_start, Offset{30}) << "what the leader has deleted goes here too";
  EXPECT_EQ(tag().fetch_offset, Offset{107});
  EXPECT_EQ(follower.position()->last_fetched_epoch, LeaderEpoch{5});
}

TEST_F(Follower, NeverDeletesAboveItsHighWatermark) {
  (void)follow();
  EXPECT_EQ(follower.step(at_ms(0), answer(0, 75)).log_start, Offset{60});
}

// KAFKA-18991, KAFKA-7786, KAFKA-13207: one class.
TEST_F(Follower, DropsWhatBelongsToAnEarlierPosition) {
  (void)follow(5);
  FetchAnswered old = answer();
  old.diverging = epoch_end(3, 20);
  old.own_epoch_end = epoch_end(3, 90);
  (void)follow(6);
  EXPECT_EQ(tag().fetch_offset, old.tag.fetch_offset) << "the offset alone does not tell";
  EXPECT_TRUE(follower.step(at_ms(0), old).late);
  EXPECT_EQ(follower.stage(), FollowerStage::fetching);

  const FetchAnswered before_cut = answer();
  const LogOrder order = *diverged(epoch_end(3, 90), epoch_end(3, 90)).order;
  EXPECT_TRUE(follower.step(at_ms(0), before_cut).late) << "while it cuts";
  (void)done(order, 90, 3);
  EXPECT_TRUE(follower.step(at_ms(0), before_cut).late) << "after it";
  EXPECT_TRUE(done(order, 90, 3).late) << "an order is done once";

  const LogOrder append = *follower.step(at_ms(0), answer(80, 0, true)).order;
  (void)follow(7);
  EXPECT_TRUE(done(append, 105, 6).late);
}

TEST_F(Follower, OutOfRangeAsksTheLeaderForItsEnds) {
  struct Case {
    const char* why;
    std::int64_t leader_start, leader_end;
    std::optional<LogOrderKind> kind;
    std::int64_t offset;
  };
  const Case cases[] = {
      {"the leader has less: an election outside the ISR", 0, 70, LogOrderKind::truncate, 70},
      {"the leader has less than where we begin", 0, 5, LogOrderKind::start_afresh, 5},
      {"the leader has deleted what comes next", 120, 200, LogOrderKind::start_afresh, 120},
      {"in range by now", 50, 150, std::nullopt, 0},
  };
  for (const Case& one : cases) {
    follower = FollowerState{ReplicationConfig{}};
    (void)follow();
    const FetchTag asked = tag();
    EXPECT_EQ(refused(ErrorCode::offset_out_of_range).find_leader_ends, asked);
    EXPECT_FALSE(follower.position()) << one.why;
    const FollowerEffects effects = ends(asked, one.leader_start, one.leader_end);
    ASSERT_EQ(effects.order.has_value(), one.kind.has_value()) << one.why;
    if (!one.kind) {
      EXPECT_EQ(follower.position()->ready_at, at_ms(1000)) << "two that disagree do not ask each other without end";
      continue;
    }
    EXPECT_EQ(effects.order->kind, *one.kind) << one.why;
    EXPECT_EQ(effects.order->offset, Offset{one.offset}) << one.why;
    (void)done(*effects.order, one.offset, -1, std::min<std::int64_t>(one.offset, 10));
    EXPECT_EQ(tag().fetch_offset, Offset{one.offset}) << one.why;
  }
}

TEST_F(Follower, AnAnswerAboutEndsUnderAnOldEpochIsDropped) {
  (void)follow();
  const FetchTag asked = tag();
  (void)refused(ErrorCode::offset_out_of_range);
  (void)follow(6);
  EXPECT_TRUE(ends(asked, 0, 5).late);
}

TEST_F(Follower, BacksOffFromErrorsForASecond) {
  for (const ErrorCode error : {ErrorCode::kafka_storage_error, ErrorCode::unknown_server_error, ErrorCode::corrupt_message}) {
    follower = FollowerState{ReplicationConfig{}};
    (void)follow();
    (void)refused(error, 500);
    EXPECT_EQ(follower.position()->ready_at, at_ms(1500)) << to_string(error);
  }
}

TEST_F(Follower, AsksALeaderThatIsBehindAgainSoonAndEverLessOften) {
  for (const ErrorCode error : {ErrorCode::unknown_leader_epoch, ErrorCode::not_leader_or_follower,
                                ErrorCode::unknown_topic_or_partition, ErrorCode::unknown_topic_id}) {
    follower = FollowerState{ReplicationConfig{}};
    (void)follow();
    for (const std::int64_t wait : {20, 40, 80, 160, 320, 640, 1000, 1000}) {
      (void)refused(error, 500);
      EXPECT_EQ(follower.position()->ready_at, at_ms(500 + wait)) << to_string(error);
    }
  }
}

TEST_F(Follower, AsksSoonAgainWheneverTheLeaderHasAnsweredOrThereIsANewOne) {
  (void)follow();
  for (int i = 0; i < 5; ++i) (void)refused(ErrorCode::unknown_leader_epoch);
  (void)follow(6);
  EXPECT_EQ(follower.position()->ready_at, at_ms(0));
  for (int i = 0; i < 5; ++i) (void)refused(ErrorCode::unknown_leader_epoch);
  (void)follower.step(at_ms(0), answer());
  (void)refused(ErrorCode::unknown_leader_epoch);
  EXPECT_EQ(follower.position()->ready_at, at_ms(20));
}

TEST_F(Follower, ABackOffThatIsSetShorterIsNeverExceeded) {
  follower = FollowerState{{.fetch_backoff = std::chrono::milliseconds{5}}};
  (void)follow();
  (void)refused(ErrorCode::not_leader_or_follower);
  EXPECT_EQ(follower.position()->ready_at, at_ms(5));
}

TEST_F(Follower, FencedItWaitsForMetadata) {
  (void)follow();
  (void)refused(ErrorCode::fenced_leader_epoch);
  EXPECT_FALSE(follower.position());
  (void)follow(6);
  EXPECT_TRUE(follower.position());
}

TEST_F(Follower, CorruptRecordsAreFetchedAgainAndABrokenLogIsNot) {
  (void)follow();
  const LogOrder first = *follower.step(at_ms(0), answer(80, 0, true)).order;
  (void)follower.step(at_ms(0), OrderFailed{first.tag, OrderFailure::corrupt});
  EXPECT_EQ(follower.position()->ready_at, at_ms(1000));
  const LogOrder second = *follower.step(at_ms(1000), answer(80, 0, true)).order;
  (void)follower.step(at_ms(1000), OrderFailed{second.tag, OrderFailure::storage});
  EXPECT_FALSE(follower.position());
}

// KIP-320, and the leader's half of KIP-101.
TEST(EpochCheck, TellsAFetchThatContinuesTheLogFromOneThatDoesNot) {
  struct Case {
    const char* why;
    std::int64_t offset;
    std::int32_t last_epoch;
    EpochEndOffset end;
    FetchFit fit;
  };
  const Case cases[] = {
      {"the same epoch, within it", 50, 4, epoch_end(4, 100), FetchFit::fits},
      {"exactly at its end", 100, 4, epoch_end(4, 100), FetchFit::fits},
      {"KAFKA-13141: the epoch ended earlier here", 60, 3, epoch_end(3, 55), FetchFit::diverges},
      {"KIP-279: the epoch never was here", 50, 3, epoch_end(2, 80), FetchFit::diverges},
      {"the epoch is newer than all here", 50, 9, {}, FetchFit::out_of_range},
      {"below the log start nothing can be compared", 9, 3, epoch_end(2, 5), FetchFit::out_of_range},
      {"without an epoch only the range counts", 101, -1, {}, FetchFit::out_of_range},
      {"without an epoch, in range", 100, -1, {}, FetchFit::fits},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(fit_of_fetch(Offset{one.offset}, LeaderEpoch{one.last_epoch}, one.end, Offset{10}, Offset{100}), one.fit)
        << one.why;
  }
}

}  // namespace
}  // namespace squall::broker
