// The checks that look into every node: each is shown what is right, and a violation made for it, which it must report.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "scenarios/checks/check_set.h"

namespace squall::scenarios {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Instant now{seconds{1}};

class ClusterChecksTest : public testing::Test {
 protected:
  // The names of the checks that found something.
  std::vector<std::string_view> broken() const {
    std::vector<std::string_view> names;
    for (const Finding& finding : set.findings()) names.push_back(finding.check);
    return names;
  }
  std::string what() const { return set.findings().empty() ? "" : set.findings().front().what; }

  CheckSet set{AvailabilityBounds{}};
  const ClusterChecks& checks = set.cluster();
};

// ---- one_leader_an_epoch ----

TEST_F(ClusterChecksTest, OneLeaderOfTheQuorumAnEpochIsRight) {
  checks.one_leader->quorum_leader("a", LeaderEpoch{1}, NodeId{101}, now);
  checks.one_leader->quorum_leader("b", LeaderEpoch{1}, NodeId{101}, now);
  checks.one_leader->quorum_leader("b", LeaderEpoch{2}, no_node, now);
  checks.one_leader->quorum_leader("b", LeaderEpoch{2}, NodeId{102}, now);
  checks.one_leader->quorum_leader("late", LeaderEpoch{1}, NodeId{101}, now);
  EXPECT_THAT(broken(), IsEmpty());
  EXPECT_EQ(checks.one_leader->compared(), 4U);
}

TEST_F(ClusterChecksTest, TwoLeadersOfTheQuorumInOneEpochAreFound) {
  checks.one_leader->quorum_leader("a", LeaderEpoch{1}, NodeId{101}, now);
  checks.one_leader->quorum_leader("b", LeaderEpoch{1}, NodeId{102}, now);
  EXPECT_THAT(broken(), ElementsAre("one_leader_an_epoch"));
}

TEST_F(ClusterChecksTest, TwoLeadersOfAPartitionInOneEpochAreFound) {
  checks.one_leader->partition_leader("orders-0", "id", LeaderEpoch{3}, NodeId{1}, now);
  checks.one_leader->partition_leader("orders-0", "id", LeaderEpoch{4}, NodeId{2}, now);
  checks.one_leader->partition_leader("orders-0", "id", LeaderEpoch{3}, NodeId{1}, now);
  checks.one_leader->partition_leader("orders-0", "made anew", LeaderEpoch{3}, NodeId{2}, now);
  checks.one_leader->partition_leader("orders-1", "id", LeaderEpoch{3}, NodeId{2}, now);
  EXPECT_THAT(broken(), IsEmpty());
  checks.one_leader->partition_leader("orders-0", "id", LeaderEpoch{3}, NodeId{2}, now);
  EXPECT_THAT(broken(), ElementsAre("one_leader_an_epoch"));
}

// ---- log_matching ----

CommittedBatchSeen batch(std::int64_t base, std::int64_t end, std::int32_t epoch, std::uint32_t crc = 7) {
  return {Offset{base}, Offset{end}, LeaderEpoch{epoch}, crc};
}

TEST_F(ClusterChecksTest, NodesThatReplayTheSameBatchesMatch) {
  for (const std::string_view node : {"a", "b"}) {
    checks.log_matching->replayed(node, batch(0, 3, 1), now);
    checks.log_matching->replayed(node, batch(3, 4, 1), now);
  }
  checks.log_matching->loaded("c", Offset{4}, LeaderEpoch{1}, now);
  checks.log_matching->loaded("ahead", Offset{9}, LeaderEpoch{2}, now);
  checks.log_matching->replayed("in the middle", batch(1, 3, 1), now);
  EXPECT_THAT(broken(), IsEmpty());
  EXPECT_EQ(checks.log_matching->compared(), 4U);
}

struct OtherBatch {
  std::string_view name;
  CommittedBatchSeen seen;
};
class LogMatchingTest : public ClusterChecksTest, public testing::WithParamInterface<OtherBatch> {};

TEST_P(LogMatchingTest, AnotherBatchAtACommittedOffsetIsFound) {
  checks.log_matching->replayed("a", batch(0, 3, 1), now);
  checks.log_matching->replayed("a", batch(3, 6, 2), now);
  checks.log_matching->replayed("b", GetParam().seen, now);
  EXPECT_THAT(broken(), ElementsAre("log_matching")) << what();
}

INSTANTIATE_TEST_SUITE_P(Rows, LogMatchingTest,
                         testing::Values(OtherBatch{"OtherEpoch", batch(3, 6, 3)}, OtherBatch{"OtherBytes", batch(3, 6, 2, 8)},
                                         OtherBatch{"Shorter", batch(3, 5, 2)}, OtherBatch{"Longer", batch(3, 7, 2)},
                                         OtherBatch{"OverBoth", batch(2, 6, 2)},
                                         OtherBatch{"RestOfAnother", batch(4, 6, 2, 8)}),
                         [](const auto& row) { return std::string{row.param.name}; });

TEST_F(ClusterChecksTest, ASnapshotOfAnotherEpochIsFound) {
  checks.log_matching->replayed("a", batch(0, 3, 1), now);
  checks.log_matching->loaded("b", Offset{3}, LeaderEpoch{2}, now);
  EXPECT_THAT(broken(), ElementsAre("log_matching"));
}

// ---- files of logs ----

ReplicaContent content(std::string node, std::int64_t start, std::int64_t high_watermark, std::vector<StoredBatch> batches) {
  return {std::move(node), Offset{start}, Offset{high_watermark}, std::move(batches)};
}
StoredBatch stored(std::int64_t base, std::int64_t end, std::uint64_t digest) { return {Offset{base}, Offset{end}, digest}; }

TEST(ReplicaContents, AreComparedFromTheLargestStartToTheSmallestHighWatermark) {
  const std::vector<ReplicaContent> same{
      content("a", 0, 9, {stored(0, 2, 1), stored(2, 5, 2), stored(5, 9, 3)}),
      content("b", 3, 5, {stored(2, 5, 2), stored(5, 7, 99)}),
      content("c", 0, 6, {stored(0, 2, 77), stored(2, 5, 2)}),
  };
  const ContentComparison found = compare_contents(same);
  EXPECT_FALSE(found.difference.has_value()) << *found.difference;
  EXPECT_EQ(found.batches, 2U) << "one batch with each of the others";
}

struct OtherContent {
  std::string_view name;
  std::vector<StoredBatch> batches;
};
class ReplicaContentsTest : public testing::TestWithParam<OtherContent> {};

TEST_P(ReplicaContentsTest, ADifferenceBelowTheHighWatermarksIsFound) {
  const std::vector<ReplicaContent> replicas{content("a", 0, 9, {stored(0, 2, 1), stored(2, 5, 2), stored(5, 9, 3)}),
                                             content("b", 0, 9, GetParam().batches)};
  EXPECT_TRUE(compare_contents(replicas).difference.has_value());
}

INSTANTIATE_TEST_SUITE_P(Rows, ReplicaContentsTest,
                         testing::Values(OtherContent{"OtherBytes", {stored(0, 2, 1), stored(2, 5, 9), stored(5, 9, 3)}},
                                         OtherContent{"TooShort", {stored(0, 2, 1), stored(2, 5, 2)}},
                                         OtherContent{"AHole", {stored(0, 2, 1), stored(5, 9, 3)}},
                                         OtherContent{"LacksTheFirst", {stored(2, 5, 2), stored(5, 9, 3)}},
                                         OtherContent{"AnOffsetTwice",
                                                      {stored(0, 2, 1), stored(2, 5, 2), stored(2, 5, 2), stored(5, 9, 3)}},
                                         OtherContent{"Nothing", {}}),
                         [](const auto& row) { return std::string{row.param.name}; });

TEST_F(ClusterChecksTest, DifferentFilesAreFoundOfMetadataAndOfPartitions) {
  const std::vector<ReplicaContent> differ{content("a", 0, 2, {stored(0, 2, 1)}), content("b", 0, 2, {stored(0, 2, 8)})};
  checks.log_matching->files(differ, now);
  checks.replicas_equal->compare("orders/0", differ, now);
  EXPECT_THAT(broken(), ElementsAre("log_matching", "replicas_equal"));
}

TEST_F(ClusterChecksTest, WhoIsInSyncHasEverythingBelowTheHighWatermark) {
  checks.replicas_equal->in_sync("orders/0", "a", Offset{7}, Offset{7}, now);
  EXPECT_THAT(broken(), IsEmpty());
  checks.replicas_equal->in_sync("orders/0", "b", Offset{6}, Offset{7}, now);
  EXPECT_THAT(broken(), ElementsAre("replicas_equal"));
}

// ---- committed_never_truncated ----

TEST_F(ClusterChecksTest, OnlyWhatWasNotReplayedMayBeCutOffAMetadataLog) {
  checks.never_truncated->replayed("a", Offset{10});
  checks.never_truncated->replayed("b", Offset{12});
  checks.never_truncated->truncated("a", Offset{10}, now);
  checks.never_truncated->truncated("c", Offset{3}, now);
  EXPECT_THAT(broken(), IsEmpty());
  checks.never_truncated->truncated("b", Offset{11}, now);
  EXPECT_THAT(broken(), ElementsAre("committed_never_truncated"));
}

TEST_F(ClusterChecksTest, ADiskThatWasWipedHasNothingToKeep) {
  checks.never_truncated->replayed("a", Offset{10});
  checks.never_truncated->forget("a");
  checks.never_truncated->truncated("a", Offset{4}, now);
  EXPECT_THAT(broken(), IsEmpty());
}

// ---- leader_completeness ----

struct NewLeader {
  std::string_view name;
  std::int64_t log_end;
  std::int32_t epoch_of_last;
  bool right;
};
class LeaderCompletenessTest : public ClusterChecksTest, public testing::WithParamInterface<NewLeader> {};

TEST_P(LeaderCompletenessTest, ANewLeaderHasWhatWasCommitted) {
  checks.completeness->replayed(Offset{10}, LeaderEpoch{2});
  checks.completeness->high_watermark(Offset{12});
  const auto epoch_before = [](Offset) { return LeaderEpoch{GetParam().epoch_of_last}; };
  checks.completeness->elected("a", LeaderEpoch{3}, Offset{GetParam().log_end}, epoch_before, now);
  EXPECT_EQ(broken().empty(), GetParam().right) << what();
}

INSTANTIATE_TEST_SUITE_P(Rows, LeaderCompletenessTest,
                         testing::Values(NewLeader{"HasAll", 12, 2, true}, NewLeader{"HasMore", 14, 2, true},
                                         NewLeader{"LacksTheLast", 11, 2, false}, NewLeader{"HasAnother", 12, 1, false}),
                         [](const auto& row) { return std::string{row.param.name}; });

// ---- high_watermark_monotonic ----

TEST_F(ClusterChecksTest, TheHighWatermarkOfAReplicaOnlyRises) {
  HighWatermarkMonotonic& check = *checks.high_watermarks;
  check.moved(0, "a", "orders-0", Offset{5}, now);
  check.moved(1, "b", "orders-0", Offset{3}, now);
  check.moved(0, "a", "orders-0", Offset{6}, now);
  check.removed(0, "orders-0");
  check.moved(0, "a", "orders-0", Offset{1}, now);
  check.started(1);
  check.moved(1, "b", "orders-0", Offset{2}, now);
  EXPECT_THAT(broken(), IsEmpty());
  check.moved(0, "a", "orders-0", Offset{0}, now);
  EXPECT_THAT(broken(), ElementsAre("high_watermark_monotonic"));
}

struct Cut {
  std::string_view name;
  std::int64_t end;
  std::int64_t high_watermark;
  std::int64_t log_start;
  std::int64_t excused_from;
  bool right;
};
class TruncationTest : public ClusterChecksTest, public testing::WithParamInterface<Cut> {};

TEST_P(TruncationTest, NothingBelowTheHighWatermarkIsCutOff) {
  const Cut& row = GetParam();
  checks.high_watermarks->truncated(0, "a", "orders-0",
                                    {.end = Offset{row.end},
                                     .high_watermark = Offset{row.high_watermark},
                                     .log_start = Offset{row.log_start},
                                     .excused_from = row.excused_from},
                                    now);
  EXPECT_EQ(broken().empty(), row.right) << what();
}

INSTANTIATE_TEST_SUITE_P(Rows, TruncationTest,
                         testing::Values(Cut{"AtTheHighWatermark", 5, 5, 0, INT64_MAX, true},
                                         Cut{"Above", 7, 5, 0, INT64_MAX, true}, Cut{"Below", 4, 5, 0, INT64_MAX, false},
                                         Cut{"BelowButExcused", 4, 5, 0, 4, true}, Cut{"BelowWhatIsExcused", 3, 5, 0, 4, false},
                                         Cut{"AnEmptyLogBeginsEarlier", 3, 5, 5, INT64_MAX, true}),
                         [](const auto& row) { return std::string{row.param.name}; });

TEST_F(ClusterChecksTest, AHighWatermarkGoesOnFromWhereATruncationLeftIt) {
  HighWatermarkMonotonic& check = *checks.high_watermarks;
  check.moved(0, "a", "orders-0", Offset{5}, now);
  check.truncated(0, "a", "orders-0",
                  {.end = Offset{8}, .high_watermark = Offset{5}, .log_start = Offset{0}, .excused_from = INT64_MAX}, now);
  check.moved(0, "a", "orders-0", Offset{6}, now);
  EXPECT_THAT(broken(), IsEmpty());
}

// ---- metadata_linearizable ----

TEST_F(ClusterChecksTest, TopicsThatAreCreatedAndDeletedInTurnAreRight) {
  MetadataLinearizable& check = *checks.linearizable;
  check.judge_refusals(now);
  check.done("t", TopicChange::create, now);
  check.refused("t", TopicChange::create, now, now);
  check.done("t", TopicChange::remove, now);
  check.refused("t", TopicChange::remove, now, now);
  check.done("t", TopicChange::create, now);
  EXPECT_THAT(broken(), IsEmpty());
  EXPECT_EQ(check.compared(), 4U);
}

TEST_F(ClusterChecksTest, ATopicThatIsCreatedTwiceOrDeletedTwiceIsFound) {
  MetadataLinearizable& check = *checks.linearizable;
  check.done("t", TopicChange::create, now);
  check.done("t", TopicChange::create, now);
  check.done("u", TopicChange::remove, now);
  check.done("u", TopicChange::remove, now);
  EXPECT_THAT(broken(), ElementsAre("metadata_linearizable", "metadata_linearizable"));
}

TEST_F(ClusterChecksTest, ALostAnswerExplainsWhatComesLater) {
  MetadataLinearizable& check = *checks.linearizable;
  check.unanswered("t", TopicChange::remove);
  check.done("t", TopicChange::create, now);
  check.done("t", TopicChange::create, now);
  check.unanswered("u", TopicChange::create);
  check.done("u", TopicChange::remove, now);
  check.done("u", TopicChange::remove, now);
  EXPECT_THAT(broken(), IsEmpty());
}

TEST_F(ClusterChecksTest, RefusalsAreJudgedOnceNoDeposedControllerCanGiveThem) {
  MetadataLinearizable& check = *checks.linearizable;
  check.done("t", TopicChange::remove, now);
  check.refused("t", TopicChange::create, now, now);
  check.judge_refusals(now + seconds{10});
  check.refused("t", TopicChange::create, now + seconds{9}, now + seconds{11});
  EXPECT_THAT(broken(), IsEmpty());
  check.refused("t", TopicChange::create, now + seconds{10}, now + seconds{11});
  check.done("u", TopicChange::create, now);
  check.refused("u", TopicChange::remove, now + seconds{10}, now + seconds{11});
  EXPECT_THAT(broken(), ElementsAre("metadata_linearizable", "metadata_linearizable"));
}

// ---- metadata_durable on every node ----

class FakeNode final : public MetadataDurable::NodeView {
 public:
  std::optional<std::int32_t> partitions(const std::string& topic) const override {
    const auto found = topics.find(topic);
    return found == topics.end() ? std::nullopt : std::optional{found->second};
  }
  std::optional<std::string> config(const std::string&, const std::string&) const override { return retention; }
  std::map<std::string, std::int32_t> topics;
  std::optional<std::string> retention;
};

struct NodeHas {
  std::string_view name;
  std::map<std::string, std::int32_t> topics;
  std::string retention;
  bool right;
};
class DurableOnNodesTest : public ClusterChecksTest, public testing::WithParamInterface<NodeHas> {};

TEST_P(DurableOnNodesTest, AcknowledgedChangesAreOnEveryNode) {
  MetadataDurable& check = set.metadata();
  check.created("kept", 3);
  check.configured("kept", "retention.ms", "77");
  check.created("gone", 1);
  check.deleted("gone");
  check.created("asked", 1);
  check.uncertain("asked");
  FakeNode node;
  node.topics = GetParam().topics;
  node.retention = GetParam().retention;
  check.replayed("a", node, now);
  EXPECT_EQ(broken().empty(), GetParam().right) << what();
  EXPECT_EQ(check.compared(), 3U);
}

INSTANTIATE_TEST_SUITE_P(Rows, DurableOnNodesTest,
                         testing::Values(NodeHas{"All", {{"kept", 3}}, "77", true},
                                         NodeHas{"WhatIsNotCertain", {{"kept", 3}, {"asked", 9}}, "77", true},
                                         NodeHas{"LacksATopic", {}, "77", false},
                                         NodeHas{"HasADeletedOne", {{"kept", 3}, {"gone", 1}}, "77", false},
                                         NodeHas{"OtherPartitions", {{"kept", 2}}, "77", false},
                                         NodeHas{"OtherConfig", {{"kept", 3}}, "76", false}),
                         [](const auto& row) { return std::string{row.param.name}; });

// ---- replayed_equally, recovers ----

// One topic, "orders", with one partition on the brokers 1 and 2.
raft::MetadataImage image(NodeId leader, std::vector<NodeId> in_sync, bool fenced = false, std::int64_t end = 10) {
  raft::PartitionImage partition;
  partition.replicas = {NodeId{1}, NodeId{2}};
  partition.in_sync_replicas = raft::NodeList{std::span<const NodeId>{in_sync}};
  partition.leader = leader;
  auto topic = std::make_shared<raft::TopicImage>();
  topic->name = "orders";
  topic->id = Uuid{1, 1};
  topic->partitions.push_back(partition);
  raft::MetadataImage made;
  made.topics.set("orders", topic);
  for (const std::int32_t id : {1, 2}) {
    raft::BrokerImage broker;
    broker.id = NodeId{id};
    broker.fenced = fenced && id == 2;
    made.brokers.set(NodeId{id}, broker);
  }
  made.end_offset = Offset{end};
  return made;
}
Recovers::Image shared(raft::MetadataImage made) { return std::make_shared<const raft::MetadataImage>(std::move(made)); }

const std::vector<NodeId> both{NodeId{1}, NodeId{2}};

TEST_F(ClusterChecksTest, EqualImagesAtEqualOffsetsAreRight) {
  raft::MetadataImage empty;
  const std::vector<NodeImage> images{{"a", shared(empty)}, {"b", shared(empty)}};
  checks.replayed_equally->compare(images, now);
  EXPECT_THAT(broken(), IsEmpty()) << what();
  EXPECT_EQ(checks.replayed_equally->compared(), 2U);
}

TEST_F(ClusterChecksTest, ImagesThatDifferAtOneOffsetAreFound) {
  raft::MetadataImage one;
  raft::MetadataImage other;
  other.next_producer_id = 1000;
  raft::MetadataImage later = other;
  later.end_offset = Offset{1};
  checks.replayed_equally->compare(std::vector<NodeImage>{{"a", shared(one)}, {"later", shared(later)}}, now);
  EXPECT_THAT(broken(), IsEmpty()) << what();
  checks.replayed_equally->compare(std::vector<NodeImage>{{"a", shared(one)}, {"b", shared(other)}}, now);
  EXPECT_THAT(broken(), ElementsAre("replayed_equally"));
}

TEST_F(ClusterChecksTest, AnImageThatContradictsItselfIsFound) {
  checks.replayed_equally->compare(std::vector<NodeImage>{{"a", shared(image(NodeId{3}, both))}}, now);
  EXPECT_THAT(broken(), ElementsAre("replayed_equally"));
}

TEST_F(ClusterChecksTest, AClusterRecoversWhenEveryPartitionHasHadItsFullIsr) {
  Recovers& check = *checks.recovers;
  check.healed(both, {}, now);
  check.look(shared(image(NodeId{1}, {NodeId{1}})), now + seconds{1});
  EXPECT_FALSE(check.recovered());
  check.look(shared(image(NodeId{1}, both)), now + seconds{3});
  EXPECT_TRUE(check.recovered());
  EXPECT_EQ(check.took(), seconds{3});
  check.look(shared(image(no_node, {NodeId{1}})), now + seconds{4});
  check.out_of_time(now + seconds{5});
  EXPECT_THAT(broken(), IsEmpty()) << what();
  EXPECT_EQ(check.compared(), 3U) << "a partition and two brokers";
}

struct Stuck {
  std::string_view name;
  NodeId leader;
  std::vector<NodeId> in_sync;
  bool fenced;
  std::string_view says;
};
class StuckTest : public ClusterChecksTest, public testing::WithParamInterface<Stuck> {};

TEST_P(StuckTest, ARunThatIsStuckSaysWhich) {
  Recovers& check = *checks.recovers;
  check.healed(both, {}, now);
  check.look(shared(image(GetParam().leader, GetParam().in_sync, GetParam().fenced)), now);
  check.out_of_time(now + seconds{40});
  EXPECT_THAT(broken(), ElementsAre("recovers"));
  EXPECT_THAT(what(), HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    Rows, StuckTest,
    testing::Values(Stuck{"NoLeader", no_node, both, false, "orders/0 has leader -1"},
                    Stuck{"SmallIsr", NodeId{1}, {NodeId{1}}, false, "orders/0 has leader 1 and ISR [1] of replicas [1, 2]"},
                    Stuck{"FencedBroker", NodeId{1}, both, true, "broker 2 is still fenced"}),
    [](const auto& row) { return std::string{row.param.name}; });

TEST_F(ClusterChecksTest, PartitionsOfDamagedServersAreNotWaitedFor) {
  Recovers& check = *checks.recovers;
  check.healed(both, {NodeId{2}}, now);
  check.look(shared(image(NodeId{1}, {NodeId{1}})), now);
  EXPECT_TRUE(check.recovered());
}

TEST_F(ClusterChecksTest, AClusterWithoutAnyMetadataHasNotRecovered) {
  checks.recovers->healed(both, {}, now);
  checks.recovers->look(nullptr, now);
  checks.recovers->out_of_time(now + seconds{40});
  EXPECT_THAT(broken(), ElementsAre("recovers"));
}

}  // namespace
}  // namespace squall::scenarios
