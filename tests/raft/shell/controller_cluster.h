// Controllers in the virtual world: each a node with a metadata log, a quorum node, a controller, a loader, and a listener.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "raft/shell/controller_node.h"
#include "raft/shell/metadata_loader.h"
#include "sim/simulation.h"
#include "tests/raft/controller/fixture.h"

namespace squall::raft {

using namespace std::chrono_literals;

class ControllerCluster : public testing::Test {
 protected:
  // What a node's process has, while it runs.
  struct Running {
    runtime::World* world = nullptr;
    QuorumNode* quorum = nullptr;
    ControllerNode* controller = nullptr;
    MetadataLoader* loader = nullptr;
  };
  struct Settings {
    std::uint64_t snapshot_bytes = std::uint64_t{20} << 20;
    std::int32_t segment_bytes = 1 << 20;
    MetadataLog::Retention retention{};
    BatchLimits limits{};
    Duration session_timeout = 9s;  // of brokers
  };

  explicit ControllerCluster(std::uint64_t seed = 11) : simulation{sim::SimulationOptions{.seed = seed}} {}

  // Starts `count` controllers with the ids 1, 2, ...
  void start(std::size_t count, Settings its_settings);
  void start(std::size_t count) { start(count, Settings{}); }
  // Runs `body` in a fiber of node `index`, to its end.
  void run(std::size_t index, const std::function<void(Running&)>& body);
  bool run_until(const std::function<bool()>& holds, Duration limit = 30s) {
    (void)simulation.run_while([&] { return !holds(); }, simulation.now() + limit);
    return holds();
  }
  // The node whose controller is active, once there is one; `nodes.size()` if none comes.
  std::size_t wait_for_active(Duration limit = 30s);
  [[nodiscard]] bool is_running(std::size_t index) const { return live[index] != nullptr; }
  [[nodiscard]] const MetadataImage& image(std::size_t index) const { return *live[index]->loader->image(); }
  // What each node is about, for failures.
  [[nodiscard]] std::string describe();
  // Registers and unfences brokers 0 to `count` - 1.
  void make_brokers(std::size_t index, std::int32_t count);
  // The codes of the answers to CreateTopics of one topic, or of the refusal.
  static ErrorCode create_topic(Running& node, const std::string& name, Duration patience = 5s, std::int32_t partitions = 1);

  TestSchema schema;
  Settings settings;
  std::vector<std::string> failures;
  std::map<std::size_t, std::vector<MetadataDelta>> deltas;  // that the loaders told, by node
  std::vector<std::shared_ptr<Running>> live;                // by node
  // Told, if set, when a node's process has started, and of each image that a loader publishes.
  std::function<void(std::size_t index, const std::shared_ptr<Running>&)> on_start;
  std::function<void(std::size_t index, const std::shared_ptr<const MetadataImage>&)> on_image;
  sim::Simulation simulation;
  std::vector<sim::Node*> nodes;

 private:
  void process(runtime::World& world, std::size_t index);
  [[nodiscard]] VoterSet voters() const;
};

}  // namespace squall::raft
