// Three quorum nodes on three machines: what they promise, they keep, whatever becomes of the machines between.
#include <gtest/gtest.h>

#include <algorithm>

#include "protocol/record_batch_builder.h"
#include "tests/raft/shell/quorum_cluster.h"

namespace squall::raft {
namespace {

constexpr std::uint64_t seeds = 20;

class QuorumNodes : public testing::TestWithParam<std::uint64_t> {
 protected:
  // A cluster that is led and has committed records.
  void begin() {
    cluster.start_all();
    cluster.run_until_led();
    cluster.run_until([&] { return cluster.promised.size() > 20; }, "that records are committed");
  }
  void end() {
    cluster.simulation.network().heal_all();
    cluster.restart_all();
    cluster.expect_recovery();
    cluster.expect_promises_kept();
  }
  sim::Node& node(std::size_t index) { return *cluster.members[index].node; }
  // Another one leads than `old`.
  void run_until_taken_over(std::size_t old) {
    cluster.run_until(
        [&, old] {
          const std::size_t now = cluster.leader();
          return now != QuorumCluster::no_leader && now != old;
        },
        "another leader");
  }

  QuorumCluster cluster{GetParam()};
};

TEST_P(QuorumNodes, ElectALeaderAndCommit) {
  begin();
  cluster.run_for(10s);
  EXPECT_LE(cluster.leaders.size(), 3U) << "a quiet cluster has no need of elections";
  end();
}

TEST_P(QuorumNodes, SurviveThatTheLeaderIsKilled) {
  begin();
  for (int round = 0; round < 3; ++round) {
    cluster.run_until_led();
    const std::size_t old = cluster.leader();
    node(old).crash();
    run_until_taken_over(old);
    cluster.run_for(1s);
    node(old).restart();
  }
  end();
}

TEST_P(QuorumNodes, SurviveAPowerCutOfTheLeader) {
  begin();
  for (int round = 0; round < 3; ++round) {
    cluster.run_until_led();
    const std::size_t old = cluster.leader();
    node(old).power_cut();
    run_until_taken_over(old);
    cluster.run_for(1s);
    node(old).restart();
  }
  end();
}

TEST_P(QuorumNodes, SurviveAPowerCutOfAll) {
  begin();
  for (int round = 0; round < 3; ++round) {
    for (std::size_t index = 0; index < 3; ++index) node(index).power_cut();
    cluster.run_for(100ms);
    cluster.restart_all();
    cluster.run_until_led();
    cluster.run_for(2s);
  }
  end();
}

TEST_P(QuorumNodes, SurviveThatTheLeaderIsCutOff) {
  begin();
  cluster.run_until_led();
  const std::size_t old = cluster.leader();
  for (std::size_t other = 0; other < 3; ++other) {
    if (other != old) cluster.simulation.network().partition(node(old), node(other));
  }
  run_until_taken_over(old);
  cluster.run_for(10s);
  EXPECT_FALSE(cluster.members[old].quorum->leader() && cluster.members[old].quorum->leader()->self)
      << "who hears of no majority leads no more";
  end();
}

TEST_P(QuorumNodes, SurviveALeaderThatStandsStillForLongerThanAllTimeouts) {
  begin();
  for (int round = 0; round < 3; ++round) {
    cluster.run_until_led();
    const std::size_t old = cluster.leader();
    node(old).pause();
    cluster.run_until(
        [&, old] {
          return std::ranges::any_of(cluster.members, [&, old](const QuorumCluster::Member& one) {
            return one.node != cluster.members[old].node && one.quorum->core().is_leader();
          });
        },
        "another leader");
    cluster.run_for(5s);
    node(old).resume();
    cluster.run_for(2s);
  }
  end();
}

TEST_P(QuorumNodes, KeepTheirPromisesUnderFaultsThatAreDrawn) {
  begin();
  Random random{GetParam()};
  for (int round = 0; round < 25; ++round) {
    const std::size_t victim = random.below(3);
    const std::size_t other = (victim + 1 + random.below(2)) % 3;
    const bool running = node(victim).state() == sim::NodeState::running;
    switch (random.below(7)) {
      case 0:
        if (running) node(victim).crash();
        break;
      case 1:
        if (running) node(victim).power_cut();
        break;
      case 2: {
        const Duration pause = random.between(Duration{100ms}, Duration{8s});
        if (running && !node(victim).paused()) node(victim).pause(pause);
        break;
      }
      case 3: cluster.simulation.network().partition(node(victim), node(other)); break;
      case 4:
        cluster.simulation.network().partition(node(victim), node(other), sim::PartitionKind::black_hole, sim::Ways::one);
        break;
      case 5: cluster.simulation.network().reset_connections(node(victim), node(other)); break;
      default: cluster.simulation.network().heal_all(); break;
    }
    cluster.run_for(random.between(Duration{10ms}, Duration{2s}));
    if (random.chance(1, 2) && node(victim).state() != sim::NodeState::running) node(victim).restart();
  }
  end();
}

TEST_P(QuorumNodes, HandOverWhenTheLeaderIsStopped) {
  begin();
  const std::size_t old = cluster.leader();
  const Instant asked = cluster.simulation.now();
  node(old).request_stop();
  run_until_taken_over(old);
  EXPECT_LT(cluster.simulation.now() - asked, Duration{1s}) << "sooner than any time-out: EndQuorumEpoch said so";
  node(old).crash();
  end();
}

INSTANTIATE_TEST_SUITE_P(Seeds, QuorumNodes, testing::Range(std::uint64_t{1}, seeds + 1));

TEST(QuorumNode, AloneItLeadsAndCommits) {
  QuorumCluster cluster{1, 1};
  cluster.start_all();
  cluster.run_until([&] { return cluster.promised.size() > 20; }, "that records are committed", 5s);
  cluster.members[0].node->power_cut();
  cluster.run_for(10ms);
  cluster.restart_all();
  cluster.expect_recovery();
  cluster.expect_promises_kept();
}

TEST(QuorumNode, TheSameSeedRunsTheSameWay) {
  const auto run = [] {
    QuorumCluster cluster{7};
    cluster.start_all();
    cluster.run_for(5s);
    cluster.members[1].node->power_cut();
    cluster.run_for(5s);
    return std::pair{cluster.simulation.trace_hash(), cluster.promised.size()};
  };
  EXPECT_EQ(run(), run());
}

TEST(QuorumNode, AFailedSyncEndsTheNodeAndIsToldOnce) {
  QuorumCluster cluster{3};
  int told = 0;
  cluster.adjust = [&](QuorumNodeOptions& options) {
    options.on_failure = [&told, before = options.on_failure](std::string reason) {
      ++told;
      before(std::move(reason));
    };
  };
  cluster.start_all();
  cluster.run_until([&] { return cluster.promised.size() > 20; }, "that records are committed");
  const std::size_t victim = cluster.leader();
  cluster.members[victim].node->disk("/m").fail_next_syncs(1);
  cluster.run_until([&] { return cluster.members[victim].failure.has_value(); }, "the failure", 10s);
  EXPECT_EQ(told, 1);
  EXPECT_TRUE(cluster.members[victim].quorum->failed());
  cluster.run_until([&] { return cluster.leader() != victim && cluster.leader() != QuorumCluster::no_leader; },
                    "another leader");
  EXPECT_EQ(told, 1);
  cluster.members[victim].node->power_cut();
  cluster.run_for(100ms);
  cluster.restart_all();
  cluster.expect_recovery();
  cluster.expect_promises_kept();
}

TEST(QuorumNode, WhoAsksIsToldNothingWhenTheNodeStops) {
  QuorumCluster cluster{5};
  cluster.start_all();
  cluster.run_until([&] { return cluster.promised.size() > 20; }, "that records are committed");
  cluster.proposing = false;
  cluster.run_for(2s);
  QuorumCluster::Member& leader = cluster.members[cluster.leader()];
  bool answered = false;
  std::optional<QuorumAnswer> answer;
  leader.node->spawn("asks", [&, quorum = leader.quorum] {
    const Quorum& core = quorum->core();
    const FetchRequest parked{.replica = {},
                              .epoch = core.epoch(),
                              .position = core.log().last(),
                              .high_watermark = core.high_watermark(),
                              .wait_max = 1h};
    answer = quorum->ask(parked);
    answered = true;
  });
  cluster.run_for(1s);
  EXPECT_FALSE(answered) << "there is no news";
  leader.node->request_stop();
  cluster.run_until([&] { return answered; }, "an answer", 5s);
  // The leader that resigned said so, or the node that stopped said nothing.
  if (answer) {
    EXPECT_EQ(std::get<FetchResponse>(answer->body).error, ErrorCode::not_leader_or_follower);
  }
}

// Takes a snapshot of what the leader's state machine has read, and frees the log behind it. The offset of the snapshot.
Offset take_snapshot(QuorumCluster& cluster, std::size_t index) {
  const Offset offset = cluster.members[index].read;
  bool done = false;
  cluster.members[index].node->spawn("snapshot", [&, quorum = cluster.members[index].quorum] {
    const OffsetAndEpoch id{.epoch = quorum->core().log().epoch_before(offset), .offset = offset};
    const auto visit = [](const MetadataLog::RecordVisitor& with) {
      for (int i = 0; i < 100; ++i) with(protocol::FeatureLevelRecord{.name = "s" + std::to_string(i), .feature_level = 1});
    };
    const auto snapshot = quorum->log().create_snapshot(id, SnapshotHead{}, visit, 7);
    ASSERT_TRUE(snapshot.has_value()) << snapshot.error();
    ASSERT_TRUE(snapshot->has_value());
    quorum->tell(SnapshotCreated{**snapshot});
    const auto cleaned = quorum->log().clean({});
    ASSERT_TRUE(cleaned.has_value()) << cleaned.error();
    if (*cleaned) quorum->tell(**cleaned);
    done = true;
  });
  cluster.run_until([&] { return done; }, "a snapshot", 5s);
  return offset;
}

TEST(QuorumNode, ANodeWhoseDiskIsNewBeginsWithASnapshotInPieces) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE(seed);
    QuorumCluster cluster{seed};
    cluster.segment_bytes = 4000;
    cluster.adjust = [](QuorumNodeOptions& options) { options.fetch_bytes_max = 700; };
    cluster.start_all();
    cluster.run_until([&] { return cluster.promised.size() > 100; }, "that records are committed");
    const std::size_t leader = cluster.leader();
    const std::size_t late = (leader + 1) % 3;
    cluster.members[late].node->power_cut();
    const Offset offset = take_snapshot(cluster, leader);
    cluster.run_for(2s);
    cluster.members[late].node->disk("/m").wipe();
    cluster.members[late].node->restart();
    cluster.expect_recovery();
    const LogIndex& index = cluster.members[late].quorum->core().log();
    ASSERT_TRUE(index.latest_snapshot().has_value());
    EXPECT_EQ(index.latest_snapshot()->id.offset, offset);
    EXPECT_EQ(index.start(), offset);
    cluster.members[late].node->power_cut();
    cluster.run_for(100ms);
    cluster.restart_all();
    cluster.expect_recovery();
    cluster.expect_promises_kept();
  }
}

