#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "tests/broker/replication/model_cluster.h"

namespace squall::broker::model {
namespace {

std::uint64_t first_seed() {
  const char* text = std::getenv("SQUALL_TEST_SEED");
  return text == nullptr ? 1 : std::strtoull(text, nullptr, 10);
}

void add(Counts& sum, const Counts& one) {
  sum.produced += one.produced;
  sum.acknowledged += one.acknowledged;
  sum.elections += one.elections;
  sum.truncations += one.truncations;
  sum.shrinks += one.shrinks;
  sum.expands += one.expands;
  sum.power_cuts += one.power_cuts;
  sum.late += one.late;
  sum.refused_asks += one.refused_asks;
  sum.compared += one.compared;
  sum.reassignments += one.reassignments;
  sum.under_min += one.under_min;
}

TEST(ReplicationModel, KeepsItsPromisesUnderRandomFaultsAndIsWholeAgainWhenTheyEnd) {
  constexpr std::uint64_t clusters = 3000;
  constexpr int steps = 10'000;
  Counts sum;
  const std::uint64_t base = first_seed() * 100'000;
  for (std::uint64_t seed = base; seed < base + clusters; ++seed) {
    Cluster cluster{seed, seed % 2 == 0 ? 3 : 4, seed % 3 == 0 ? 1 : 2};
    bool held = true;
    for (int step = 0; held && step < steps; ++step) held = cluster.step();
    held = held && cluster.heal();
    ASSERT_TRUE(held) << "seed " << seed << " " << cluster.failure() << " (SQUALL_TEST_SEED=" << first_seed() << ")";
    add(sum, cluster.counts());
  }
  RecordProperty("acknowledged", std::to_string(sum.acknowledged));
  // An empty run proves nothing.
  EXPECT_GT(sum.acknowledged, clusters * 20);
  EXPECT_GT(sum.elections, clusters * 5);
  EXPECT_GT(sum.truncations, clusters / 5);
  EXPECT_GT(sum.shrinks, clusters / 5);
  EXPECT_GT(sum.expands, clusters * 2);
  EXPECT_GT(sum.power_cuts, clusters);
  EXPECT_GT(sum.late, clusters);
  EXPECT_GT(sum.refused_asks, clusters / 2);
  EXPECT_GT(sum.reassignments, clusters / 5);
  EXPECT_GT(sum.under_min, clusters / 5);
  if (std::getenv("SQUALL_TEST_VERBOSE") != nullptr) {
    std::printf(
        "produced %lu acked %lu elections %lu truncations %lu shrinks %lu expands %lu cuts %lu late %lu refused %lu "
        "compared %lu reassigned %lu under-min %lu\n",
        sum.produced, sum.acknowledged, sum.elections, sum.truncations, sum.shrinks, sum.expands, sum.power_cuts, sum.late,
        sum.refused_asks, sum.compared, sum.reassignments, sum.under_min);
  }
}

}  // namespace
}  // namespace squall::broker::model
