// What the atlas still demands after a fault, with replicas elsewhere and without.
#include "scenarios/run/atlas.h"

#include <gtest/gtest.h>

namespace squall::scenarios {
namespace {

using std::chrono::seconds;

Instant at(int second) { return Instant{seconds{second}}; }

class FakeView final : public ClusterView {
 public:
  NodeId active_controller() const override { return NodeId{101}; }
  std::optional<PartitionView> partition(std::string_view, std::int32_t) const override { return view; }
  bool has_deposed_leader(std::string_view, std::int32_t) const override { return deposed; }
  bool deposed = false;
  std::optional<PartitionView> view = PartitionView{.leader = NodeId{1},
                                                    .replicas = {NodeId{1}, NodeId{2}, NodeId{3}},
                                                    .in_sync = {NodeId{1}, NodeId{2}, NodeId{3}},
                                                    .eligible = {}};
};

Plan cluster_plan(std::string_view config = "") {
  const auto scenario = parse_scenario(
      "title = \"t\"\n[cluster]\nbrokers = 4\ncontrollers = 3\n[[topic]]\nname = \"orders\"\n"
      "replication = 3\n" +
          std::string{config},
      "x.toml", "x");
  EXPECT_TRUE(scenario.has_value()) << scenario.error().to_string();
  return make_plan(*scenario, 1);
}

struct AtlasTest : testing::Test {
  explicit AtlasTest(std::string_view config = "") : plan{cluster_plan(config)} {
    atlas.look_through(view);
    id = checks.history().partition_id("orders", 0);
    PartitionHistory& partition = checks.history().partition(id);
    for (std::int64_t offset = 0; offset < 10; ++offset) {
      partition.note(offset, 0, partition.next_sequence(0), Slot::acknowledged);
    }
    partition.note_acknowledged_until(at(1), 10);
  }
  // Whether the records acknowledged so far are still demanded.
  bool demanded() { return checks.history().partition(id).end() == 10; }
  bool excused(int second) { return checks.history().partition(id).excused(at(second), 20); }
  void cut(std::int32_t broker, int second) { atlas.struck(Harm::unsynced, NodeId{broker}, at(second)); }
  void back(std::int32_t broker, int second) { atlas.recovered(NodeId{broker}, at(second)); }