// Asks for a vote of node 0 for a candidate of epoch 5; the power is cut as soon as the answer is there.
bool granted_before_the_power_goes(QuorumCluster& cluster, std::int32_t candidate) {
  std::optional<QuorumAnswer> answer;
  sim::Node& node = *cluster.members[0].node;
  cluster.run_until([&] { return cluster.members[0].quorum != nullptr; }, "the node", 5s);
  node.spawn("candidate", [&, quorum = cluster.members[0].quorum] {
    answer = quorum->ask(VoteRequest{.voter = {.id = NodeId{0}},
                                     .epoch = LeaderEpoch{5},
                                     .candidate = {.id = NodeId{candidate}},
                                     .last = {LeaderEpoch{0}, Offset{0}}});
  });
  cluster.run_until([&] { return answer.has_value(); }, "an answer", 5s);
  node.power_cut();
  cluster.run_for(10ms);
  return answer && std::get<VoteResponse>(answer->body).granted;
}

TEST(QuorumNode, AVoteThatWasToldOutlivesAPowerCut) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    QuorumCluster cluster{seed};
    cluster.start(0);
    EXPECT_TRUE(granted_before_the_power_goes(cluster, 1));
    cluster.members[0].node->restart();
    EXPECT_FALSE(granted_before_the_power_goes(cluster, 2)) << "one vote an epoch";
    cluster.members[0].node->restart();
    EXPECT_TRUE(granted_before_the_power_goes(cluster, 1)) << "the same candidate may ask again";
  }
}

TEST(QuorumNode, AProposalForAnotherEpochIsRefused) {
  QuorumCluster cluster{6};
  cluster.start_all();
  cluster.run_until_led();
  for (QuorumCluster::Member& member : cluster.members) {
    protocol::RecordBatchBuilder builder;
    builder.start({});
    builder.append(1000, std::nullopt, as_bytes("value"));
    (void)builder.finish();
    EXPECT_FALSE(member.quorum->propose(member.quorum->core().epoch() + 1, builder.take(), 1).has_value());
  }
  cluster.run_for(1s);
  cluster.expect_promises_kept();
}

}  // namespace
}  // namespace squall::raft
