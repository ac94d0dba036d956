// The persistent containers against those of the standard library.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "raft/metadata/node_list.h"
#include "raft/metadata/partition_index.h"
#include "raft/metadata/persistent_map.h"
#include "raft/metadata/persistent_vector.h"

namespace squall::raft {
namespace {

using Map = PersistentMap<std::string, int>;
using Model = std::map<std::string, int>;

bool same(const Map& map, const Model& model) {
  if (map.size() != model.size() || !map.is_sound()) return false;
  return std::equal(map.begin(), map.end(), model.begin(),
                    [](const auto& a, const auto& b) { return a.first == b.first && a.second == b.second; });
}

TEST(PersistentMap, IsAnOrderedMapInEveryVersionEverTaken) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Random random{seed};
    const std::uint64_t keys = 1 + random.below(300);
    Map map;
    Model model;
    std::vector<std::pair<Map, Model>> versions;
    for (int step = 0; step < 1500; ++step) {
      const std::string key = std::to_string(random.below(keys));
      switch (random.below(4)) {
        case 0:
        case 1: {
          const int value = static_cast<int>(random.below(1000));
          map.set(key, value);
          model[key] = value;
          break;
        }
        case 2: EXPECT_EQ(map.erase(key), model.erase(key) == 1); break;
        default: {
          const auto at = map.lower_bound(key);
          const auto expected = model.lower_bound(key);
          ASSERT_EQ(at == map.end(), expected == model.end());
          if (expected != model.end()) {
            ASSERT_EQ(at->first, expected->first);
          }
          ASSERT_EQ(map.find(key) != map.end(), model.contains(key));
        }
      }
      if (random.chance(1, 50)) versions.emplace_back(map, model);
    }
    ASSERT_TRUE(same(map, model)) << seed;
    for (const auto& [old, expected] : versions) ASSERT_TRUE(same(old, expected)) << seed;
  }
}

TEST(PersistentMap, ComparesByContentAndCheaplyIfNothingChanged) {
  Map left;
  for (int i = 0; i < 100; ++i) left.set(std::to_string(i), i);
  Map right = left;
  EXPECT_TRUE(left.is_same_version(right));
  right.set("5", 6);
  EXPECT_FALSE(left == right);
  right.set("5", 5);
  EXPECT_FALSE(left.is_same_version(right));
  EXPECT_TRUE(left == right);
}

TEST(PersistentMap, WalksFromALowerBoundToTheEnd) {
  PersistentMap<int, int> map;
  for (int i = 0; i < 1000; i += 2) map.set(i, i);
  int expected = 500;
  for (auto at = map.lower_bound(499); at != map.end(); ++at, expected += 2) ASSERT_EQ(at->first, expected);
  EXPECT_EQ(expected, 1000);
}

TEST(PersistentVector, IsAVectorInEveryVersionEverTaken) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Random random{seed};
    PersistentVector<std::string> vector;
    std::vector<std::string> model;
    std::vector<std::pair<PersistentVector<std::string>, std::vector<std::string>>> versions;
    const std::uint64_t growth = 1 + random.below(4);
    for (int step = 0; step < 3000; ++step) {
      const std::string value = std::to_string(random.below(1000));
      if (model.empty() || random.below(4) < growth) {
        vector.push_back(value);
        model.push_back(value);
      } else {
        const std::size_t at = random.below(model.size());
        vector.change(at) = value;
        model[at] = value;
      }
      if (random.chance(1, 100)) versions.emplace_back(vector, model);
    }
    versions.emplace_back(vector, model);
    for (const auto& [old, expected] : versions) {
      ASSERT_EQ(old.size(), expected.size());
      ASSERT_TRUE(std::equal(old.begin(), old.end(), expected.begin())) << seed;
    }
  }
}

TEST(PersistentVector, TellsWhatTwoVersionsDoNotShare) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Random random{seed};
    PersistentVector<int> before;
    const std::uint64_t size = random.below(3000);
    for (std::uint64_t i = 0; i < size; ++i) before.push_back(static_cast<int>(i));
    PersistentVector<int> after = before;
    std::set<std::size_t> changed;
    for (std::uint64_t i = random.below(20); i > 0 && size > 0; --i) {
      const std::size_t index = random.below(size);
      after.change(index) = -1;
      changed.insert(index);
    }
    for (std::uint64_t i = random.below(10); i > 0; --i) {
      changed.insert(after.size());
      after.push_back(-1);
    }
    std::vector<std::size_t> visited;
    after.visit_unshared(before, [&](std::size_t index) { visited.push_back(index); });
    EXPECT_TRUE(std::ranges::is_sorted(visited));
    EXPECT_TRUE(std::ranges::includes(visited, changed)) << "seed " << seed;
    const bool grew_a_level = !visited.empty() && visited.size() == after.size();
    EXPECT_TRUE(grew_a_level || visited.size() <= 8 * changed.size() + 8) << "seed " << seed << ": the rest is shared";
    after.visit_unshared(after, [](std::size_t index) { FAIL() << index; });
  }
}

TEST(NodeList, HoldsFewInsideAndManyOutside) {
  for (std::int32_t count = 0; count <= 10; ++count) {
    std::vector<std::int32_t> ids;
    for (std::int32_t i = 0; i < count; ++i) ids.push_back(i * 7);
    const NodeList list = NodeList::of(ids);
    NodeList copy;
    copy = list;
    NodeList moved = std::move(copy);
    copy = moved;
    EXPECT_EQ(list.ids(), ids);
    EXPECT_EQ(moved.ids(), ids);
    EXPECT_TRUE(copy == list);
    EXPECT_EQ(list.contains(NodeId{14}), count > 2);
  }
}

TEST(PartitionIndex, IsASetOfPartitionsByRoleAndBroker) {
  Random random{3};
  PartitionIndex index;
  std::map<std::pair<PartitionRole, NodeId>, std::set<PartitionKey>> model;
  for (int step = 0; step < 20'000; ++step) {
    const auto role = static_cast<PartitionRole>(random.below(3));
    const NodeId broker{static_cast<std::int32_t>(random.below(4)) - 1};
    const std::uint64_t topic = random.below(5);
    const PartitionKey key{Uuid{1, topic}, static_cast<std::int32_t>(random.below(200))};
    if (random.chance(1, 2)) {
      index.add(role, broker, key);
      model[{role, broker}].insert(key);
    } else {
      index.remove(role, broker, key);
      model[{role, broker}].erase(key);
    }
  }
  for (const auto& [place, keys] : model) {
    std::vector<PartitionKey> walked;
    index.for_each(place.first, place.second, [&](PartitionKey key) { walked.push_back(key); });
    EXPECT_EQ(walked, std::vector<PartitionKey>(keys.begin(), keys.end()));
    EXPECT_EQ(index.count(place.first, place.second), keys.size());
    EXPECT_EQ(index.any(place.first, place.second), !keys.empty());
  }
}

}  // namespace
}  // namespace squall::raft