  Plan plan;
  CheckSet checks{AvailabilityBounds{}};
  FakeView view;
  Atlas atlas{plan, checks};
  PartitionId id = 0;
};

TEST_F(AtlasTest, DemandsEverythingWhileOneCleanReplicaIsInSync) {
  cut(1, 2);
  cut(2, 2);
  EXPECT_TRUE(demanded());
  EXPECT_FALSE(excused(3));
}

TEST_F(AtlasTest, ExcusesWhatWasNotFlushedOnceTheLastCleanReplicaLosesPower) {
  cut(1, 2);
  cut(2, 2);
  cut(3, 2);
  EXPECT_FALSE(demanded());
  EXPECT_TRUE(excused(3));
  back(2, 4);
  EXPECT_FALSE(excused(5)) << "what the first to return has is what counts";
}

TEST_F(AtlasTest, TheLastOneInSyncIsTheOnlyOneThatCounts) {
  view.view->in_sync = {NodeId{1}};
  cut(1, 2);
  EXPECT_FALSE(demanded());
}

TEST_F(AtlasTest, AReplicaThatReturnedCountsOnceItHasCaughtUp) {
  cut(2, 2);
  cut(3, 2);
  back(2, 3);
  back(3, 3);
  cut(1, 10);
  EXPECT_TRUE(demanded()) << "both are in sync again";
}

TEST_F(AtlasTest, AReplicaThatHasJustReturnedMayBeInSyncOnlyByOldNews) {
  cut(2, 2);
  cut(3, 2);
  back(2, 3);
  cut(1, 4);
  EXPECT_FALSE(demanded());
}

TEST_F(AtlasTest, AServerWithoutAReplicaCostsNothing) {
  view.view->in_sync = {NodeId{1}};
  cut(4, 2);
  cut(101, 2);
  EXPECT_TRUE(demanded());
}

TEST_F(AtlasTest, ACrashCostsNothing) {
  for (const std::int32_t broker : {1, 2, 3}) atlas.struck(Harm::none, NodeId{broker}, at(2));
  EXPECT_TRUE(demanded());
}

TEST_F(AtlasTest, AWipedReplicaCostsNothingWhileAnotherIsClean) {
  atlas.struck(Harm::stored, NodeId{1}, at(2));
  EXPECT_TRUE(demanded());
  back(1, 3);
  atlas.struck(Harm::stored, NodeId{2}, at(4));
  atlas.struck(Harm::stored, NodeId{3}, at(4));
  EXPECT_FALSE(demanded());
}

TEST_F(AtlasTest, DamageOfAReplicaIsExcusedForGood) {
  atlas.damaged(NodeId{2});
  EXPECT_FALSE(demanded());
  back(2, 3);
  EXPECT_TRUE(excused(4));
}

TEST_F(AtlasTest, MetadataIsDemandedUntilAMajorityOfControllersIsWiped) {
  checks.metadata().created("orders", 1);
  atlas.struck(Harm::stored, NodeId{1}, at(2));
  atlas.struck(Harm::stored, NodeId{101}, at(2));
  checks.metadata().listed("orders", std::nullopt, at(3));
  EXPECT_EQ(checks.findings().size(), 1U);
  atlas.struck(Harm::stored, NodeId{102}, at(4));
  checks.metadata().created("orders", 1);
  checks.metadata().listed("orders", std::nullopt, at(5));
  EXPECT_EQ(checks.findings().size(), 1U);
}

TEST_F(AtlasTest, WhatNobodyCanTellIsWhatWasLastSeen) {
  cut(4, 1);
  view.view.reset();
  cut(1, 2);
  cut(2, 2);
  EXPECT_TRUE(demanded());
  cut(3, 2);
  EXPECT_FALSE(demanded());
}

struct FlushedAtlasTest : AtlasTest {
  FlushedAtlasTest() : AtlasTest{"config = { \"flush.messages\" = 1 }\n"} {}
};

TEST_F(FlushedAtlasTest, WhatEachReplicaFlushedIsDemandedOfTheLast) {
  for (const std::int32_t broker : {1, 2, 3}) cut(broker, 2);
  EXPECT_TRUE(demanded());
}

// The clean one's session ended first, and the controller took it out of the ISR.
TEST_F(AtlasTest, AReplicaThatLostPowerAndIsLeftAloneInTheIsrCostsWhatItLost) {
  view.view->in_sync = {NodeId{1}, NodeId{3}};
  cut(1, 2);
  EXPECT_TRUE(demanded()) << "3 is clean";
  view.view->in_sync = {NodeId{1}};
  atlas.leads(id, NodeId{1}, at(20));
  EXPECT_FALSE(demanded());
  EXPECT_TRUE(excused(19));
  EXPECT_FALSE(excused(20)) << "what it has is what counts";
}

TEST_F(AtlasTest, ACleanReplicaThatIsEligibleIsTheOneToLead) {
  cut(1, 2);
  view.view->in_sync = {NodeId{1}};
  view.view->eligible = {NodeId{3}};
  atlas.leads(id, NodeId{1}, at(20));
  EXPECT_TRUE(demanded());
}

TEST_F(AtlasTest, AReplicaThatCaughtUpAfterItsPowerCutLosesNothingAsALeader) {
  cut(1, 2);
  back(1, 12);
  view.view->leader = NodeId{2};
  atlas.look(at(13));
  view.view->in_sync = {NodeId{1}};
  atlas.leads(id, NodeId{1}, at(14));
  EXPECT_TRUE(demanded());
}

TEST_F(AtlasTest, AnUncleanElectionOfATopicThatForbidsItIsNotExcused) {
  view.view->recovering = true;
  atlas.leads(id, NodeId{2}, at(20));
  EXPECT_TRUE(demanded());
}

struct UncleanAtlasTest : AtlasTest {
  UncleanAtlasTest() : AtlasTest{"config = { \"unclean.leader.election.enable\" = true }\n"} {}
};

TEST_F(UncleanAtlasTest, EverythingIsDemandedUntilAReplicaOutOfSyncLeads) {
  EXPECT_FALSE(excused(10));
  atlas.leads(id, NodeId{2}, at(20));
  EXPECT_TRUE(demanded()) << "it was in sync";
}

TEST_F(UncleanAtlasTest, AnUncleanElectionIsExcusedUntilTheLeaderOfBeforeKnowsOfIt) {
  view.view->recovering = true;
  atlas.leads(id, NodeId{2}, at(20));
  EXPECT_FALSE(demanded());
  view.deposed = true;
  atlas.look(at(21));
  EXPECT_TRUE(excused(22));
  view.deposed = false;
  atlas.look(at(23));
  EXPECT_TRUE(excused(22));
  EXPECT_FALSE(excused(23));
}

}  // namespace
}  // namespace squall::scenarios
