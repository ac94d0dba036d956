// Every interleaving of three voters: which message arrives next, which is lost, whose timer fires, who crashes and what its
// disk had, up to a depth, within budgets for the rare things. States that were seen with as much left to do are not seen
// again.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <unordered_map>
#include <vector>

#include "tests/raft/cluster.h"
#include "tests/raft/effort.h"

namespace squall::raft::testing {
namespace {

struct Budget {
  std::uint8_t timeouts = 0;
  std::uint8_t losses = 0;
  std::uint8_t crashes = 0;
  std::uint8_t proposals = 0;
};

class Explorer {
 public:
  // Every state within `depth` steps of `from`.
  void run(const Cluster& from, int depth, Budget budget) { visit(from, depth, budget); }

  std::uint64_t states = 0;
  std::uint64_t steps = 0;
  std::uint64_t elections = 0;  // leaders seen at the end of a path, the most
  std::size_t committed = 0;    // the same
  std::string failure;

 private:
  void visit(const Cluster& cluster, int depth, Budget budget) {
    if (!failure.empty()) return;
    const auto [first, second] = cluster.digest();
    const std::uint64_t spent = budget.timeouts + (std::uint64_t{budget.losses} << 8) + (std::uint64_t{budget.crashes} << 16) +
                                (std::uint64_t{budget.proposals} << 24);
    auto& left = seen_[first ^ (second + spent * 0x9e3779b97f4a7c15U)];
    if (left > depth) return;  // kept one higher: 0 is "never"
    if (left == 0) ++states;
    left = static_cast<std::int8_t>(depth + 1);
    elections = std::max(elections, static_cast<std::uint64_t>(cluster.memory().leaders.size()));
    committed = std::max(committed, cluster.memory().committed.size());
    if (depth == 0) return;
    messages(cluster, depth, budget);
    for (std::size_t i = 0; i < cluster.size(); ++i) nodes(cluster, i, depth, budget);
  }

  template <class Step>
  void after(const Cluster& cluster, int depth, Budget budget, Step step) {
    if (!failure.empty()) return;
    Cluster next = cluster;
    step(next);
    ++steps;
    if (next.failure()) {
      failure = *next.failure();
      return;
    }
    visit(next, depth - 1, budget);
  }

  void messages(const Cluster& cluster, int depth, Budget budget) {
    std::vector<std::uint64_t> done;
    for (std::size_t m = 0; m < cluster.bag().size(); ++m) {
      const Message& message = *cluster.bag()[m];
      if (std::ranges::find(done, message.digest) != done.end()) continue;
      done.push_back(message.digest);
      if (cluster.up(message.to)) after(cluster, depth, budget, [&](Cluster& next) { next.deliver(m); });
      if (budget.losses == 0) continue;
      Budget less = budget;
      --less.losses;
      after(cluster, depth, less, [&](Cluster& next) { next.fail(m); });
    }
  }

  void nodes(const Cluster& cluster, std::size_t i, int depth, Budget budget) {
    if (!cluster.up(i)) return after(cluster, depth, budget, [&](Cluster& next) { next.start(i); });
    if (!cluster.node(i).flushes.empty()) after(cluster, depth, budget, [&](Cluster& next) { next.flush(i); });
    if (budget.proposals > 0 && cluster.quorum(i).is_leader()) {
      Budget less = budget;
      --less.proposals;
      after(cluster, depth, less, [&](Cluster& next) { next.propose(i); });
    }
    if (budget.timeouts > 0) {
      Budget less = budget;
      --less.timeouts;
      after(cluster, depth, less, [&](Cluster& next) { next.tick(i, cluster.quorum(i).next_deadline()); });
      if (const auto* leader = std::get_if<Leader>(&cluster.quorum(i).role())) {
        after(cluster, depth, less, [&](Cluster& next) { next.tick(i, leader->check_quorum_deadline); });
      }
    }
    if (budget.crashes > 0) {
      Budget less = budget;
      --less.crashes;
      after(cluster, depth, less, [&](Cluster& next) { next.crash(i); });
      if (cluster.node(i).disk.flushed < cluster.node(i).disk.end()) {
        after(cluster, depth, less, [&](Cluster& next) { next.crash(i, 100); });
      }
    }
  }

