#include "log/leader_epochs.h"

#include <gtest/gtest.h>

#include <map>

#include "base/random.h"

namespace squall::log {
namespace {

LeaderEpochs epochs_of(std::initializer_list<std::pair<int, std::int64_t>> entries) {
  LeaderEpochs epochs;
  for (const auto& [epoch, start] : entries) EXPECT_TRUE(epochs.assign(LeaderEpoch{epoch}, Offset{start}));
  return epochs;
}

void expect_end(const EpochEnd& end, int epoch, std::int64_t offset) {
  EXPECT_EQ(end.epoch, LeaderEpoch{epoch});
  EXPECT_EQ(end.end_offset, Offset{offset});
}

TEST(LeaderEpochs, AnEpochEndsWhereTheNextBegins) {
  const LeaderEpochs epochs = epochs_of({{2, 0}, {4, 10}, {7, 25}});
  expect_end(epochs.end_offset_for(LeaderEpoch{2}, Offset{30}), 2, 10);
  expect_end(epochs.end_offset_for(LeaderEpoch{4}, Offset{30}), 4, 25);
  expect_end(epochs.end_offset_for(LeaderEpoch{7}, Offset{30}), 7, 30);
}

TEST(LeaderEpochs, AnUnknownEpochIsAnsweredByTheLargestBelowIt) {  // KIP-279
  const LeaderEpochs epochs = epochs_of({{2, 0}, {4, 10}, {7, 25}});
  expect_end(epochs.end_offset_for(LeaderEpoch{3}, Offset{30}), 2, 10);
  expect_end(epochs.end_offset_for(LeaderEpoch{6}, Offset{30}), 4, 25);
  expect_end(epochs.end_offset_for(LeaderEpoch{1}, Offset{30}), 1, 0);
  expect_end(epochs.end_offset_for(LeaderEpoch{8}, Offset{30}), -1, -1);
  expect_end(epochs.end_offset_for(no_epoch, Offset{30}), -1, -1);
  expect_end(LeaderEpochs{}.end_offset_for(LeaderEpoch{0}, Offset{30}), -1, -1);
}

TEST(LeaderEpochs, ALaterWriteWinsOverEntriesThatContradictIt) {
  LeaderEpochs epochs = epochs_of({{2, 0}, {4, 10}, {7, 25}});
  EXPECT_FALSE(epochs.assign(LeaderEpoch{7}, Offset{30})) << "the epoch goes on";
  EXPECT_TRUE(epochs.assign(LeaderEpoch{5}, Offset{20}));
  EXPECT_EQ(epochs.entries().back(), (EpochStart{LeaderEpoch{5}, Offset{20}}));
  epochs.check_invariants();
}

TEST(LeaderEpochs, ItsTextIsKafkas) {  // docs/formats/checkpoints.md
  const LeaderEpochs epochs = epochs_of({{0, 0}, {3, 120}});
  EXPECT_EQ(epochs.to_text(), "0\n2\n0 0\n3 120\n");
  const auto again = LeaderEpochs::parse(epochs.to_text());
  ASSERT_TRUE(again.has_value());
  EXPECT_TRUE(std::ranges::equal(again->entries(), epochs.entries()));
}

TEST(LeaderEpochs, ATextThatMakesNoSenseIsRefused) {
  for (const char* text : {"", "0", "0\n", "0\n1", "1\n0\n", "0\n1\n", "0\n1\n3 x\n", "0\n2\n3 1\n", "0\n2\n3 1\n2 5\n",
                           "0\n1\n3 1\nrest\n", "0\n1\n-1 1\n", "0\n99999999\n", "0\n1\n3 12"}) {
    EXPECT_FALSE(LeaderEpochs::parse(text).has_value()) << text;
  }
}

// The oracle: the epoch of every offset.
TEST(LeaderEpochsProperty, TruncationAgreesWithATableOfEveryOffset) {
  Random random{11};
  for (int run = 0; run < 300; ++run) {
    LeaderEpochs epochs;
    std::map<std::int64_t, int> table;
    std::int64_t end = 0;
    std::int64_t start = 0;
    int epoch = 0;
    for (int step = 0; step < 30; ++step) {
      switch (random.below(4)) {
        case 0: epoch += 1 + static_cast<int>(random.below(3)); break;
        case 1: {
          const std::int64_t to = random.between(start, end);
          (void)epochs.truncate_from_end(Offset{to});
          table.erase(table.lower_bound(to), table.end());
          end = to;
          break;
        }
        case 2: {
          start = random.between(start, end);
          (void)epochs.truncate_from_start(Offset{start});
          table.erase(table.begin(), table.lower_bound(start));
          break;
        }
        default:
          for (std::uint64_t count = 1 + random.below(4); count > 0; --count) {
            if (LeaderEpoch{epoch} > epochs.latest()) (void)epochs.assign(LeaderEpoch{epoch}, Offset{end});
            table[end++] = epoch;
          }
      }
      epochs.check_invariants();
      for (const auto& [offset, expected] : table) ASSERT_EQ(epochs.at(Offset{offset}), LeaderEpoch{expected});
    }
  }
}

}  // namespace
}  // namespace squall::log
