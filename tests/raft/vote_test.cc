// Elections, by the rule or the KIP.
#include <gtest/gtest.h>

#include <limits>

#include "tests/raft/script.h"

namespace squall::raft::testing {
namespace {

VoteRequest vote(std::int32_t from, std::int32_t epoch, OffsetAndEpoch last, bool pre_vote = false, std::int32_t to = 1) {
  return {key(to), LeaderEpoch{epoch}, key(from), last, pre_vote};
}

TEST(Restart, QuorumStateSaysWhatAReplicaStartsAs) {
  struct Case {
    const char* rule;
    std::optional<ElectionState> election;
    const char* role;
    std::int32_t epoch;
    const char* persisted;
  };
  const Case cases[] = {
      {"no file: the log's epoch", std::nullopt, "unattached", 1, "persist epoch 1 leader -1 voted -1\n"},
      {"KAFKA-10527: a leader is not leader again in its epoch", election(3, 1, 1), "resigned", 3, ""},
      {"a candidate asks again in its epoch", election(3, -1, 1), "candidate", 3, ""},
      {"a known leader is followed", election(3, 2, -1), "follower", 3, ""},
      {"a leader whose endpoints nobody knows is not", election(3, 9, -1), "unattached", 3, ""},
      {"a vote stays given", election(3, -1, 2), "unattached", 3, ""},
      {"an older file than the log is no vote", election(0, -1, 2), "unattached", 1, "persist epoch 1 leader -1 voted -1\n"},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.rule);
    Script node{{.election = one.election}};
    EXPECT_EQ(node.role(), one.role);
    EXPECT_EQ(node.quorum.epoch(), LeaderEpoch{one.epoch});
    EXPECT_EQ(node.started.substr(0, std::string_view{one.persisted}.size()), one.persisted);
    if (*one.persisted == '\0') {
      EXPECT_EQ(node.started.find("persist"), std::string::npos);
    }
  }
}

TEST(Restart, ALeaderThatWasRemovedBecomesAnObserver) {
  Script node{{.voters = voters({2, 3}), .election = election(3, 1, 1)}};
  EXPECT_EQ(node.role(), "resigned");
  EXPECT_EQ(node.expire().substr(0, 35), "persist epoch 4 leader -1 voted -1\n");
  EXPECT_EQ(node.role(), "unattached");
}

TEST(Restart, TheOnlyVoterLeadsAtOnce) {
  Script node{{.voters = voters({1}), .election = election(3, 1, 1)}};
  EXPECT_EQ(node.role(), "leader");
  EXPECT_EQ(node.started, "persist epoch 4 leader 1 voted 1:101\nappend LeaderChange at 1 epoch 4\nflush to 2 epoch 4\n");
  EXPECT_EQ(node.high_watermark(), -1);
  node.flushed();
  EXPECT_EQ(node.high_watermark(), 2);
}

TEST(Kip996PreVote, NobodyIsDisturbedBeforeAnElectionCanBeWon) {
  Script node{{.election = election(3, -1, -1)}};
  EXPECT_EQ(node.expire(), "to 2: PreVote epoch 3 for 1:101 with log 1/1\nto 3: PreVote epoch 3 for 1:101 with log 1/1\n");
  EXPECT_EQ(node.role(), "prospective");
  // A majority would: only now is there an epoch of our own, on disk before anyone is asked.
  EXPECT_EQ(
      node.answered(2, VoteResponse{ErrorCode::none, node.led_by(-1, 3), true}),
      "persist epoch 4 leader -1 voted 1:101\nto 2: Vote epoch 4 for 1:101 with log 1/1\nto 3: Vote epoch 4 for 1:101 with "
      "log 1/1\n");
  EXPECT_EQ(node.answered(3, VoteResponse{ErrorCode::none, node.led_by(-1, 4), true}),
            "persist epoch 4 leader 1 voted 1:101\nappend LeaderChange at 1 epoch 4\nflush to 2 epoch 4\n"
            "to 2: BeginQuorumEpoch epoch 4 leader 1\nto 3: BeginQuorumEpoch epoch 4 leader 1\n");
}

TEST(Kip996PreVote, ALostOneGoesBackToTheLeaderThatWasKnown) {
  Script node{{.election = election(3, 2, -1)}};
  node.until_prospective();
  node.answered(2, VoteResponse{ErrorCode::none, node.led_by(2, 3), false});
  EXPECT_EQ(node.role(), "prospective");
  EXPECT_EQ(node.answered(3, VoteResponse{ErrorCode::none, node.led_by(2, 3), false}), "to 2: Fetch epoch 3 at 1/1 hw -1\n");
  EXPECT_EQ(node.role(), "follower");
}

TEST(Kip996PreVote, ALostOneWithoutALeaderWaits) {
  Script node{{.election = election(3, -1, -1)}};
  node.until_prospective();
  node.answered(2, VoteResponse{ErrorCode::none, node.led_by(-1, 3), false});
  EXPECT_EQ(node.answered(3, VoteResponse{ErrorCode::none, node.led_by(-1, 3), false}), "");
  EXPECT_EQ(node.role(), "unattached");
  EXPECT_GE(node.quorum.next_deadline(), node.now + milliseconds{1000});
  EXPECT_LT(node.quorum.next_deadline(), node.now + milliseconds{2000});
}

TEST(Kip996PreVote, AVoterThatDoesNotKnowThemIsAskedForItsVote) {
  Script node{{.election = election(3, -1, -1)}};
  node.until_prospective();
  node.answered(2, VoteResponse{ErrorCode::unsupported_version, {}, false});
  EXPECT_EQ(node.role(), "candidate");
}

// Who grants what, when the asker's log is up to date.
TEST(Kip996PreVote, GrantTable) {
  struct Case {
    const char* role;
    bool pre_vote;
    bool vote;
  };
  const auto make = [](std::string_view role) {
    if (role == "unattached") return Script{{.election = election(3, -1, -1)}};
    if (role == "unattached, voted") return Script{{.election = election(3, -1, 3)}};
    if (role == "unattached, leader known") return Script{{.election = election(3, 9, -1)}};
    if (role == "candidate") return Script{{.election = election(3, -1, 1)}};
    if (role == "resigned") return Script{{.election = election(3, 1, 1)}};
    Script node{{.election = role.starts_with("follower") ? election(3, 2, -1) : election(role == "leader" ? 2 : 3, -1, -1)}};
    if (role == "prospective") node.until_prospective();
    if (role == "leader") node.elect();
    if (role == "follower that fetched")
      node.answered(2, FetchResponse{.current = node.led_by(2, 3), .high_watermark = Offset{1}});
    return node;
  };
  const Case cases[] = {
      {"unattached", true, true},
      {"unattached, voted", true, false},
      {"unattached, leader known", true, false},
      {"prospective", true, true},
      {"candidate", true, false},
      {"resigned", true, false},
      {"follower", true, false},
      {"follower that fetched", false, false},
      {"leader", false, false},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.role);
    Script first = make(one.role);
    ASSERT_EQ(first.quorum.epoch(), LeaderEpoch{3});
    const OffsetAndEpoch log = first.role() == "leader" ? at(9, 2) : at(9, 1);
    EXPECT_EQ(first.receives(vote(2, 3, log, true)).find("granted") != std::string::npos, one.pre_vote);
    Script second = make(one.role);
    EXPECT_EQ(second.receives(vote(2, 3, log)).find("granted") != std::string::npos, one.vote);
  }
}

