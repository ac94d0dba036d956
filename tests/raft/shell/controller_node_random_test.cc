// Controllers under random crashes, power cuts, pauses and partitions: what was answered stays, and all see the same.
#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "base/random.h"
#include "tests/raft/shell/controller_cluster.h"

namespace squall::raft {
namespace {

class ControllerNodeRandomTest : public ControllerCluster, public testing::WithParamInterface<std::uint64_t> {
 protected:
  ControllerNodeRandomTest() : ControllerCluster{GetParam()}, random{GetParam()} {
    on_start = [this](std::size_t, const std::shared_ptr<Running>& node) {
      node->world->spawn("client", [this, node] { work(*node); });
    };
    on_image = [this](std::size_t index, const std::shared_ptr<const MetadataImage>& image) {
      const auto [known, is_new] = images.try_emplace(image->end_offset, image);
      ++compared;
      const auto wrong = is_new ? std::nullopt : difference(*image, *known->second);
      EXPECT_EQ(wrong, std::nullopt) << "node " << index << " at offset " << image->end_offset.value();
    };
  }

  // Makes topics wherever the active controller is.
  void work(Running& node) {
    while (true) {
      node.world->sleep_until(node.world->now() + 60ms);
      if (!node.controller->is_active()) continue;
      if (!register_broker(node)) continue;
      const std::string name = "topic-" + std::to_string(++names);
      if (create_topic(node, name, 2s) == ErrorCode::none) answered.insert(name);
    }
  }
  static bool register_broker(Running& node) {
    if (node.controller->core().image()->is_active(NodeId{0})) return true;
    protocol::BrokerRegistrationRequest request;
    request.cluster_id = test_cluster;
    request.incarnation_id = Uuid{1000, 1};
    request.listeners.push_back({.name = "PLAINTEXT", .host = "b", .port = 9092, .security_protocol = 0});
    for (const auto& [name, levels] : test_features()) {
      request.features.push_back({.name = name, .min_supported_version = levels.min, .max_supported_version = levels.max});
    }
    request.log_dirs = {Uuid{500, 1}};
    const auto registered = node.controller->submit(request, node.world->now() + 2s);
    if (!registered || registered->error_code != 0) return false;
    protocol::BrokerHeartbeatRequest heartbeat;
    heartbeat.broker_epoch = registered->broker_epoch;
    heartbeat.current_metadata_offset = registered->broker_epoch + 1'000'000;
    return node.controller->submit(heartbeat, node.world->now() + 2s).has_value();
  }

  void fault() {
    const auto index = static_cast<std::size_t>(random.below(nodes.size()));
    const auto other = (index + 1 + static_cast<std::size_t>(random.below(nodes.size() - 1))) % nodes.size();
    sim::Node& node = *nodes[index];
    if (node.state() != sim::NodeState::running) return node.restart();
    switch (random.below(6)) {
      case 0:
        live[index] = nullptr;
        node.crash();
        return;
      case 1:
        live[index] = nullptr;
        node.power_cut();
        return;
      case 2: node.pause(std::chrono::milliseconds{1 + random.below(5'000)}); return;
      case 3: simulation.network().partition(node, *nodes[other]); return;
      case 4: simulation.network().partition(node, *nodes[other], sim::PartitionKind::black_hole, sim::Ways::one); return;
      default: simulation.network().heal_all(); return;
    }
  }

  Random random;
  std::uint64_t names = 0;
  std::uint64_t compared = 0;
  std::set<std::string> answered;
  std::map<Offset, std::shared_ptr<const MetadataImage>> images;  // as published first
};

TEST_P(ControllerNodeRandomTest, WhatWasAnsweredIsNeverLost) {
  start(3, {.snapshot_bytes = 3'000, .segment_bytes = 4'000, .retention = {.bytes = 1, .ms = -1}, .session_timeout = 100h});
  for (int round = 0; round < 60; ++round) {
    simulation.run_for(std::chrono::milliseconds{200 + random.below(2'000)});
    fault();
  }
  simulation.network().heal_all();
  for (std::size_t index = 0; index < 3; ++index) {
    if (nodes[index]->state() != sim::NodeState::running) nodes[index]->restart();
  }
  simulation.run_for(10s);
  const std::size_t active = wait_for_active();
  ASSERT_LT(active, 3U) << "healed controllers elect one of them" << describe();
  EXPECT_GT(answered.size(), 50U);
  EXPECT_GT(compared, images.size()) << "nodes were compared with each other";
  for (std::size_t index = 0; index < 3; ++index) {
    const std::set<std::string> expected = answered;
    const bool all = run_until([&] {
      if (!live[index]) return false;
      const auto lost = [&](const std::string& name) { return image(index).find(name) == nullptr; };
      return std::ranges::none_of(expected, lost);
    });
    EXPECT_TRUE(all) << "node " << index << " has lost topics";
    if (live[index]) {
      EXPECT_EQ(wrong_with(image(index)), std::nullopt);
    }
  }
  EXPECT_THAT(failures, testing::IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Seeds, ControllerNodeRandomTest, testing::Range<std::uint64_t>(1, 26));

}  // namespace
}  // namespace squall::raft
