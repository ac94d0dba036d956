// BeginQuorumEpoch, EndQuorumEpoch, resignation and check-quorum.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/raft/script.h"

namespace squall::raft::testing {
namespace {

BeginQuorumEpochRequest begin(std::int32_t leader, std::int32_t epoch) {
  return {key(1), NodeId{leader}, LeaderEpoch{epoch}, endpoints(leader)};
}
EndQuorumEpochRequest end(std::int32_t leader, std::int32_t epoch, std::vector<ReplicaKey> preferred) {
  return {NodeId{leader}, LeaderEpoch{epoch}, std::move(preferred), endpoints(leader)};
}

TEST(Kip595BeginQuorumEpoch, ANewLeaderIsFollowedOnceThatIsOnDisk) {
  Script node{{.election = election(3, -1, -1)}};
  EXPECT_EQ(node.receives(begin(2, 4)),
            "persist epoch 4 leader 2 voted -1\nto 2: Fetch epoch 4 at 1/1 hw -1\nanswer: BeginQuorumEpoch leader 2 epoch 4\n");
  EXPECT_EQ(node.role(), "follower");
}

TEST(Kip595BeginQuorumEpoch, KeepsTheVoteOfTheEpoch) {
  Script node{{.election = election(3, -1, 3)}};
  EXPECT_EQ(node.receives(begin(2, 3)).substr(0, 38), "persist epoch 3 leader 2 voted 3:103\nt");
}

TEST(Kip595BeginQuorumEpoch, RefusesOldLeadersSecondLeadersAndOtherReplicas) {
  Script node{{.election = election(3, 2, -1)}};
  EXPECT_EQ(node.receives(begin(3, 2)), "answer: BeginQuorumEpoch FENCED_LEADER_EPOCH leader 2 epoch 3\n");
  EXPECT_EQ(node.receives(begin(3, 3)), "answer: BeginQuorumEpoch INVALID_REQUEST leader 2 epoch 3\n");
  BeginQuorumEpochRequest other = begin(2, 3);
  other.voter.directory = Uuid{0, 999};
  EXPECT_EQ(node.receives(other), "answer: BeginQuorumEpoch INVALID_VOTER_KEY leader 2 epoch 3\n");
}

TEST(Kip595BeginQuorumEpoch, IsRepeatedToVotersThatDoNotFetch) {
  Script node{{.election = election(3, -1, -1)}};
  node.elect();
  for (const std::int32_t id : {2, 3}) node.answered(id, BeginQuorumEpochResponse{ErrorCode::none, node.led_by(1, 4)});
  EXPECT_EQ(node.pass(milliseconds{500}), "");
  node.fetched_by(2, 1, 1);
  EXPECT_EQ(node.pass(milliseconds{500}), "to 3: BeginQuorumEpoch epoch 4 leader 1\n");
}

TEST(Kip595EndQuorumEpoch, APreferredSuccessorStandsAtOnceTheOthersLater) {
  struct Case {
    std::vector<ReplicaKey> preferred;
    Duration wait;
  };
  const Case cases[] = {
      {{key(1), key(3)}, milliseconds{0}},
      {{key(3), key(1)}, milliseconds{500}},
      {{key(3), key(4), key(1)}, milliseconds{500}},
      {{key(3), key(4), key(5), key(1)}, milliseconds{500}},
      {{key(3), key(1), key(4), key(5)}, milliseconds{125}},
      {{key(3), key(4)}, milliseconds{1000}},
  };
  for (const Case& one : cases) {
    Script node{{.voters = voters({1, 2, 3, 4, 5}), .election = election(3, 2, -1)}};
    node.receives(end(2, 3, one.preferred));
    if (one.wait > Duration{0}) {
      EXPECT_EQ(node.role(), "follower");
      EXPECT_EQ(node.quorum.next_deadline(), node.now + one.wait);
      node.expire();
    }
    EXPECT_EQ(node.role(), "prospective");
  }
}

TEST(Resigned, TellsTheOthersBestFirstAndLeavesTheEpochAfterAnElectionTimeout) {
  Script node{{.election = election(3, -1, -1)}};
  node.lead();
  node.fetched_by(3, 1, 1, Duration{0});
  for (const std::int32_t id : {2, 3}) node.answered(id, BeginQuorumEpochResponse{ErrorCode::none, node.led_by(1, 4)});
  EXPECT_EQ(node.step(ResignRequested{LeaderEpoch{3}}), "") << "an epoch that is over";
  EXPECT_EQ(node.step(ResignRequested{LeaderEpoch{4}}),
            "to 2: EndQuorumEpoch epoch 4 leader 1 preferred 2:102 3:103\n"
            "to 3: EndQuorumEpoch epoch 4 leader 1 preferred 2:102 3:103\n");
  EXPECT_EQ(node.role(), "resigned");
  for (const std::int32_t id : {2, 3}) node.answered(id, EndQuorumEpochResponse{ErrorCode::none, node.led_by(1, 4)});
  EXPECT_EQ(node.expire(),
            "persist epoch 5 leader -1 voted -1\nto 2: PreVote epoch 5 for 1:101 with log 2/4\nto 3: PreVote epoch 5 for 1:101 "
            "with log 2/4\n");
}

TEST(Resigned, ALeaderThatRestartsTellsTheOthersThatItLeadsNoMore) {
  Script node{{.election = election(3, 1, 1)}};
  EXPECT_EQ(node.started,
            "to 2: EndQuorumEpoch epoch 3 leader 1 preferred\n"
            "to 3: EndQuorumEpoch epoch 3 leader 1 preferred\n");
  for (const std::int32_t id : {2, 3}) node.answered(id, EndQuorumEpochResponse{ErrorCode::none, node.led_by(1, 3)});
  EXPECT_EQ(node.pass(milliseconds{500}), "") << "once";
}

TEST(CheckQuorum, ALeaderThatNoMajorityFetchesFromResigns) {
  Script node{{.election = election(3, -1, -1)}};
  node.lead();
  node.pass(milliseconds{2999});
  EXPECT_EQ(node.role(), "leader");
  node.fetched_by(3, 2, 4, Duration{0});
  node.pass(milliseconds{2999});
  EXPECT_EQ(node.role(), "leader");
  node.pass(milliseconds{1});
  EXPECT_EQ(node.role(), "resigned");
}

TEST(CheckQuorum, FourVotersNeedTwoBesidesTheLeader) {
  Script node{{.voters = voters({1, 2, 3, 4}), .election = election(3, -1, -1)}};
  node.until_prospective();
  for (const std::int32_t id : {2, 3}) node.answered(id, VoteResponse{ErrorCode::none, node.led_by(-1, 3), true});
  for (const std::int32_t id : {2, 3}) node.answered(id, VoteResponse{ErrorCode::none, node.led_by(-1, 4), true});
  ASSERT_EQ(node.role(), "leader");
  node.pass(milliseconds{2000});
  node.fetched_by(2, 1, 1);
  node.pass(milliseconds{1000});
  EXPECT_EQ(node.role(), "resigned");
}

TEST(CheckQuorum, ObserversDoNotCountAndTheOnlyVoterNeedsNobody) {
  Script three{{.election = election(3, -1, -1)}};
  three.lead();
  three.pass(milliseconds{2000});
  three.fetched_by(7, 2, 4, Duration{0});
  three.pass(milliseconds{1000});
  EXPECT_EQ(three.role(), "resigned");
  Script one{{.voters = voters({1}), .election = election(3, -1, -1)}};
  one.pass(std::chrono::hours{1});
  EXPECT_EQ(one.role(), "leader");
}

TEST(Observers, AskAnyoneForTheLeaderAndNeverStand) {
  Script node{{.id = 7, .election = election(3, -1, -1), .may_vote = false, .bootstrap_servers = {NodeId{-2}}}};
  EXPECT_EQ(node.started, "to -2: Fetch epoch 3 at 1/1 hw -1\n");
  EXPECT_EQ(node.answered(-2, FetchResponse{.error = ErrorCode::fenced_leader_epoch, .current = node.led_by(2, 5)}),
            "persist epoch 5 leader 2 voted -1\nto 2: Fetch epoch 5 at 1/1 hw -1\n");
  node.pass(std::chrono::hours{1});
  EXPECT_EQ(node.role(), "follower");
}

TEST(Observers, FollowTheLeaderTheyLearnOfAndLookAgainWhenItIsSilent) {
  Script node{{.id = 7, .election = election(3, 2, -1), .may_vote = false, .bootstrap_servers = {NodeId{-2}}}};
  EXPECT_EQ(node.role(), "follower");
  EXPECT_EQ(node.started, "to 2: Fetch epoch 3 at 1/1 hw -1\n");
  EXPECT_EQ(node.pass(milliseconds{2000}), "to -2: Fetch epoch 3 at 1/1 hw -1\n");
  EXPECT_EQ(node.answered(-2, FetchResponse{.error = ErrorCode::fenced_leader_epoch, .current = node.led_by(3, 5)}),
            "persist epoch 5 leader 3 voted -1\nto 3: Fetch epoch 5 at 1/1 hw -1\n");
}

// The leader was cut off from us alone, and leads on; those that we know from our configuration do not.
TEST(Observers, AskASilentLeaderAgainTooWhenTheOthersKnowOfNoOther) {
  Script node{{.id = 7, .election = election(3, 2, -1), .may_vote = false, .bootstrap_servers = {NodeId{-2}}}};
  node.pass(milliseconds{2000});
  node.asked.clear();
  for (int i = 0; i < 50; ++i) {
    node.answered(-2, FetchResponse{.error = ErrorCode::not_leader_or_follower, .current = node.led_by(2, 3)});
    node.expire();
  }
  EXPECT_TRUE(std::ranges::any_of(node.asked, [](const OutboundRequest& request) { return request.to == NodeId{2}; }));
}

}  // namespace
}  // namespace squall::raft::testing