TEST(Kip595Vote, IsOnDiskBeforeItLeavesAndGivenOnceAnEpoch) {
  Script node{{.election = election(3, -1, -1)}};
  EXPECT_EQ(node.receives(vote(2, 4, at(1, 1))),
            "persist epoch 4 leader -1 voted 2:102\nanswer: Vote granted leader -1 epoch 4\n");
  EXPECT_EQ(node.receives(vote(3, 4, at(5, 3))), "answer: Vote denied leader -1 epoch 4\n");
  EXPECT_EQ(node.receives(vote(2, 4, at(1, 1))), "answer: Vote granted leader -1 epoch 4\n") << "again, to the same";
}

TEST(Kip853Vote, TheSameNodeWithAnotherDirectoryIsAnotherCandidate) {
  Script node{{.election = election(3, -1, 2)}};
  VoteRequest wiped = vote(2, 3, at(1, 1));
  wiped.candidate.directory = Uuid{0, 999};
  EXPECT_EQ(node.receives(wiped), "answer: Vote denied leader -1 epoch 3\n");
}

TEST(Kip853Vote, IsOnlyForTheReplicaItNames) {
  Script node{{.election = election(3, -1, -1)}};
  VoteRequest request = vote(2, 4, at(1, 1));
  request.voter.directory = Uuid{0, 999};
  EXPECT_EQ(node.receives(request),
            "persist epoch 4 leader -1 voted -1\nanswer: Vote denied INVALID_VOTER_KEY leader -1 epoch 4\n");
}

