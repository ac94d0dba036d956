#include <gtest/gtest.h>

#include "tests/broker/replication/leader_fixture.h"

namespace squall::broker {
namespace {

using protocol::ErrorCode;

struct LeaderIsr : LeaderFixture {
  // Only the leader is in sync; its epoch begins at 10, and 8 is known to be committed.
  void lead_alone() {
    registration.in_sync = nodes({1});
    log = {.log_start = Offset{0}, .log_end = Offset{10}, .policy_end = Offset{10}, .high_watermark = Offset{8}};
    (void)metadata();
  }
  AskTag ask_to_add(std::int32_t replica) {
    const LeaderEffects effects = fetch(replica, leader().log_end().value());
    EXPECT_TRUE(effects.ask);
    return effects.ask.value_or(AlterPartitionAsk{}).tag;
  }
};

TEST_F(LeaderIsr, AFollowerJoinsOnceItHasAllThatEarlierLeadersMayHaveCommitted) {
  log.log_end = log.policy_end = Offset{10};
  log.high_watermark = Offset{8};
  config.min_in_sync = 2;  // so that the high watermark stays at 8
  registration.in_sync = nodes({1});
  (void)metadata();
  EXPECT_FALSE(fetch(2, 7).ask) << "below the high watermark";
  EXPECT_FALSE(fetch(2, 9).ask) << "at the high watermark, but before the start of the epoch";
  const LeaderEffects effects = fetch(2, 10);
  ASSERT_TRUE(effects.ask);
  EXPECT_EQ(effects.ask->in_sync, (std::vector<IsrMember>{{NodeId{1}, BrokerEpoch{11}}, {NodeId{2}, BrokerEpoch{12}}}));
  EXPECT_EQ(effects.ask->tag.leader_epoch, LeaderEpoch{5});
  EXPECT_EQ(effects.ask->tag.partition_epoch, PartitionEpoch{7});
}

TEST_F(LeaderIsr, OneAskIsInFlightAtATime) {
  lead_alone();
  const AskTag tag = ask_to_add(2);
  EXPECT_FALSE(fetch(3, 10).ask);
  EXPECT_FALSE(leader().step(at_ms(60'000), IsrCheck{}).ask);
  (void)answer(tag, nodes({1, 2}));
  EXPECT_TRUE(fetch(3, 10).ask);
}

TEST_F(LeaderIsr, WhoMayNotJoinIsNotAskedFor) {
  struct Case {
    const char* why;
    BrokerStanding standing;
    std::int64_t fetched_in;
    bool joins;
  };
  const Case cases[] = {
      {"KIP-841: it is fenced", {NodeId{2}, BrokerEpoch{12}, true, false}, 12, false},
      {"KIP-841: it is shutting down", {NodeId{2}, BrokerEpoch{12}, false, true}, 12, false},
      {"KIP-903: it fetched in an earlier life", {NodeId{2}, BrokerEpoch{20}, false, false}, 12, false},
      {"KIP-903: we have not heard of its new life", {NodeId{2}, BrokerEpoch{12}, false, false}, 20, false},
      {"it is not registered", {NodeId{9}, BrokerEpoch{12}, false, false}, 12, false},
      {"an old broker tells no epoch", {NodeId{2}, BrokerEpoch{12}, false, false}, -1, true},
      {"all is well", {NodeId{2}, BrokerEpoch{12}, false, false}, 12, true},
  };
  for (const Case& one : cases) {
    core.reset();
    brokers[1] = one.standing;
    lead_alone();
    EXPECT_EQ(fetch(2, 10, 0, one.fetched_in).ask.has_value(), one.joins) << one.why;
  }
}

TEST_F(LeaderIsr, AFetchOfAnEarlierLifeIsRefused) {
  lead_alone();
  brokers[1].epoch = BrokerEpoch{20};
  (void)know_brokers();
  EXPECT_EQ(leader().admit_fetch(NodeId{2}, LeaderEpoch{5}, BrokerEpoch{12}), ErrorCode::not_leader_or_follower);
  EXPECT_EQ(fetch(2, 10).error, ErrorCode::not_leader_or_follower);
  EXPECT_EQ(leader().follower(NodeId{2})->log_end(), no_offset) << "it counts for nothing";
}

TEST_F(LeaderIsr, FetchesAreAdmittedByLeaderEpochAndAssignment) {
  (void)metadata();
  EXPECT_EQ(leader().admit_fetch(NodeId{2}, LeaderEpoch{4}, BrokerEpoch{12}), ErrorCode::fenced_leader_epoch);
  EXPECT_EQ(leader().admit_fetch(NodeId{2}, LeaderEpoch{6}, BrokerEpoch{12}), ErrorCode::unknown_leader_epoch);
  EXPECT_EQ(leader().admit_fetch(NodeId{9}, LeaderEpoch{5}, BrokerEpoch{12}), ErrorCode::unknown_leader_epoch);
  EXPECT_EQ(leader().admit_fetch(NodeId{9}, no_epoch, BrokerEpoch{12}), ErrorCode::not_leader_or_follower);
  EXPECT_EQ(leader().admit_fetch(NodeId{2}, no_epoch, BrokerEpoch{12}), ErrorCode::none);
  EXPECT_EQ(leader().admit_fetch(NodeId{2}, LeaderEpoch{5}, no_broker_epoch), ErrorCode::none);
}

TEST_F(LeaderIsr, ALaggardLeavesTheIsrAfterTheLagTime) {
  (void)metadata(0);
  (void)append_to(10, 0);
  (void)fetch(2, 10, 29'000);
  EXPECT_FALSE(leader().step(at_ms(lag_ms), IsrCheck{}).ask) << "nobody is late by more than the limit";
  const LeaderEffects effects = leader().step(at_ms(lag_ms + 1), IsrCheck{});
  ASSERT_TRUE(effects.ask) << "3 has never fetched";
  EXPECT_EQ(effects.ask->in_sync, (std::vector<IsrMember>{{NodeId{1}, BrokerEpoch{11}}, {NodeId{2}, BrokerEpoch{12}}}));
  EXPECT_EQ(leader().in_sync(), nodes({1, 2, 3})) << "until it is confirmed";
}

TEST_F(LeaderIsr, AFollowerAtTheLogEndIsNeverLate) {
  (void)metadata(0);
  (void)append_to(10, 0);
  (void)fetch(2, 10, 10);
  (void)fetch(3, 10, 10);
  EXPECT_FALSE(leader().step(at_ms(10 * lag_ms), IsrCheck{}).ask);
}

// KIP-227: what has not changed is not named in a fetch, and needs no report.
TEST_F(LeaderIsr, AnIdleFollowerThatGoesOnFetchingIsNotLateWhenAnAppendComes) {
  (void)metadata(0);
  (void)append_to(10, 0);
  (void)fetch(2, 10, 10);
  (void)fetch(3, 10, 10);
  (void)append_to(20, 100'000);
  const FollowerRound rounds[] = {{NodeId{2}, at_ms(99'900)}, {NodeId{3}, at_ms(60'000)}};
  const LeaderEffects effects = leader().step(at_ms(100'001), IsrCheck{rounds});
  ASSERT_TRUE(effects.ask);
  EXPECT_EQ(effects.ask->in_sync, (std::vector<IsrMember>{{NodeId{1}, BrokerEpoch{11}}, {NodeId{2}, BrokerEpoch{12}}}))
      << "3 was last heard of 40 s ago";
  (void)answer(effects.ask->tag, nodes({1, 2}), 100'002);
  const FollowerRound later[] = {{NodeId{2}, at_ms(129'900)}};
  EXPECT_FALSE(leader().step(at_ms(130'000), IsrCheck{later}).ask);
  EXPECT_TRUE(leader().step(at_ms(130'001), IsrCheck{later}).ask) << "it fetches, but has lacked records for 30 s";
}

TEST_F(LeaderIsr, ARoundSaysNothingOfAFollowerThatNeverHadAll) {
  (void)metadata(0);
  (void)append_to(10, 0);
  (void)fetch(2, 10, 10);
  const FollowerRound rounds[] = {{NodeId{2}, at_ms(lag_ms)}, {NodeId{3}, at_ms(lag_ms)}};
  const LeaderEffects effects = leader().step(at_ms(lag_ms + 1), IsrCheck{rounds});
  ASSERT_TRUE(effects.ask);
  EXPECT_EQ(effects.ask->in_sync.size(), 2U);
}

TEST_F(LeaderIsr, ReachingTheEndOfTheFetchBeforeCountsAsOfThatFetch) {
  (void)metadata(0);
  (void)append_to(10, 0);
  (void)fetch(2, 0, 1'000);  // the leader ends at 10
  (void)append_to(20, 20'000);
  (void)fetch(2, 10, 20'000);  // it has what there was at 1 s
  EXPECT_EQ(leader().follower(NodeId{2})->last_caught_up(), at_ms(1'000));
  (void)append_to(30, 25'000);
  (void)fetch(2, 15, 25'000);  // less than there was at 20 s
  EXPECT_EQ(leader().follower(NodeId{2})->last_caught_up(), at_ms(1'000));
  (void)fetch(2, 30, 26'000);
  EXPECT_EQ(leader().follower(NodeId{2})->last_caught_up(), at_ms(26'000));
}

TEST_F(LeaderIsr, EachAnswerOfTheControllerHasItsMeaning) {
  struct Case {
    ErrorCode error;
    bool waits;    // with the larger set, until metadata tells
    bool retries;  // after the back-off
  };
  const Case cases[] = {
      {ErrorCode::ineligible_replica, false, false},
      {ErrorCode::operation_not_attempted, false, false},
      {ErrorCode::unknown_topic_or_partition, true, true},  // KAFKA-14154: a stale controller
      {ErrorCode::unknown_topic_id, true, true},
      {ErrorCode::fenced_leader_epoch, true, false},
      {ErrorCode::invalid_update_version, true, false},  // KAFKA-14144: it may have been done by an earlier sending
      {ErrorCode::invalid_request, true, false},
      {ErrorCode::new_leader_elected, true, false},
      {ErrorCode::not_controller, true, true},
      {ErrorCode::stale_broker_epoch, true, true},
      {ErrorCode::request_timed_out, true, true},
      {ErrorCode::network_exception, true, true},
      {ErrorCode::unknown_server_error, true, true},
  };
  for (const Case& one : cases) {
    core.reset();
    lead_alone();
    const AskTag tag = ask_to_add(2);
    const LeaderEffects effects = refuse(tag, one.error, 100);
    EXPECT_FALSE(effects.ask);
    EXPECT_EQ(leader().asking(), one.waits) << to_string(one.error);
    EXPECT_EQ(leader().in_maximal(NodeId{2}), one.waits) << to_string(one.error);
    EXPECT_EQ(leader().next_deadline(), one.retries ? at_ms(150) : end_of_time) << to_string(one.error);
    EXPECT_FALSE(leader().step(at_ms(149), Tick{}).ask);
    const LeaderEffects again = leader().step(at_ms(150), Tick{});
    ASSERT_EQ(again.ask.has_value(), one.retries) << to_string(one.error);
    if (!again.ask) continue;
    EXPECT_NE(again.ask->tag, tag) << "each sending has its own serial";
    (void)answer(tag, nodes({1, 2}));
    EXPECT_TRUE(leader().asking()) << "the answer to the sending that was given up is late";
    (void)answer(again.ask->tag, nodes({1, 2}));
    EXPECT_EQ(leader().in_sync(), nodes({1, 2}));
  }
}

// The sending without an answer may have been done, or be done yet: by another controller than the one that refuses the next.
TEST_F(LeaderIsr, ARefusalAfterASendingWithoutAnAnswerIsNotBelievedAtOnce) {
  lead_alone();
  (void)refuse(ask_to_add(2), ErrorCode::request_timed_out, 100);
  for (std::int64_t ms = 150; ms < 100 + lag_ms; ms += 1000) {
    const LeaderEffects again = leader().step(at_ms(ms), Tick{});
    ASSERT_TRUE(again.ask);
    (void)refuse(again.ask->tag, ErrorCode::ineligible_replica, ms);
    (void)append_to(20, ms);
    ASSERT_TRUE(leader().in_maximal(NodeId{2}));
    ASSERT_EQ(leader().high_watermark(), Offset{10}) << "2 may lead next";
  }
  const LeaderEffects last = leader().step(at_ms(100 + lag_ms), Tick{});
  ASSERT_TRUE(last.ask);
  (void)refuse(last.ask->tag, ErrorCode::ineligible_replica, 100 + lag_ms);
  EXPECT_FALSE(leader().asking()) << "metadata would have told by now";
}

TEST_F(LeaderIsr, WhoWasRefusedIsNotAskedForAgainWithEachFetch) {
  lead_alone();
  (void)refuse(ask_to_add(2), ErrorCode::ineligible_replica, 100);
  EXPECT_FALSE(fetch(2, 10, 101).ask);
  EXPECT_FALSE(fetch(2, 10, 149).ask);
  const LeaderEffects again = fetch(2, 10, 150);
  ASSERT_TRUE(again.ask);
  (void)refuse(again.ask->tag, ErrorCode::ineligible_replica, 151);
  (void)know_brokers(152);
  EXPECT_TRUE(fetch(2, 10, 153).ask) << "there is news of the brokers";
}

// KAFKA-15221: who is judged and who is named are one.
TEST_F(LeaderIsr, AnAskThatIsSentAgainNamesTheLifeThatWasJudged) {
  lead_alone();
  const AskTag tag = ask_to_add(2);
  (void)refuse(tag, ErrorCode::request_timed_out, 100);
  brokers[1].epoch = BrokerEpoch{20};  // it began anew, and has lost its tail
  (void)know_brokers(110);
  (void)fetch(2, 3, 120, 20);
  const LeaderEffects again = leader().step(at_ms(150), Tick{});
  ASSERT_TRUE(again.ask);
  EXPECT_EQ(again.ask->in_sync[1], (IsrMember{NodeId{2}, BrokerEpoch{12}})) << "which the controller refuses";
}

// KAFKA-12686
TEST_F(LeaderIsr, AnAnswerThatComesAfterNewerMetadataIsIgnored) {
  lead_alone();
  const AskTag tag = ask_to_add(2);
  registration.partition_epoch = PartitionEpoch{9};
  registration.in_sync = nodes({1, 3});
  (void)metadata();
  (void)answer(tag, nodes({1, 2}));
  EXPECT_EQ(leader().in_sync(), nodes({1, 3}));
  EXPECT_EQ(leader().partition_epoch(), PartitionEpoch{9});
}

TEST_F(LeaderIsr, MetadataThatRepeatsThePartitionEpochDropsNothingThatWasAsked) {
  lead_alone();
  const AskTag tag = ask_to_add(2);
  (void)metadata();
  EXPECT_TRUE(leader().in_maximal(NodeId{2})) << "the controller may have done it already";
  (void)answer(tag, nodes({1, 2}));
  EXPECT_EQ(leader().in_sync(), nodes({1, 2}));
}

TEST_F(LeaderIsr, MetadataBehindTheControllersAnswerIsStale) {
  lead_alone();
  (void)answer(ask_to_add(2), nodes({1, 2}));
  EXPECT_EQ(leader().partition_epoch(), PartitionEpoch{8});
  EXPECT_TRUE(metadata().stale);
  EXPECT_EQ(leader().in_sync(), nodes({1, 2}));
}

// KIP-704
TEST_F(LeaderIsr, AnUncleanLeaderSaysThatItHasRecovered) {
  registration.in_sync = nodes({1});
  registration.recovery = RecoveryState::recovering;
  const PartitionEffects effects = metadata();
  ASSERT_TRUE(effects.leader.ask);
  EXPECT_EQ(effects.leader.ask->recovery, RecoveryState::recovered);
  EXPECT_EQ(effects.leader.ask->in_sync.size(), 1U);
  (void)answer(effects.leader.ask->tag, nodes({1}));
  EXPECT_EQ(leader().recovery(), RecoveryState::recovered);
  EXPECT_FALSE(leader().asking());
}

}  // namespace
}  // namespace squall::broker
