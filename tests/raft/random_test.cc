// Random steps of some voters and two more nodes that join and leave them: everything that may happen, in any order.
#include "base/random.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "tests/raft/cluster.h"
#include "tests/raft/effort.h"

namespace squall::raft::testing {
namespace {

struct Chaos {
  // In a thousand steps; what is left are deliveries.
  std::uint64_t ticks = 40;
  std::uint64_t flushes = 200;
  std::uint64_t proposals = 30;
  std::uint64_t losses = 10;
  std::uint64_t failures = 15;
  std::uint64_t repeats = 10;
  std::uint64_t crashes = 3;
  std::uint64_t starts = 8;
  std::uint64_t snapshots = 4;
  std::uint64_t voter_changes = 5;
  std::uint64_t resignations = 1;
};

class Driver {
 public:
  Driver(Cluster& cluster, Random random, const Chaos& chaos) : cluster_{cluster}, random_{random}, chaos_{chaos} {}

  void step() {
    auto draw = random_.below(1000);
    const auto chosen = [&](std::uint64_t weight) {
      const bool yes = draw < weight;
      draw -= yes ? 0 : weight;
      return yes;
    };
    const std::size_t node = random_.below(cluster_.size());
    if (chosen(chaos_.ticks)) return tick(node);
    if (chosen(chaos_.flushes)) return disk(node);
    if (chosen(chaos_.proposals)) return propose();
    if (chosen(chaos_.losses)) return with_message([&](std::size_t m) { cluster_.drop(m); });
    if (chosen(chaos_.failures)) return with_message([&](std::size_t m) { cluster_.fail(m); });
    if (chosen(chaos_.repeats)) return with_message([&](std::size_t m) { cluster_.deliver(m, true); });
    if (chosen(chaos_.crashes)) return crash(node);
    if (chosen(chaos_.starts)) return cluster_.start(node);
    if (chosen(chaos_.snapshots)) return snapshot(node);
    if (chosen(chaos_.voter_changes)) return change_voters(node);
    if (chosen(chaos_.resignations)) {
      if (cluster_.up(node)) cluster_.step(node, ResignRequested{cluster_.quorum(node).epoch()});
      return;
    }
    // Mostly in order, sometimes not.
    with_message([&](std::size_t m) { cluster_.deliver(random_.chance(1, 4) ? m : 0); });
  }

 private:
  template <class F>
  void with_message(F act) {
    if (cluster_.bag().empty()) return tick(random_.below(cluster_.size()));
    const std::size_t message = random_.below(cluster_.bag().size());
    act(message);
  }

  void tick(std::size_t node) {
    if (!cluster_.up(node)) return;
    const Instant now = cluster_.node(node).now;
    const Instant due = cluster_.quorum(node).next_deadline();
    if (due == end_of_time) return;
    // Now and then the whole process sleeps past every deadline.
    const auto late = random_.chance(1, 10) ? std::chrono::milliseconds{random_.below(5000)} : std::chrono::milliseconds{0};
    cluster_.tick(node, std::max(now, due) + late);
  }

  void disk(std::size_t node) {
    if (cluster_.up(node) && cluster_.node(node).finishing) return cluster_.snapshot_ready(node);
    cluster_.flush(node);
  }

  void propose() {
    for (std::size_t i = 0; i < cluster_.size(); ++i) {
      if (cluster_.up(i) && cluster_.quorum(i).is_leader()) {
        const auto count = static_cast<std::int32_t>(1 + random_.below(3));
        cluster_.propose(i, count);
      }
    }
  }

  void crash(std::size_t node) {
    const std::size_t kept = random_.below(4);
    cluster_.crash(node, kept);
  }

  void snapshot(std::size_t node) {
    cluster_.snapshot(node);
    if (random_.chance(1, 2)) cluster_.clean(node);
  }

  void change_voters(std::size_t node) {
    for (std::size_t i = 0; i < cluster_.size(); ++i) {
      if (!cluster_.up(i) || !cluster_.quorum(i).is_leader()) continue;
      const ReplicaKey key = cluster_.node(node).config.local;
      if (cluster_.quorum(i).voters().is_voter(key)) {
        // Mostly keep enough voters that something can be lost.
        if (cluster_.quorum(i).voters().size() > 3 || random_.chance(1, 5)) cluster_.ask(i, RemoveVoterRequest{key});
      } else {
        cluster_.ask(i, AddVoterRequest{key, cluster_.node(node).config.endpoints, true});
      }
    }
  }