TEST(Kip595Vote, RefusesWhatCannotBe) {
  struct Case {
    const char* what;
    VoteRequest request;
    const char* answer;
  };
  const Case cases[] = {
      {"an old epoch", vote(2, 2, at(1, 1)), "answer: Vote denied FENCED_LEADER_EPOCH leader -1 epoch 3\n"},
      {"a log of the epoch it asks for", vote(2, 4, at(1, 4)), "answer: Vote denied INVALID_REQUEST leader -1 epoch 3\n"},
      {"a pre-vote with a log beyond its epoch", vote(2, 3, at(1, 4), true),
       "answer: Vote denied INVALID_REQUEST leader -1 epoch 3\n"},
      {"an offset below 0", vote(2, 4, at(-1, 1)), "answer: Vote denied INVALID_REQUEST leader -1 epoch 3\n"},
      {"nobody", {key(1), LeaderEpoch{4}, {}, at(1, 1), false}, "answer: Vote denied INVALID_REQUEST leader -1 epoch 3\n"},
      {"a shorter log", vote(2, 3, at(0, 0)), "answer: Vote denied leader -1 epoch 3\n"},
      {"a longer log of an older epoch", vote(2, 3, at(9, 0)), "answer: Vote denied leader -1 epoch 3\n"},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.what);
    Script node{{.election = election(3, -1, -1)}};
    EXPECT_EQ(node.receives(one.request), one.answer);
  }
}

TEST(Kip595Vote, ACandidateThatLostWaitsOutItsTimer) {
  Script node{{.election = election(3, -1, 1)}};
  node.answered(2, VoteResponse{ErrorCode::none, node.led_by(-1, 3), false});
  node.answered(3, VoteResponse{ErrorCode::none, node.led_by(-1, 3), false});
  EXPECT_EQ(node.role(), "candidate");
  EXPECT_GE(node.quorum.next_deadline(), node.now + milliseconds{1000});
  node.expire();
  EXPECT_EQ(node.role(), "prospective");
  EXPECT_EQ(node.quorum.epoch(), LeaderEpoch{3}) << "KAFKA-18345: no new epoch without a majority behind it";
}

// A candidate that crashes with records that it had not flushed returns with less than it claimed, in the same epoch; a voter
// grants it again without comparing. So it claims only what it cannot lose.
TEST(Kip595Vote, IsAskedForWithTheDurableEndOfTheLog) {
  Script node{{.election = election(3, 2, -1)}};
  node.answered(
      2, FetchResponse{
             .current = node.led_by(2, 3), .high_watermark = Offset{1}, .batches = {{Offset{1}, Offset{5}, LeaderEpoch{3}}}});
  EXPECT_EQ(node.quorum.log().end(), Offset{5});
  node.until_prospective();
  EXPECT_EQ(node.asked.back().body.index(), 0U);
  EXPECT_EQ(to_text(node.asked.back().body), "PreVote epoch 3 for 1:101 with log 1/1");
}

TEST(Kip595Vote, AHigherEpochEndsEveryRole) {
  Script node{{.election = election(3, -1, -1)}};
  node.elect();
  ASSERT_EQ(node.role(), "leader");
  EXPECT_EQ(node.receives(vote(2, 9, at(0, 0))),
            "persist epoch 9 leader -1 voted -1\nflush to 2 epoch 9\nanswer: Vote denied leader -1 epoch 9\n");
  EXPECT_EQ(node.role(), "unattached");
}

// Both followers of a leader that dies may have heard its last answer at one instant.
TEST(Elections, AFollowerWaitsForAMomentOfItsOwnBeforeItStands) {
  Duration least = Duration::max();
  Duration most{0};
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    QuorumConfig config;
    config.local = key(1);
    VoterHistory history{voters({1, 2, 3}), static_voters_version};
    Quorum quorum{config, Random{seed}, {election(3, 2, -1), LogIndex{}, std::move(history)}};
    Effects effects;
    Instant now{};
    quorum.start(now, effects);
    std::size_t asked = 0;
    while (asked == 0) {
      now = quorum.next_deadline();
      for (const OutboundRequest& request : quorum.step(now, Tick{}).requests) {
        if (std::holds_alternative<VoteRequest>(request.body)) ++asked;
      }
      ASSERT_LT(now, Instant{std::chrono::seconds{5}});
    }
    least = std::min(least, now - Instant{config.fetch_timeout});
    most = std::max(most, now - Instant{config.fetch_timeout});
  }
  EXPECT_GE(least, Duration{0});
  EXPECT_LT(least, milliseconds{10});
  EXPECT_LE(most, milliseconds{250});
  EXPECT_GT(most, milliseconds{240});
}

TEST(Elections, WhoHasGrantedAPreVoteLetsThatOneTryFirst) {
  Script node{{.election = election(3, 2, -1)}};
  while (node.role() != "prospective") node.expire();
  EXPECT_EQ(node.receives(vote(3, 3, at(1, 1), true)), "answer: Vote granted leader 2 epoch 3\n");
  EXPECT_EQ(node.quorum.next_deadline(), node.now + milliseconds{250});
  EXPECT_EQ(node.receives(vote(3, 4, at(1, 1))).substr(0, 36), "persist epoch 4 leader -1 voted 3:10");
  EXPECT_EQ(node.role(), "unattached");
}

