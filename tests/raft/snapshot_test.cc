// Snapshots on both sides (KIP-630), and the index of the log.
#include <gtest/gtest.h>

#include "tests/raft/script.h"

namespace squall::raft::testing {
namespace {

// Offsets 6 to 12, after a snapshot of what was before; a second one at 9.
LogIndex cleaned_log() {
  return LogIndex{
      Offset{6}, Offset{12}, {{LeaderEpoch{3}, Offset{6}}, {LeaderEpoch{4}, Offset{8}}}, {{at(6, 2), 100}, {at(9, 4), 200}}};
}

TEST(LogIndex, ComparesAFollowersPosition) {
  struct Case {
    OffsetAndEpoch position;
    FetchPosition expected;
  };
  using Kind = FetchPosition::Kind;
  const Case cases[] = {
      {at(12, 4), {Kind::valid, {}}},
      {at(7, 3), {Kind::valid, {}}},
      {at(6, 2), {Kind::valid, {}}},
      {at(0, 0), {Kind::snapshot, at(9, 4)}},
      {at(5, 2), {Kind::snapshot, at(9, 4)}},
      {at(6, 3), {Kind::snapshot, at(9, 4)}},
      {at(9, 1), {Kind::snapshot, at(9, 4)}},
      {at(9, 3), {Kind::diverging, at(8, 3)}},
      {at(8, 2), {Kind::diverging, at(6, 2)}},
      {at(13, 4), {Kind::diverging, at(12, 4)}},
      {at(13, 5), {Kind::diverging, at(12, 4)}},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(std::to_string(one.position.offset.value()) + "/" + std::to_string(one.position.epoch.value()));
    EXPECT_EQ(cleaned_log().compare(one.position.offset, one.position.epoch), one.expected);
  }
}

TEST(LogIndex, ABootstrapSnapshotIsNeverReplicated) {
  const LogIndex log{Offset{0}, Offset{3}, {{LeaderEpoch{1}, Offset{0}}}, {{bootstrap_snapshot, 10}}};
  EXPECT_EQ(log.compare(Offset{0}, LeaderEpoch{0}), (FetchPosition{FetchPosition::Kind::valid, {}}));
}

TEST(LogIndex, ANewerSnapshotThanTheLogReplacesItAtStart) {
  const LogIndex log{Offset{0}, Offset{3}, {{LeaderEpoch{1}, Offset{0}}}, {{at(9, 4), 10}}};
  EXPECT_EQ(log.start(), Offset{9});
  EXPECT_EQ(log.last(), at(9, 4));
}

// The crash came between the two halves of an installation: the snapshot had its name, the log its old records.
TEST(LogIndex, ALogWithoutTheLastRecordOfItsNewestSnapshotIsReplacedAtStart) {
  struct Case {
    std::int64_t end;
    std::int32_t epoch;
  };
  for (const auto& [end, epoch] : {Case{20, 1}, Case{9, 1}, Case{5, 5}, Case{9, 5}}) {
    const LogIndex log{Offset{0}, Offset{end}, {{LeaderEpoch{epoch}, Offset{0}}}, {{at(9, 4), 10}}};
    EXPECT_EQ(log.start(), Offset{9}) << end << "/" << epoch;
    EXPECT_EQ(log.last(), at(9, 4));
  }
}

// An older snapshot of our own is left from before another one replaced the log.
TEST(LogIndex, ASnapshotBelowTheStartOfTheLogTellsNothingOfIt) {
  LogIndex log{Offset{0}, Offset{7}, {{LeaderEpoch{2}, Offset{0}}}, {{at(6, 2), 100}}};
  log.install({at(9, 4), 200});
  log.append(LeaderEpoch{5}, Offset{10});
  EXPECT_EQ(log.compare(Offset{9}, LeaderEpoch{4}), (FetchPosition{FetchPosition::Kind::valid, {}}));
  EXPECT_EQ(log.compare(Offset{9}, LeaderEpoch{3}), (FetchPosition{FetchPosition::Kind::snapshot, at(9, 4)}));
  EXPECT_EQ(log.compare(Offset{11}, LeaderEpoch{4}), (FetchPosition{FetchPosition::Kind::diverging, at(9, 4)}));
}

TEST(LogIndex, KeepsEpochsInStepWithTheLog) {
  LogIndex log = cleaned_log();
  EXPECT_EQ(log.last(), at(12, 4));
  log.append(LeaderEpoch{7}, Offset{15});
  EXPECT_EQ(log.end_of_epoch(LeaderEpoch{4}), at(12, 4));
  EXPECT_EQ(log.end_of_epoch(LeaderEpoch{5}), at(12, 4));
  log.truncate_to(Offset{8});
  EXPECT_EQ(log.last(), at(8, 3));
  log.append(LeaderEpoch{8}, Offset{11});
  log.set_flushed(Offset{10});
  EXPECT_EQ(log.durable(), at(10, 8));
  log.clean(Offset{9}, Offset{9});
  EXPECT_EQ(log.epochs().size(), 1U);
  EXPECT_EQ(log.epochs()[0], (EpochStart{LeaderEpoch{8}, Offset{9}}));
  log.check_invariants();
}

TEST(Kip630FetchSnapshot, TheLeaderServesWhatItHas) {
  Script node{{.election = election(5, -1, -1), .log = cleaned_log()}};
  node.elect();
  const auto fetch = [&](OffsetAndEpoch id, std::int64_t position, std::int32_t epoch = 6) {
    return node.receives(FetchSnapshotRequest{key(2), LeaderEpoch{epoch}, id, position});
  };
  EXPECT_EQ(fetch(at(9, 4), 50), "answer: FetchSnapshot leader 1 epoch 6 9/4 at 50 of 200\n");
  EXPECT_EQ(fetch(at(9, 3), 0), "answer: FetchSnapshot SNAPSHOT_NOT_FOUND leader 1 epoch 6\n");
  EXPECT_EQ(fetch(at(9, 4), 200), "answer: FetchSnapshot POSITION_OUT_OF_RANGE leader 1 epoch 6\n");
  EXPECT_EQ(fetch(at(9, 4), -1), "answer: FetchSnapshot POSITION_OUT_OF_RANGE leader 1 epoch 6\n");
  EXPECT_EQ(fetch(at(9, 4), 0, 5), "answer: FetchSnapshot FENCED_LEADER_EPOCH leader 1 epoch 6\n");
}

TEST(Kip630FetchSnapshot, AFollowerFetchesItInPiecesAndBeginsAnewBehindIt) {
  Script node{{.election = election(3, 2, -1)}};
  const auto piece = [&](std::int64_t position, std::int64_t bytes) {
    return FetchSnapshotResponse{ErrorCode::none, node.led_by(2, 3), at(9, 2), 30, position, bytes};
  };
  EXPECT_EQ(node.answered(2, FetchResponse{.current = node.led_by(2, 3), .high_watermark = Offset{20}, .snapshot = at(9, 2)}),
            "to 2: FetchSnapshot epoch 3 9/2 from 0\n");
  EXPECT_EQ(node.answered(2, piece(0, 20)), "write snapshot 9/2 at 0\nto 2: FetchSnapshot epoch 3 9/2 from 20\n");
  EXPECT_EQ(node.answered(2, piece(20, 10)), "write snapshot 9/2 at 20\nfinish snapshot 9/2 epoch 3\n");
  EXPECT_EQ(node.quorum.log().end(), Offset{1}) << "not before it was read";
  EXPECT_EQ(node.step(SnapshotReady{LeaderEpoch{3}, at(9, 2), voters({1, 2, 3, 4}), 1}),
            "install snapshot 9/2\nto 2: Fetch epoch 3 at 9/2 hw 9\n");
  EXPECT_EQ(node.quorum.log().start(), Offset{9});
  EXPECT_EQ(node.quorum.voters().size(), 4U);
  EXPECT_EQ(node.high_watermark(), 9);
}

TEST(Kip630FetchSnapshot, OneThatIsGoneAtTheLeaderIsForgotten) {
  Script node{{.election = election(3, 2, -1)}};
  node.answered(2, FetchResponse{.current = node.led_by(2, 3), .snapshot = at(9, 2)});
  EXPECT_EQ(node.answered(2, FetchSnapshotResponse{ErrorCode::snapshot_not_found, node.led_by(2, 3), at(9, 2)}),
            "discard snapshot 9/2\n");
  EXPECT_EQ(node.pass(milliseconds{20}), "to 2: Fetch epoch 3 at 1/1 hw -1\n");
}

TEST(Kip630FetchSnapshot, AnObserverWhoseLeaderFallsSilentForgetsItAndLooksForAnother) {
  for (const bool whole : {false, true}) {
    Script node{{.id = 7, .election = election(3, 2, -1), .may_vote = false}};
    node.answered(2, FetchResponse{.current = node.led_by(2, 3), .snapshot = at(9, 2)});
    if (whole) node.answered(2, FetchSnapshotResponse{ErrorCode::none, node.led_by(2, 3), at(9, 2), 30, 0, 30});
    const std::string effects = node.pass(milliseconds{2000});
    EXPECT_NE(effects.find("discard snapshot 9/2\n"), std::string::npos) << effects;
    node.pass(milliseconds{20});
    EXPECT_TRUE(std::holds_alternative<FetchRequest>(node.asked.back().body));
    EXPECT_EQ(node.step(SnapshotReady{LeaderEpoch{3}, at(9, 2), std::nullopt, 0}), "");
  }
}

TEST(Kip630FetchSnapshot, OneThatIsReadyAfterTheEpochEndedIsNotInstalled) {
  Script node{{.election = election(3, 2, -1)}};
  node.answered(2, FetchResponse{.current = node.led_by(2, 3), .snapshot = at(9, 2)});
  node.answered(2, FetchSnapshotResponse{ErrorCode::none, node.led_by(2, 3), at(9, 2), 30, 0, 30});
  EXPECT_EQ(node.receives(BeginQuorumEpochRequest{key(1), NodeId{3}, LeaderEpoch{4}, endpoints(3)}).substr(0, 55),
            "persist epoch 4 leader 3 voted -1\ndiscard snapshot 9/2\n");
  EXPECT_EQ(node.step(SnapshotReady{LeaderEpoch{3}, at(9, 2), std::nullopt, 0}), "");
  EXPECT_EQ(node.quorum.log().end(), Offset{1});
}

TEST(Kip630FetchSnapshot, OneBelowTheHighWatermarkOrOfALaterEpochIsNotBelieved) {
  Script node{{.election = election(3, 2, -1)}};
  node.answered(2, FetchResponse{.current = node.led_by(2, 3), .high_watermark = Offset{1}});
  EXPECT_EQ(node.answered(2, FetchResponse{.current = node.led_by(2, 3), .snapshot = at(0, 1)}), "");
  node.pass(milliseconds{20});
  EXPECT_EQ(node.answered(2, FetchResponse{.current = node.led_by(2, 3), .snapshot = at(9, 4)}), "");
}

TEST(Snapshots, AreAddedAndTheLogIsFreedBehindThem) {
  Script node{{.voters = voters({1}), .election = election(3, -1, -1)}};
  node.flushed();
  ASSERT_EQ(node.high_watermark(), 2);
  node.step(SnapshotCreated{{at(2, 4), 50}});
  node.step(LogCleaned{Offset{2}, Offset{2}});
  EXPECT_EQ(node.quorum.log().start(), Offset{2});
  EXPECT_EQ(node.quorum.log().last(), at(2, 4));
  EXPECT_EQ(node.fetched_by(2, 0, 0, Duration{0}), "answer: Fetch leader 1 epoch 4 hw 2 snapshot 2/4\n");
}

}  // namespace
}  // namespace squall::raft::testing
