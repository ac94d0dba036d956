// Fetch on both sides, and the high watermark.
#include <gtest/gtest.h>

#include "tests/raft/script.h"

namespace squall::raft::testing {
namespace {

// Leads epoch 4 from offset 1, not flushed.
Script leader() {
  Script node{{.election = election(3, -1, -1)}};
  node.elect();
  return node;
}
// Follows node 2 in epoch 3, with a log up to 1.
Script follower(Script::Setup setup = {}) {
  setup.election = election(3, 2, -1);
  return Script{std::move(setup)};
}
FetchResponse records(const Script& node, std::vector<FetchedBatch> batches, std::int64_t high_watermark) {
  return {.current = node.led_by(2, 3), .high_watermark = Offset{high_watermark}, .batches = std::move(batches)};
}
FetchedBatch batch(std::int64_t base, std::int64_t end, std::int32_t epoch) {
  return {Offset{base}, Offset{end}, LeaderEpoch{epoch}};
}

TEST(Kip595Fetch, OnlyTheLeaderOfTheEpochAnswers) {
  Script node = leader();
  const auto fetch = [&](std::int32_t epoch) {
    return FetchRequest{key(2), LeaderEpoch{epoch}, at(1, 1), Offset{0}, Duration{0}};
  };
  EXPECT_EQ(node.receives(fetch(3)), "answer: Fetch FENCED_LEADER_EPOCH leader 1 epoch 4\n");
  EXPECT_EQ(node.receives(fetch(5)), "answer: Fetch UNKNOWN_LEADER_EPOCH leader 1 epoch 4\n");
  Script other = follower();
  EXPECT_EQ(other.receives(fetch(3)), "answer: Fetch NOT_LEADER_OR_FOLLOWER leader 2 epoch 3\n");
  FetchRequest beyond = fetch(4);
  beyond.position.epoch = LeaderEpoch{5};
  EXPECT_EQ(node.receives(beyond), "answer: Fetch INVALID_REQUEST leader 1 epoch 4\n");
}

TEST(Kip595Fetch, ADivergedFollowerIsToldWhereAndAcknowledgesNothing) {
  Script node{{.election = election(5, -1, -1),
               .log = LogIndex{Offset{0}, Offset{10}, {{LeaderEpoch{1}, Offset{0}}, {LeaderEpoch{3}, Offset{6}}}, {}}}};
  node.elect();
  node.flushed();
  EXPECT_EQ(node.fetched_by(2, 12, 2), "answer: Fetch leader 1 epoch 6 hw -1 diverging 6/1\n");
  EXPECT_EQ(node.fetched_by(2, 12, 3), "answer: Fetch leader 1 epoch 6 hw -1 diverging 10/3\n");
  EXPECT_EQ(node.high_watermark(), -1) << "KAFKA-13141";
  EXPECT_EQ(node.fetched_by(2, 10, 3), "answer: Fetch leader 1 epoch 6 hw -1 records 10..11\n");
}

TEST(Kip595Fetch, AFollowerCutsItsLogWhereTheLeadersPart) {
  struct Case {
    OffsetAndEpoch diverging;
    std::int64_t cut;
  };
  const Case cases[] = {{at(6, 2), 6}, {at(3, 1), 3}, {at(7, 1), 4}, {at(5, 2), 5}};
  for (const Case& one : cases) {
    Script node =
        follower({.log = LogIndex{Offset{0},
                                  Offset{10},
                                  {{LeaderEpoch{1}, Offset{0}}, {LeaderEpoch{2}, Offset{4}}, {LeaderEpoch{3}, Offset{8}}},
                                  {}}});
    FetchResponse response{.current = node.led_by(2, 3), .high_watermark = Offset{2}, .diverging = one.diverging};
    const std::string effects = node.answered(2, response);
    EXPECT_EQ(effects.substr(0, effects.find('\n')), "truncate to " + std::to_string(one.cut));
    EXPECT_EQ(node.quorum.log().end(), Offset{one.cut});
  }
}

TEST(Kip595Fetch, ACutBelowTheHighWatermarkEndsTheNode) {
  Script node = follower();
  node.answered(2, records(node, {batch(1, 4, 3)}, 4));
  node.flushed();
  ASSERT_EQ(node.high_watermark(), 4);
  EXPECT_EQ(
      node.answered(2, FetchResponse{.current = node.led_by(2, 3), .diverging = at(1, 1)}),
      "fatal: the leader of epoch 3 asks to cut the log at 1, below the high watermark 4: a majority of the voters has lost "
      "what was committed; stop them, and restore their directories from copies\n");
  EXPECT_EQ(node.pass(std::chrono::hours{1}), "") << "nothing more is done";
}

TEST(StaticVoters, ALeaderThatOthersElectedIsNotFollowed) {
  struct Case {
    std::vector<NodeId> electorate;
    std::int32_t epoch;
    std::int16_t version;
    bool fatal;
  };
  const Case cases[] = {{{NodeId{2}}, 3, static_voters_version, true},
                        {{NodeId{2}, NodeId{3}, NodeId{4}}, 3, static_voters_version, true},
                        {{NodeId{3}, NodeId{2}, NodeId{1}}, 3, static_voters_version, false},
                        {{NodeId{2}}, 2, static_voters_version, false},  // of an epoch before a change of the configuration
                        {{NodeId{2}}, 3, dynamic_voters_version, false}};
  for (const Case& one : cases) {
    Script node = follower({.kraft_version = one.version});
    FetchResponse response = records(node, {batch(1, 2, 3)}, 1);
    response.elected_by = {LeaderEpoch{one.epoch}, one.electorate};
    EXPECT_EQ(node.answered(2, response).find("fatal: the leader of epoch 3 was elected among") != std::string::npos,
              one.fatal);
  }
}

// A majority that came back with empty logs elects a leader without what was committed.
TEST(Kip595Fetch, WhatWasKnownToBeCommittedBeforeTheStartIsNotCutEither) {
  const LogIndex log{Offset{0}, Offset{10}, {{LeaderEpoch{1}, Offset{0}}, {LeaderEpoch{2}, Offset{4}}}, {}};
  for (const auto& [committed, fatal] : {std::pair{7, true}, {6, false}}) {
    Script node = follower({.log = log, .committed = Offset{committed}});
    const std::string effects = node.answered(2, FetchResponse{.current = node.led_by(2, 3), .diverging = at(6, 2)});
    EXPECT_EQ(effects.starts_with("fatal: "), fatal) << effects;
    EXPECT_EQ(node.quorum.log().end(), Offset{fatal ? 10 : 6});
  }
}

// KAFKA-18991.
TEST(Kip595Fetch, AnAnswerOfAnOlderEpochCutsNothing) {
  Script node = follower();
  const RequestId early = node.asked.back().id;
  node.receives(BeginQuorumEpochRequest{key(1), NodeId{3}, LeaderEpoch{4}, endpoints(3)});
  EXPECT_EQ(node.step(ResponseReceived{early, FetchResponse{.current = node.led_by(2, 3), .diverging = at(0, 0)}}), "");
  node.answered(3, FetchResponse{.current = node.led_by(2, 3), .diverging = at(0, 0)});
  EXPECT_EQ(node.quorum.log().end(), Offset{1});
}

// KAFKA-18723.
TEST(Kip595Fetch, OnlyWhatContinuesTheLogIsAppended) {
  struct Case {
    const char* what;
    std::vector<FetchedBatch> batches;
    std::int64_t end;
  };
  const Case cases[] = {
      {"all of it", {batch(1, 3, 2), batch(3, 4, 3)}, 4},
      {"a batch of an epoch that is not yet", {batch(1, 3, 2), batch(3, 4, 4)}, 3},
      {"an epoch that falls", {batch(1, 3, 3), batch(3, 4, 2)}, 3},
      {"a gap", {batch(1, 3, 3), batch(4, 5, 3)}, 3},
      {"another place", {batch(0, 3, 3)}, 1},
      {"nothing", {batch(1, 1, 3)}, 1},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.what);
    Script node = follower();
    node.answered(2, records(node, one.batches, 0));
    EXPECT_EQ(node.quorum.log().end(), Offset{one.end});
  }
}

TEST(Kip595Fetch, AVoterFlushesBeforeItFetchesAgain) {
  Script node = follower();
  EXPECT_EQ(node.answered(2, records(node, {batch(1, 3, 3)}, 2)), "append fetched 1..3\nflush to 3 epoch 3\n");
  EXPECT_EQ(node.high_watermark(), 2);
  EXPECT_EQ(node.flushed(), "to 2: Fetch epoch 3 at 3/3 hw 2\n");
}

// KAFKA-17332.
TEST(Kip853Fetch, AnObserverThatMayVoteFlushesToo) {
  Script controller = follower({.id = 7});
  EXPECT_EQ(controller.answered(2, records(controller, {batch(1, 3, 3)}, 2)), "append fetched 1..3\nflush to 3 epoch 3\n");
  Script broker = follower({.id = 7, .may_vote = false});
  EXPECT_EQ(broker.answered(2, records(broker, {batch(1, 3, 3)}, 2)), "append fetched 1..3\nto 2: Fetch epoch 3 at 3/3 hw 2\n");
}

TEST(Kip595Fetch, AFlushOfAnOlderEpochIsNotBelieved) {
  Script node = follower();
  node.answered(2, records(node, {batch(1, 5, 3)}, 1));
  EXPECT_EQ(node.receives(BeginQuorumEpochRequest{key(1), NodeId{3}, LeaderEpoch{4}, endpoints(3)}),
            "persist epoch 4 leader 3 voted -1\nflush to 5 epoch 4\nanswer: BeginQuorumEpoch leader 3 epoch 4\n");
  EXPECT_EQ(node.step(Flushed{LeaderEpoch{3}, Offset{5}}), "");
  EXPECT_EQ(node.step(Flushed{LeaderEpoch{4}, Offset{5}}), "to 3: Fetch epoch 4 at 5/3 hw 1\n");
}

TEST(Kip595Fetch, AFollowersHighWatermarkIsWithinItsLogAndNeverFalls) {
  Script node = follower();
  node.answered(2, records(node, {batch(1, 3, 3)}, 100));
  EXPECT_EQ(node.high_watermark(), 3);
  node.flushed();
  node.answered(2, records(node, {}, 2));
  EXPECT_EQ(node.high_watermark(), 3);
  node.answered(2, records(node, {}, -1));
  EXPECT_EQ(node.high_watermark(), 3);
}

TEST(Kip595Fetch, AVoterThatFetchesInVainStandsForElection) {
  Script node = follower();
  node.pass(milliseconds{1999});
  EXPECT_EQ(node.role(), "follower");
  node.pass(milliseconds{1});
  EXPECT_EQ(node.role(), "prospective");
}

TEST(Kip595Fetch, AnsweredAtOnceOrWhenThereIsNews) {
  Script node = leader();
  node.flushed();
  EXPECT_EQ(node.fetched_by(2, 1, 1), "answer: Fetch leader 1 epoch 4 hw -1 records 1..2\n");
  EXPECT_EQ(node.fetched_by(3, 2, 4), "") << "parked; but it moves the high watermark";
  EXPECT_EQ(node.high_watermark(), 2);
  EXPECT_EQ(node.step(Propose{ProposalId{7}, LeaderEpoch{4}, 2}),
            "append proposal 7 at 2..4 epoch 4\nflush to 4 epoch 4\nanswer: Fetch leader 1 epoch 4 hw 2 records 2..4\n");
  EXPECT_EQ(node.fetched_by(2, 4, 4), "");
  EXPECT_EQ(node.pass(milliseconds{500}).find("answer: Fetch leader 1 epoch 4 hw 2\n") != std::string::npos, true);
}

TEST(Kip1166Fetch, AHigherHighWatermarkIsNews) {
  Script node = leader();
  node.flushed();
  EXPECT_EQ(node.fetched_by(2, 2, 4, milliseconds{500}, Offset{0}), "answer: Fetch leader 1 epoch 4 hw 2\n");
  EXPECT_EQ(node.fetched_by(2, 2, 4, milliseconds{500}, Offset{2}), "");
  EXPECT_EQ(node.step(Propose{ProposalId{1}, LeaderEpoch{4}, 1}),
            "append proposal 1 at 2..3 epoch 4\nflush to 3 epoch 4\nanswer: Fetch leader 1 epoch 4 hw 2 records 2..3\n");
  node.fetched_by(2, 3, 4, milliseconds{500}, Offset{2});
  EXPECT_EQ(node.flushed(), "answer: Fetch leader 1 epoch 4 hw 3\n");
}

TEST(Kip595Fetch, WhoWaitsIsToldThatTheLeaderIsNoMore) {
  Script node = leader();
  node.fetched_by(2, 2, 4);
  const std::string effects = node.step(ResignRequested{LeaderEpoch{4}});
  EXPECT_NE(effects.find("answer: Fetch NOT_LEADER_OR_FOLLOWER"), std::string::npos) << effects;
}

// Raft, figure 8; KAFKA-12619.
TEST(HighWatermark, IsNotKnownBeforeARecordOfTheEpochIsCommitted) {
  Script node = leader();
  node.flushed();
  node.fetched_by(2, 1, 1, Duration{0});
  EXPECT_EQ(node.high_watermark(), -1) << "a majority has offset 0, of an older epoch";
  node.fetched_by(2, 2, 4, Duration{0});
  EXPECT_EQ(node.high_watermark(), 2);
}

TEST(HighWatermark, TheLeadersOwnVoteIsItsDisk) {
  Script node = leader();
  node.fetched_by(2, 2, 4, Duration{0});
  EXPECT_EQ(node.high_watermark(), -1) << "one of three has it on disk";
  node.step(Flushed{LeaderEpoch{3}, Offset{2}});
  EXPECT_EQ(node.high_watermark(), -1) << "a flush of another epoch";
  node.flushed();
  EXPECT_EQ(node.high_watermark(), 2);
}

TEST(HighWatermark, IsWhatAMajorityHasAndNeverFalls) {
  Script node{{.voters = voters({1, 2, 3, 4, 5}), .election = election(3, -1, -1)}};
  node.until_prospective();
  for (const std::int32_t id : {2, 3}) node.answered(id, VoteResponse{ErrorCode::none, node.led_by(-1, 3), true});
  for (const std::int32_t id : {2, 3}) node.answered(id, VoteResponse{ErrorCode::none, node.led_by(-1, 4), true});
  node.step(Propose{ProposalId{1}, LeaderEpoch{4}, 8});
  node.flushed();
  node.fetched_by(2, 7, 4, Duration{0});
  EXPECT_EQ(node.high_watermark(), -1);
  node.fetched_by(9, 9, 4, Duration{0});
  EXPECT_EQ(node.high_watermark(), -1) << "observers do not count";
  node.fetched_by(3, 5, 4, Duration{0});
  EXPECT_EQ(node.high_watermark(), 5);
  node.fetched_by(4, 6, 4, Duration{0});
  EXPECT_EQ(node.high_watermark(), 6);
  node.fetched_by(2, 2, 4, Duration{0});
  node.fetched_by(4, 2, 4, Duration{0});
  EXPECT_EQ(node.high_watermark(), 6);
}

TEST(Proposals, AreRefusedByWhoDoesNotLeadTheEpoch) {
  Script node = leader();
  EXPECT_EQ(node.step(Propose{ProposalId{3}, LeaderEpoch{3}, 1}), "refuse proposal 3\n");
  EXPECT_EQ(follower().step(Propose{ProposalId{3}, LeaderEpoch{3}, 1}), "refuse proposal 3\n");
}

TEST(Effects, OfSeveralStepsMayBeMerged) {
  Script node = leader();
  Effects effects;
  node.quorum.step(node.now, Propose{ProposalId{1}, LeaderEpoch{4}, 1}, effects);
  node.quorum.step(node.now, Propose{ProposalId{2}, LeaderEpoch{4}, 2}, effects);
  EXPECT_EQ(to_text(effects),
            "append proposal 1 at 2..3 epoch 4\nflush to 3 epoch 4\nappend proposal 2 at 3..5 epoch 4\nflush to 5 epoch 4\n");
}

TEST(WhatIsCommitted, AFollowerKnowsAsOfWhenItAsked) {
  Script node = follower();
  const auto as_of = [&] { return node.quorum.committed_as_of(node.now); };
  EXPECT_EQ(as_of(), Instant::min());
  const Instant asked = node.now;
  node.pass(milliseconds{300});
  node.answered(2, records(node, {batch(1, 3, 3)}, 9));
  EXPECT_EQ(as_of(), Instant::min()) << "there is more that is committed";
  node.flushed();
  node.answered(2, records(node, {batch(3, 5, 3)}, 5));
  EXPECT_EQ(as_of(), asked + milliseconds{300});
  node.flushed();
  node.pass(milliseconds{500});
  EXPECT_EQ(as_of(), asked + milliseconds{300}) << "it stands still with who hears nothing";
  node.answered(2, records(node, {}, -1));
  EXPECT_EQ(as_of(), asked + milliseconds{300}) << "a new leader that has committed nothing of its own knows nothing";
  node.answered(2, records(node, {}, 5));
  EXPECT_EQ(as_of(), asked + milliseconds{800});
}

TEST(WhatIsCommitted, ALeaderKnowsAsOfWhenAMajorityCameBack) {
  Script node = leader();
  const auto as_of = [&] { return node.quorum.committed_as_of(node.now); };
  node.flushed();
  EXPECT_EQ(as_of(), Instant::min()) << "nothing is known to be committed";
  node.fetched_by(2, 2, 4, Duration{0});
  EXPECT_EQ(as_of(), Instant::min()) << "that request may be older than any answer";
  const Instant answered = node.now;
  node.pass(milliseconds{100});
  node.fetched_by(2, 2, 4, Duration{0});
  EXPECT_EQ(as_of(), answered);
  node.pass(milliseconds{100});
  node.fetched_by(7, 2, 4, Duration{0});
  node.fetched_by(7, 2, 4, Duration{0});
  EXPECT_EQ(as_of(), answered) << "an observer does not count";
}

TEST(WhatIsCommitted, AVoterAloneAlwaysKnows) {
  Script node{{.voters = voters({1})}};
  node.flushed();
  ASSERT_EQ(node.role(), "leader");
  EXPECT_EQ(node.quorum.committed_as_of(node.now), node.now);
}

}  // namespace
}  // namespace squall::raft::testing