  Cluster& cluster_;
  Random random_;
  Chaos chaos_;
};

std::uint64_t test_seed() {
  const char* text = std::getenv("SQUALL_TEST_SEED");
  return text == nullptr ? 1 : std::strtoull(text, nullptr, 10);
}

struct Totals {
  std::uint64_t elections = 0;
  std::uint64_t committed = 0;
  std::uint64_t voter_changes = 0;
  std::uint64_t installed = 0;
  std::uint64_t truncations = 0;
};

// `steps` at random, then all is well and the cluster must be too.
void run(std::uint64_t seed, std::size_t voters, std::uint64_t steps, std::int16_t version, const Chaos& chaos,
         Totals& totals) {
  ClusterOptions options{
      .voters = voters, .observers = 2, .kraft_version = version, .seed = seed, .adjust = {}, .torn_installs = 4};
  options.adjust = [&](QuorumConfig& config) { config.auto_join = seed % 3 == 0; };
  Cluster cluster{options};
  if (std::getenv("SQUALL_TEST_STORY") != nullptr) cluster.keep_story();
  const Random random{seed};
  Driver driver{cluster, random.fork("driver"), chaos};
  for (std::size_t i = 0; i < cluster.size(); ++i) cluster.start(i);
  for (std::uint64_t i = 0; i < steps && !cluster.failure(); ++i) driver.step();
  ASSERT_FALSE(cluster.failure()) << *cluster.failure() << ", seed " << seed << "\n" << cluster.story();

  cluster.heal(20'000);
  const std::size_t before = cluster.memory().committed.size();
  std::size_t leaders = 0;
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    if (!cluster.quorum(i).is_leader()) continue;
    ++leaders;
    cluster.propose(i);
  }
  cluster.heal(500);
  ASSERT_FALSE(cluster.failure()) << *cluster.failure() << ", seed " << seed << "\n" << cluster.story();
  ASSERT_EQ(leaders, 1U) << "seed " << seed << "\n" << cluster.story();
  ASSERT_GT(cluster.memory().committed.size(), before) << "seed " << seed << "\n" << cluster.story();
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    ASSERT_EQ(cluster.quorum(i).high_watermark().value(), static_cast<std::int64_t>(cluster.memory().committed.size()))
        << "node " << i + 1 << ", seed " << seed << "\n"
        << cluster.story();
  }
  totals.elections += cluster.memory().elections;
  totals.committed += cluster.memory().committed.size();
  totals.voter_changes += cluster.memory().voter_changes;
  totals.installed += cluster.memory().snapshots_installed;
  totals.truncations += cluster.memory().truncations;
}

void run_many(std::size_t voters, std::int16_t version, std::uint64_t runs, std::uint64_t steps, const Chaos& chaos,
              Totals& totals) {
  for (std::uint64_t i = 0; i < runs; ++i) {
    run(test_seed() * 10'000 + i, voters, steps, version, chaos, totals);
    if (::testing::Test::HasFatalFailure()) return;
  }
  fmt::print("{} elections, {} records committed, {} changes of voters, {} snapshots installed, {} truncations\n",
             totals.elections, totals.committed, totals.voter_changes, totals.installed, totals.truncations);
}

TEST(RandomSteps, FiveVotersThatComeAndGoStaySafeForAMillionSteps) {
  Totals totals;
  run_many(5, dynamic_voters_version, 100, random_steps(10'000), {}, totals);
  if (::testing::Test::HasFatalFailure()) return;
  // An empty run cannot pass.
  EXPECT_GT(totals.elections, 200U);
  EXPECT_GT(totals.committed, 1'000U);
  EXPECT_GT(totals.voter_changes, 20U);
  EXPECT_GT(totals.installed, 20U);
  EXPECT_GT(totals.truncations, 20U);
}

// Where each removal takes a good part of the majority, and leaders remove themselves.
TEST(RandomSteps, OneToThreeVotersThatComeAndGoStaySafe) {
  for (const std::size_t voters : {1U, 2U, 3U}) {
    Totals totals;
    run_many(voters, dynamic_voters_version, 30, random_steps(10'000), {}, totals);
    if (::testing::Test::HasFatalFailure()) return;
    EXPECT_GT(totals.voter_changes, 20U);
  }
}

TEST(RandomSteps, FiveStaticVotersUnderManyCrashesStaySafe) {
  Totals totals;
  const Chaos chaos{.ticks = 60,
                    .flushes = 120,
                    .proposals = 60,
                    .losses = 20,
                    .failures = 25,
                    .repeats = 20,
                    .crashes = 10,
                    .starts = 40,
                    .snapshots = 5,
                    .voter_changes = 1,
                    .resignations = 2};
  run_many(5, static_voters_version, 60, random_steps(5'000), chaos, totals);
  if (::testing::Test::HasFatalFailure()) return;
  EXPECT_GT(totals.elections, 100U);
  EXPECT_GT(totals.committed, 500U);
  EXPECT_GT(totals.truncations, 10U);
}

}  // namespace
}  // namespace squall::raft::testing
