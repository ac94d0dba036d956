// A scripted cluster of two nodes and a client, in the virtual world.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "client/cluster.h"
#include "client/producer.h"
#include "sim/simulation.h"
#include "tests/client/fake_broker.h"

namespace squall::client {

using namespace std::chrono_literals;

class ClientTest : public testing::Test {
 protected:
  explicit ClientTest(std::uint64_t seed = 3) : simulation{sim::SimulationOptions{.seed = seed}} {
    for (int index = 0; index < 2; ++index) {
      const std::string name = "broker" + std::to_string(index);
      cluster.nodes.push_back({.host = name, .port = 9092});
      brokers.push_back(&simulation.add_node({.name = name}));
      brokers.back()->start("broker", [this, index](runtime::World& world) { serve_fake_node(world, cluster, NodeId{index}); });
    }
    client = &simulation.add_node({.name = "client"});
    cluster.add_topic("orders", 2);
  }

  // Runs `body` in the client's process, to its end.
  void run(std::function<void(runtime::World&)> body, Duration limit = 600s) {
    bool finished = false;
    client->start("client", [&finished, body](runtime::World& world) {
      world.sleep_until(world.now() + 10ms);  // until the brokers listen
      body(world);
      finished = true;
    });
    (void)simulation.run_while([&finished] { return !finished; }, Instant{limit});
    ASSERT_TRUE(finished) << "the client has not come to its end";
  }
  [[nodiscard]] ClusterOptions options() const {
    ClusterOptions result;
    result.bootstrap = cluster.nodes;
    return result;
  }
  [[nodiscard]] int requests(std::int16_t key) { return cluster.requests[key]; }
  static ProducerRecord to(std::string_view topic, int partition, std::string_view value) {
    return {.topic = topic,
            .partition = PartitionIndex{partition},
            .timestamp_ms = std::nullopt,
            .key = std::nullopt,
            .value = as_bytes(value),
            .headers = {}};
  }

  FakeCluster cluster;  // before the simulation, whose fibers use it to their end
  sim::Simulation simulation;
  std::vector<sim::Node*> brokers;
  sim::Node* client = nullptr;
};

// Keeps what it hears, by tag.
class Heard final : public DeliveryListener {
 public:
  void on_delivery(std::uint64_t tag, const Delivery& delivery) override {
    order.push_back(tag);
    fates[tag].push_back(delivery);
  }
  [[nodiscard]] std::size_t acknowledged() const {
    std::size_t count = 0;
    for (const auto& [tag, told] : fates) count += told.size() == 1 && told[0].acknowledged() ? 1U : 0U;
    return count;
  }
  std::vector<std::uint64_t> order;
  std::map<std::uint64_t, std::vector<Delivery>> fates;
};

}  // namespace squall::client
