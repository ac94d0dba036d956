// Voters that change (KIP-853, KIP-1186).
#include <gtest/gtest.h>

#include "tests/raft/script.h"

namespace squall::raft::testing {
namespace {

Script leader(Script::Setup setup = {}) {
  setup.election = election(3, -1, -1);
  Script node{std::move(setup)};
  node.lead();
  return node;
}
AddVoterRequest add(std::int32_t id, bool ack_when_committed = true) { return {key(id), endpoints(id), ack_when_committed}; }
ApiVersionsResponse versions(std::int16_t min, std::int16_t max) { return {ErrorCode::none, {min, max}}; }

TEST(Kip853AddVoter, AsksTheNewcomerThenAppendsAndAnswersWhenTheNewMajorityHasIt) {
  Script node = leader();
  node.fetched_by(4, 2, 4, Duration{0});
  EXPECT_EQ(node.receives(add(4)), "to 4: ApiVersions\n");
  EXPECT_EQ(node.answered(4, versions(0, 1)), "append voters 1:101,2:102,3:103,4:104 at 2 epoch 4\nflush to 3 epoch 4\n");
  EXPECT_EQ(node.quorum.voters().size(), 4U) << "in force when appended";
  EXPECT_EQ(node.flushed(), "");
  EXPECT_EQ(node.fetched_by(4, 3, 4, Duration{0}), "answer: Fetch leader 1 epoch 4 hw 2\n") << "two of four";
  EXPECT_EQ(node.fetched_by(2, 3, 4, Duration{0}), "answer: AddRaftVoter\nanswer: Fetch leader 1 epoch 4 hw 3\n");
}

TEST(Kip853AddVoter, ALeaderThatWasAloneForLongGivesTheSecondVoterTimeToFetch) {
  Script node{{.voters = voters({1}), .election = election(3, -1, -1)}};
  node.flushed();
  node.pass(std::chrono::hours{1});
  node.fetched_by(2, 2, 4, Duration{0});
  node.receives(add(2));
  node.answered(2, versions(0, 1));
  EXPECT_EQ(node.role(), "leader");
  EXPECT_EQ(node.quorum.voters().size(), 2U);
  node.pass(milliseconds{2999});
  EXPECT_EQ(node.role(), "leader");
  node.pass(milliseconds{1});
  EXPECT_EQ(node.role(), "resigned") << "it did not fetch";
}

TEST(Kip1186AddVoter, CanBeAnsweredWhenAppended) {
  Script node = leader();
  node.fetched_by(4, 2, 4, Duration{0});
  node.receives(add(4, false));
  EXPECT_NE(node.answered(4, versions(0, 1)).find("answer: AddRaftVoter\n"), std::string::npos);
}

TEST(Kip853AddVoter, ErrorLadder) {
  const auto answer = [](Script& node, const AddVoterRequest& request) { return node.receives(request); };
  Script follower{{.election = election(3, 2, -1)}};
  EXPECT_EQ(answer(follower, add(4)), "answer: AddRaftVoter NOT_LEADER_OR_FOLLOWER\n");
  Script fresh{{.election = election(3, -1, -1)}};
  fresh.elect();
  EXPECT_EQ(answer(fresh, add(4)), "answer: AddRaftVoter REQUEST_TIMED_OUT\n") << "no high watermark yet";
  Script fixed = leader({.kraft_version = static_voters_version});
  EXPECT_EQ(answer(fixed, add(4)), "answer: AddRaftVoter UNSUPPORTED_VERSION\n");
  Script node = leader();
  EXPECT_EQ(answer(node, add(2)), "answer: AddRaftVoter DUPLICATE_VOTER\n");
  EXPECT_EQ(answer(node, {ReplicaKey{NodeId{4}, {}}, endpoints(4)}), "answer: AddRaftVoter INVALID_REQUEST\n");
  EXPECT_EQ(answer(node, {key(4), {}}), "answer: AddRaftVoter INVALID_REQUEST\n");
  EXPECT_EQ(answer(node, add(4)), "to 4: ApiVersions\n");
  EXPECT_EQ(answer(node, add(5)), "answer: AddRaftVoter REQUEST_TIMED_OUT\n") << "one at a time";
  EXPECT_EQ(node.answered(4, versions(0, 1)), "answer: AddRaftVoter REQUEST_TIMED_OUT\n") << "it never fetched";
  node.fetched_by(4, 2, 4, Duration{0});
  answer(node, add(4));
  EXPECT_EQ(node.answered(4, versions(0, 0)), "answer: AddRaftVoter INVALID_REQUEST\n");
  answer(node, add(4));
  EXPECT_EQ(node.answered(4, ApiVersionsResponse{ErrorCode::unknown_server_error, {}}),
            "answer: AddRaftVoter REQUEST_TIMED_OUT\n");
  answer(node, add(4));
  node.fetched_by(2, 2, 4, Duration{0});
  node.pass(milliseconds{1000});
  node.fetched_by(2, 2, 4, Duration{0});
  EXPECT_NE(node.pass(milliseconds{1000}).find("answer: AddRaftVoter REQUEST_TIMED_OUT\n"), std::string::npos);
}

TEST(Kafka17332, ANodeThatTakesNoVotesIsNotAdded) {
  Script node = leader();
  node.fetched_by(4, 2, 4, Duration{0});
  node.receives(add(4));
  EXPECT_EQ(node.answered(4, ApiVersionsResponse{ErrorCode::unsupported_version, {0, 1}}),
            "answer: AddRaftVoter INVALID_REQUEST\n");
  EXPECT_EQ(node.quorum.voters().size(), 3U);
}

TEST(Kip853AddVoter, IsGivenUpWhenTheOneWhoAskedWaitsNoLonger) {
  Script node = leader();
  AddVoterRequest request = add(4);
  request.patience = milliseconds{300};
  node.receives(request);
  EXPECT_EQ(node.pass(milliseconds{299}).find("AddRaftVoter"), std::string::npos);
  EXPECT_NE(node.pass(milliseconds{1}).find("answer: AddRaftVoter REQUEST_TIMED_OUT\n"), std::string::npos);
}

TEST(Kip853AddVoter, ALeaderThatStepsDownSaysSo) {
  Script node = leader();
  node.receives(add(4));
  EXPECT_NE(node.step(ResignRequested{LeaderEpoch{4}}).find("answer: AddRaftVoter NOT_LEADER_OR_FOLLOWER\n"),
            std::string::npos);
}

TEST(Kip853RemoveVoter, TakesEffectAtOnceAndAnswersWhenCommitted) {
  Script node = leader();
  EXPECT_EQ(node.receives(RemoveVoterRequest{key(3)}), "append voters 1:101,2:102 at 2 epoch 4\nflush to 3 epoch 4\n");
  node.flushed();
  EXPECT_EQ(node.receives(RemoveVoterRequest{key(2)}), "answer: RemoveRaftVoter REQUEST_TIMED_OUT\n");
  EXPECT_EQ(node.fetched_by(2, 3, 4, Duration{0}), "answer: RemoveRaftVoter\nanswer: Fetch leader 1 epoch 4 hw 3\n");
  EXPECT_EQ(node.receives(RemoveVoterRequest{key(3)}), "answer: RemoveRaftVoter VOTER_NOT_FOUND\n");
  EXPECT_EQ(node.receives(RemoveVoterRequest{{NodeId{2}, Uuid{0, 999}}}), "answer: RemoveRaftVoter VOTER_NOT_FOUND\n");
}

TEST(Kip853RemoveVoter, TheLastOneStays) {
  Script node{{.voters = voters({1}), .election = election(3, -1, -1)}};
  node.flushed();
  EXPECT_EQ(node.receives(RemoveVoterRequest{key(1)}), "answer: RemoveRaftVoter INVALID_REQUEST\n");
}

TEST(Kip853RemoveVoter, ALeaderThatRemovedItselfIsNotCountedAndResignsWhenThatIsCommitted) {
  Script node = leader();
  node.receives(RemoveVoterRequest{key(1)});
  node.flushed();
  node.fetched_by(2, 3, 4, Duration{0});
  EXPECT_EQ(node.role(), "leader");
  EXPECT_EQ(node.high_watermark(), 2) << "one of two";
  const std::string effects = node.fetched_by(3, 3, 4, Duration{0});
  EXPECT_EQ(node.high_watermark(), 3);
  EXPECT_EQ(node.role(), "resigned");
  EXPECT_NE(effects.find("answer: RemoveRaftVoter\n"), std::string::npos);
  node.expire();
  for (int i = 0; i < 10; ++i) node.expire();
  EXPECT_EQ(node.role(), "unattached") << "and never stands again";
}

// Its log is the longest, so node 2 would never get its vote.
TEST(Kip853RemoveVoter, ALeaderThatAloneHasItsRemovalStandsAgainToCommitIt) {
  Script node = leader({.voters = voters({1, 2})});
  node.receives(RemoveVoterRequest{key(1)});
  node.flushed();
  node.pass(milliseconds{3000});
  ASSERT_EQ(node.role(), "resigned");
  node.until_prospective();
  ASSERT_EQ(node.role(), "prospective");
  EXPECT_EQ(node.quorum.epoch(), LeaderEpoch{5});
  node.answered(2, VoteResponse{ErrorCode::none, node.led_by(-1, 5), true});
  EXPECT_EQ(node.role(), "candidate") << "its own vote does not count";
  node.answered(2, VoteResponse{ErrorCode::none, node.led_by(-1, 6), true});
  EXPECT_EQ(node.role(), "leader");
  node.flushed();
  EXPECT_EQ(node.high_watermark(), 2);
  node.fetched_by(2, 4, 6, Duration{0});
  EXPECT_EQ(node.high_watermark(), 4);
  EXPECT_EQ(node.role(), "resigned");
  for (int i = 0; i < 10; ++i) node.expire();
  EXPECT_EQ(node.role(), "unattached") << "and never stands again";
}

TEST(Kip853UpdateVoter, AppendsWhatChangedAndAnswersAtOnce) {
  Script node = leader();
  Voter changed = voter(2);
  changed.endpoints[0].port = 1;
  EXPECT_EQ(node.receives(UpdateVoterRequest{LeaderEpoch{4}, changed}),
            "append voters 1:101,2:102,3:103 at 2 epoch 4\nflush to 3 epoch 4\nanswer: UpdateRaftVoter leader 1 epoch 4\n");
  EXPECT_EQ(node.receives(UpdateVoterRequest{LeaderEpoch{3}, changed}),
            "answer: UpdateRaftVoter FENCED_LEADER_EPOCH leader 1 epoch 4\n");
  EXPECT_EQ(node.receives(UpdateVoterRequest{LeaderEpoch{4}, changed}),
            "answer: UpdateRaftVoter REQUEST_TIMED_OUT leader 1 epoch 4\n");
  node.flushed();
  node.fetched_by(2, 3, 4, Duration{0});
  EXPECT_EQ(node.receives(UpdateVoterRequest{LeaderEpoch{4}, voter(7)}),
            "answer: UpdateRaftVoter VOTER_NOT_FOUND leader 1 epoch 4\n");
  changed.kraft_versions = {0, 0};
  EXPECT_EQ(node.receives(UpdateVoterRequest{LeaderEpoch{4}, changed}),
            "answer: UpdateRaftVoter INVALID_REQUEST leader 1 epoch 4\n");
}

TEST(Kip853UpdateVoter, AFollowerWhoseEndpointsDifferTellsItsLeader) {
  VoterSet old = voters({1, 2, 3});
  Voter moved = voter(1);
  moved.endpoints[0].port = 1;
  Script node{{.voters = *old.update(moved), .election = election(3, 2, -1)}};
  std::string effects;
  for (int i = 0; i < 4; ++i) {
    node.answered(2, FetchResponse{.current = node.led_by(2, 3), .high_watermark = Offset{1}});
    effects += node.pass(milliseconds{1500});
  }
  node.answered(2, FetchResponse{.current = node.led_by(2, 3), .high_watermark = Offset{1}});
  bool told = false;
  for (const OutboundRequest& request : node.asked) told = told || std::holds_alternative<UpdateVoterRequest>(request.body);
  EXPECT_TRUE(told);
}

TEST(Kip853Voters, ARecordIsInForceWhenFetchedAndNoMoreWhenCut) {
  Script node{{.election = election(3, 2, -1)}};
  FetchResponse response{
      .current = node.led_by(2, 3), .high_watermark = Offset{1}, .batches = {{Offset{1}, Offset{3}, LeaderEpoch{2}}}};
  response.changes = {{Offset{2}, std::make_shared<const VoterSet>(voters({1, 2, 3, 4}))}};
  node.answered(2, response);
  EXPECT_EQ(node.quorum.voters().size(), 4U);
  node.flushed();
  node.answered(2, FetchResponse{.current = node.led_by(2, 3), .high_watermark = Offset{1}, .diverging = at(2, 2)});
  EXPECT_EQ(node.quorum.voters().size(), 3U);
}

TEST(Kip853Voters, ALogWithBootstrapVotersGetsThemWithTheFirstLeader) {
  Script node{{.voters = voters({1}), .voters_at = no_offset, .log = LogIndex{}}};
  EXPECT_EQ(node.started,
            "persist epoch 1 leader 1 voted 1:101\nappend LeaderChange at 0 epoch 1 kraft.version 1 voters 1:101\nflush to 3 "
            "epoch 1\n");
  EXPECT_EQ(node.quorum.voter_history().sets.last().offset, Offset{2});
}

TEST(Kip853Upgrade, StaticVotersGoToTheLogOnceTheLeaderKnowsTheirDirectories) {
  std::vector<Voter> plain;
  for (const std::int32_t id : {1, 2, 3}) plain.push_back({{NodeId{id}, {}}, endpoints(id), {}});
  Script node = leader({.voters = VoterSet{plain}, .kraft_version = static_voters_version, .voters_at = no_offset});
  EXPECT_EQ(node.high_watermark(), 2) << "any directory votes";
  EXPECT_EQ(node.step(UpgradeKRaftVersion{}), "kraft.version upgrade: INVALID_UPDATE_VERSION\n");
  for (const std::int32_t id : {2, 3}) node.receives(UpdateVoterRequest{LeaderEpoch{4}, voter(id)});
  EXPECT_EQ(node.step(UpgradeKRaftVersion{}),
            "append voters 1:101,2:102,3:103 at 2 epoch 4 kraft.version 1\nflush to 4 epoch 4\nkraft.version upgrade: NONE\n");
  EXPECT_EQ(node.quorum.kraft_version(), dynamic_voters_version);
}

TEST(Kip1186AutoJoin, AControllerAddsItselfAndRemovesItsFormerDisk) {
  const auto asks = [](VoterSet set) {
    Script node{{.id = 4, .voters = std::move(set), .election = election(3, 2, -1), .auto_join = true}};
    for (int i = 0; i < 5; ++i) {
      node.answered(2, FetchResponse{.current = node.led_by(2, 3), .high_watermark = Offset{1}});
      node.pass(milliseconds{1500});
    }
    for (const OutboundRequest& request : node.asked) {
      if (!std::holds_alternative<FetchRequest>(request.body)) return to_text(request.body);
    }
    return std::string{"nothing"};
  };
  EXPECT_EQ(asks(voters({1, 2, 3})), "AddRaftVoter 4:104");
  Voter former = voter(4);
  former.key.directory = Uuid{0, 999};
  EXPECT_EQ(asks(*voters({1, 2, 3}).add(former)), "RemoveRaftVoter 4:999");
  EXPECT_EQ(asks(voters({1, 2, 3, 4})), "nothing");
}

TEST(VoterSets, IdentityIsIdAndDirectory) {
  const VoterSet set = voters({3, 1, 2});
  EXPECT_EQ(set.voters()[0].key.id, NodeId{1});
  EXPECT_TRUE(set.is_voter(key(2)));
  EXPECT_FALSE(set.is_voter({NodeId{2}, Uuid{0, 9}}));
  EXPECT_FALSE(set.add(voter(2)));
  EXPECT_FALSE(set.remove({NodeId{2}, Uuid{0, 9}}));
  EXPECT_EQ(set.remove(key(2))->size(), 2U);
  EXPECT_EQ(set.majority(), 2U);
  const VoterSet plain{{{{NodeId{1}, {}}, endpoints(1), {}}}};
  EXPECT_TRUE(plain.is_only_voter(key(1)));
}

}  // namespace
}  // namespace squall::raft::testing