TEST(Elections, WhoHasGrantedAPreVoteInVainAsksItself) {
  Script node{{.election = election(3, 2, -1)}};
  while (node.role() != "prospective") node.expire();
  node.receives(vote(3, 3, at(1, 1), true));
  node.pass(milliseconds{100});
  node.receives(vote(3, 3, at(1, 1), true));
  EXPECT_EQ(node.pass(milliseconds{150}),
            "to 2: PreVote epoch 3 for 1:101 with log 1/1\nto 3: PreVote epoch 3 for 1:101 with log 1/1\n");
}

TEST(Elections, ALateAnswerFromAnEarlierRoleFindsNobody) {
  Script node{{.election = election(3, -1, -1)}};
  node.until_prospective();
  const RequestId early = node.asked.back().id;
  node.answered(2, VoteResponse{ErrorCode::none, node.led_by(-1, 3), true});
  ASSERT_EQ(node.role(), "candidate");
  EXPECT_EQ(node.step(ResponseReceived{early, VoteResponse{ErrorCode::none, node.led_by(-1, 3), true}}), "");
  EXPECT_EQ(node.role(), "candidate") << "a pre-vote is no vote";
}

TEST(Elections, TimersAreDrawnFromOneToTwoTimeouts) {
  Duration least = Duration::max();
  Duration most{0};
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    QuorumConfig config;
    config.local = key(1);
    VoterHistory history{voters({1, 2, 3}), static_voters_version};
    Quorum quorum{config, Random{seed}, {std::nullopt, LogIndex{}, std::move(history)}};
    Effects effects;
    quorum.start(Instant{}, effects);
    least = std::min(least, quorum.next_deadline() - Instant{});
    most = std::max(most, quorum.next_deadline() - Instant{});
  }
  EXPECT_GE(least, milliseconds{1000});
  EXPECT_LT(least, milliseconds{1050});
  EXPECT_LT(most, milliseconds{2000});
  EXPECT_GT(most, milliseconds{1950});
}

// One packet with the last epoch there is would use up all of them.
TEST(Epochs, ALeapThatNoElectionsExplainIsNotBelieved) {
  constexpr std::int32_t last = std::numeric_limits<std::int32_t>::max();
  Script node{{.election = election(3, -1, -1)}};
  EXPECT_EQ(node.receives(vote(2, last, at(5, 3))), "answer: Vote denied INVALID_REQUEST leader -1 epoch 3\n");
  node.receives(BeginQuorumEpochRequest{key(1), NodeId{2}, LeaderEpoch{last}, endpoints(2)});
  node.until_prospective();
  node.answered(2, VoteResponse{ErrorCode::fenced_leader_epoch, node.led_by(3, last), false});
  EXPECT_EQ(node.quorum.epoch(), LeaderEpoch{3});
  node.receives(vote(2, 1'000'000, at(5, 3)));
  EXPECT_EQ(node.quorum.epoch(), LeaderEpoch{1'000'000}) << "a node that was away for long";
}

TEST(Clusters, ANodeWhoseVotersAreOfAnotherClusterEnds) {
  const VoteResponse stranger{.error = ErrorCode::inconsistent_cluster_id};
  Script node{{.election = election(3, -1, -1)}};
  node.until_prospective();
  EXPECT_EQ(node.answered(2, stranger).find("fatal"), std::string::npos) << "it may be the stranger itself";
  EXPECT_TRUE(node.answered(3, stranger).starts_with("fatal: a majority of the voters belongs to another cluster"));
}

TEST(Clusters, ALeaderKnownFromBeforeTheStartDoesNotHideThat) {
  const VoteResponse stranger{.error = ErrorCode::inconsistent_cluster_id};
  Script node{{.election = election(3, 2, -1)}};
  ASSERT_EQ(node.role(), "follower");
  node.until_prospective();
  node.answered(2, stranger);
  EXPECT_TRUE(node.answered(3, stranger).starts_with("fatal: "));
}

TEST(Clusters, AVoterThatAnswersAsItShouldIsNoStrangerAnyMore) {
  Script node{{.election = election(3, -1, -1)}};
  node.until_prospective();
  node.answered(2, VoteResponse{.error = ErrorCode::inconsistent_cluster_id});
  node.until_prospective();
  node.pass(std::chrono::seconds{1});
  node.answered(2, VoteResponse{ErrorCode::none, node.led_by(-1, 3), false});
  EXPECT_EQ(node.answered(3, VoteResponse{.error = ErrorCode::inconsistent_cluster_id}).find("fatal"), std::string::npos);
}

}  // namespace
}  // namespace squall::raft::testing