  std::unordered_map<std::uint64_t, std::int8_t> seen_;
};

Cluster three_voters() {
  ClusterOptions options;
  options.voters = 3;
  options.adjust = [](QuorumConfig& config) {
    // Time is nothing here: a loss is told, a fetch never waits.
    config.request_timeout = std::chrono::hours{1};
    config.retry_backoff = Duration{0};
    config.fetch_wait_max = Duration{0};
    config.election_stagger_max = Duration{0};  // whoever's timer fires stands in the same step; all orders are tried anyway
  };
  return Cluster{options};
}

void expect_safe(const char* from, const Cluster& cluster, int depth, Budget budget) {
  Explorer explorer;
  explorer.run(cluster, depth, budget);
  EXPECT_EQ(explorer.failure, "") << from;
  fmt::print("{}: {} states, {} steps to depth {}, {} leaders and {} committed records at most\n", from, explorer.states,
             explorer.steps, depth, explorer.elections, explorer.committed);
}

// Node 1 leads epoch 1 with its first record committed everywhere, and one more that nobody has.
Cluster led_by_node_1() {
  Cluster cluster = three_voters();
  for (std::size_t i = 0; i < 3; ++i) cluster.start(i);
  cluster.tick(0, cluster.quorum(0).next_deadline());
  for (int i = 0; i < 60; ++i) {
    for (std::size_t n = 0; n < 3; ++n) {
      while (!cluster.node(n).flushes.empty()) cluster.flush(n);
    }
    cluster.deliver(0);
  }
  cluster.propose(0);
  return cluster;
}

TEST(Explore, ThreeVotersElectTheirFirstLeaderInEveryWay) {
  Cluster cluster = three_voters();
  for (std::size_t i = 0; i < 3; ++i) cluster.start(i);
  // They are alike: let the first timer be that of node 1.
  cluster.tick(0, cluster.quorum(0).next_deadline());
  expect_safe("cold start", cluster, explore_depth(10), {.timeouts = 1, .losses = 0, .crashes = 1, .proposals = 0});
}

TEST(Explore, ALeaderWithAnUncommittedRecordIsReplacedInEveryWay) {
  const Cluster cluster = led_by_node_1();
  ASSERT_FALSE(cluster.failure()) << *cluster.failure();
  ASSERT_TRUE(cluster.quorum(0).is_leader());
  ASSERT_EQ(cluster.memory().committed.size(), 1U);
  expect_safe("a leader at work", cluster, explore_depth(11), {.timeouts = 1, .losses = 0, .crashes = 1, .proposals = 1});
}

// Two candidates of one epoch, and one vote that decides: it must outlive its voter's crash.
TEST(Explore, AVoteSurvivesItsVoter) {
  Cluster cluster = three_voters();
  for (std::size_t i = 0; i < 3; ++i) cluster.start(i);
  for (std::size_t i = 0; i < 2; ++i) cluster.tick(i, cluster.quorum(i).next_deadline());
  const auto deliver_between = [&](std::size_t one, std::size_t other) {
    for (std::size_t m = 0; m < cluster.bag().size(); ++m) {
      const Message& message = *cluster.bag()[m];
      if ((message.from == one && message.to == other) || (message.from == other && message.to == one))
        return cluster.deliver(m);
    }
  };
  // Node 3 grants both pre-votes before it hears of the epoch that follows.
  for (std::size_t i = 0; i < 2; ++i) deliver_between(i, 2);
  for (std::size_t i = 0; i < 2; ++i) deliver_between(i, 2);
  for (std::size_t i = 0; i < 2; ++i) ASSERT_EQ(cluster.quorum(i).describe().substr(0, 17), "candidate epoch 1");
  expect_safe("two candidates", cluster, explore_depth(9), {.timeouts = 0, .losses = 0, .crashes = 1, .proposals = 0});
}

TEST(Explore, ALostRequestIsAskedAgainInEveryWay) {
  expect_safe("losses", led_by_node_1(), explore_depth(10), {.timeouts = 1, .losses = 2, .crashes = 0, .proposals = 0});
}

// The leader is gone with a record that one follower may have: Raft's figure 8 begins here.
TEST(Explore, AVoterReturnsWithARecordThatNobodyElseHas) {
  Cluster cluster = led_by_node_1();
  cluster.flush(0);
  cluster.crash(0);
  expect_safe("after the leader's crash", cluster, explore_depth(10),
              {.timeouts = 2, .losses = 0, .crashes = 1, .proposals = 1});
}

// Node 2 has a committed record in memory alone. If it asks for votes with it, loses it in a crash and asks again in the same
// epoch, node 3 has granted its vote already.
TEST(Explore, ACandidateLosesWhatItHadNotFlushed) {
  Cluster cluster = led_by_node_1();
  for (int i = 0; i < 40; ++i) {
    cluster.flush(0);
    cluster.flush(2);
    if (!cluster.bag().empty()) cluster.deliver(0);
  }
  ASSERT_EQ(cluster.memory().committed.size(), 2U);
  ASSERT_EQ(cluster.node(1).disk.end(), Offset{2});
  ASSERT_EQ(cluster.node(1).disk.flushed, Offset{1});
  cluster.crash(0);
  expect_safe("an unflushed tail", cluster, explore_depth(12), {.timeouts = 1, .losses = 0, .crashes = 1, .proposals = 0});
}

}  // namespace
}  // namespace squall::raft::testing
