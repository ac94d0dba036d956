#include "scenarios/run/serve_check.h"

#include <gtest/gtest.h>

namespace squall::scenarios {
namespace {

constexpr NodeId one{1};
constexpr NodeId two{2};
constexpr NodeId three{3};
const Uuid orders_id{1, 1};
const raft::NodeList everybody{one, two, three};

// Its first `count` partitions anew with that ISR, on top of what `before` has.
raft::MetadataImage with(raft::MetadataImage before, std::size_t count, const raft::NodeList& in_sync) {
  raft::TopicImage topic{.name = "orders", .id = orders_id, .partitions = {}};
  if (const auto known = before.find("orders")) topic = *known;
  for (std::size_t index = 0; index < count; ++index) {
    raft::PartitionImage partition;
    partition.replicas = everybody;
    partition.in_sync_replicas = in_sync;
    if (index < topic.partitions.size()) {
      topic.partitions.change(index) = std::move(partition);
    } else {
      topic.partitions.push_back(std::move(partition));
    }
  }
  const auto shared = std::make_shared<const raft::TopicImage>(std::move(topic));
  before.topics.set("orders", shared);
  before.topics_by_id.set(orders_id, shared);
  return before;
}

TEST(ServeCheckTest, APartitionIsServedWithEnoughLiveReplicasInSync) {
  ServeCheck check{std::vector<ServeCheck::Wanted>{{.topic = "orders", .in_sync = 2}}};
  const raft::MetadataImage whole = with({}, 100, {one, two, three});
  EXPECT_TRUE(check.all_served({}, {one})) << "what is not there lacks nothing";
  EXPECT_TRUE(check.all_served(whole, {one, two, three}));
  EXPECT_TRUE(check.all_served(whole, {three, one})) << "two are enough";
  EXPECT_FALSE(check.all_served(whole, {two})) << "nothing changed but who is live";
  EXPECT_TRUE(check.all_served(whole, {two, three}));
}

TEST(ServeCheckTest, ItFollowsThePartitionsThatChange) {
  ServeCheck check{std::vector<ServeCheck::Wanted>{{.topic = "orders", .in_sync = 2}}};
  const std::vector<NodeId> up{one, two, three};
  raft::MetadataImage image = with({}, 100, {one, two, three});
  EXPECT_TRUE(check.all_served(image, up));
  image = with(image, 3, {one});
  EXPECT_FALSE(check.all_served(image, up));
  image = with(image, 2, {one, two});
  EXPECT_FALSE(check.all_served(image, up)) << "the third still lacks one";
  image = with(image, 3, {one, two});
  EXPECT_TRUE(check.all_served(image, up));
  image = with(image, 101, {three});
  EXPECT_FALSE(check.all_served(image, up));
  image.topics.erase("orders");
  EXPECT_TRUE(check.all_served(image, up)) << "it is gone";
}

}  // namespace
}  // namespace squall::scenarios
