// How a scenario becomes nodes: their places, their configuration, and what is known of them while they run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scenarios/checks/check_set.h"
#include "scenarios/run/cluster_view.h"
#include "scenarios/run/node_config.h"
#include "scenarios/run/plan.h"

namespace squall::scenarios {
namespace {

using testing::ElementsAre;

Plan plan_of(std::string_view cluster, std::string_view more = "") {
  const std::string text =
      "title = \"t\"\n[cluster]\n" + std::string{cluster} + "[[topic]]\nname = \"orders\"\n" + std::string{more};
  const auto scenario = parse_scenario(text, "x.toml", "x");
  EXPECT_TRUE(scenario.has_value()) << scenario.error().to_string();
  return make_plan(*scenario, 1);
}

std::string describe(const Plan& plan) {
  std::string text;
  for (const ServerPlan& server : plan.servers) {
    text += server.name + "=" + std::to_string(server.id.value()) + (server.is_broker ? "b" : "") +
            (server.is_controller ? "c" : "") + (server.rack > 0 ? std::to_string(server.rack) : "") + " ";
  }
  return text;
}

TEST(ClusterPlan, LaysOutBrokersFirstAndDedicatedControllersFrom101) {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"", "broker-1=1bc "},
      {"brokers = 1\ncontrollers = 0\n", "broker-1=1bc "},
      {"brokers = 2\ncontrollers = 1\n", "broker-1=1b broker-2=2b controller-1=101c "},
      {"brokers = 3\ncontrollers = 2\ncombined = true\n", "broker-1=1bc broker-2=2bc broker-3=3b "},
      {"brokers = 3\ncontrollers = 3\nracks = 2\n",
       "broker-1=1b1 broker-2=2b2 broker-3=3b1 controller-1=101c1 controller-2=102c2 controller-3=103c1 "},
  };
  for (const auto& [cluster, servers] : rows) EXPECT_EQ(describe(plan_of(cluster)), servers) << cluster;
}

TEST(NodeConfig, OneNodeIsToldOfNoQuorum) {
  const Plan plan = plan_of("disks = 2\n");
  const broker::ConfigValues expected{{"process.roles", "broker,controller"},
                                      {"node.id", "1"},
                                      {"listeners", "PLAINTEXT://broker-1:9092"},
                                      {"log.dirs", "/data1,/data2"},
                                      {"auto.create.topics.enable", "false"}};
  EXPECT_EQ(node_values(plan, plan.servers[0]), expected);
}

TEST(NodeConfig, EachNodeOfAClusterHasItsRolesListenersAndTheVoters) {
  const Plan plan = plan_of("brokers = 2\ncontrollers = 2\nracks = 2\ndisks = 2\n");
  const auto broker = node_values(plan, plan.servers[1]);
  EXPECT_EQ(broker.at("process.roles"), "broker");
  EXPECT_EQ(broker.at("listeners"), "PLAINTEXT://broker-2:9092");
  EXPECT_EQ(broker.at("controller.quorum.voters"), "101@controller-1:9093,102@controller-2:9093");
  EXPECT_EQ(broker.at("broker.rack"), "rack-2");
  const auto controller = node_values(plan, plan.servers[2]);
  EXPECT_EQ(controller.at("process.roles"), "controller");
  EXPECT_EQ(controller.at("node.id"), "101");
  EXPECT_EQ(controller.at("listeners"), "CONTROLLER://controller-1:9093");
  EXPECT_EQ(controller.at("log.dirs"), "/data1") << "controllers have one disk";
  const Plan dynamic = plan_of("brokers = 1\ncontrollers = 3\nvoters = \"dynamic\"\ninitial_voters = 2\n");
  EXPECT_EQ(node_values(dynamic, dynamic.servers[0]).at("controller.quorum.bootstrap.servers"),
            "controller-1:9093,controller-2:9093,controller-3:9093");
  EXPECT_FALSE(node_values(dynamic, dynamic.servers[1]).contains("controller.quorum.voters"));
  ASSERT_EQ(dynamic.first_voters().size(), 2U);
  EXPECT_EQ(dynamic.first_voters()[1]->id, NodeId{102});
  const Plan combined = plan_of("brokers = 2\ncontrollers = 1\ncombined = true\n");
  EXPECT_EQ(node_values(combined, combined.servers[0]).at("listeners"), "PLAINTEXT://broker-1:9092,CONTROLLER://broker-1:9093");
  EXPECT_EQ(node_values(combined, combined.servers[1]).at("listeners"), "PLAINTEXT://broker-2:9092");
}

TEST(NodeConfig, EveryNodeOfEveryClusterIsAccepted) {
  for (const std::string_view cluster :
       {"", "brokers = 1\ncontrollers = 1\n", "brokers = 3\ncontrollers = 3\nracks = 3\n",
        "brokers = 5\ncontrollers = 3\ncombined = true\n", "brokers = 64\ncontrollers = 9\n"}) {
    const Plan plan = plan_of(cluster);
    for (const ServerPlan& server : plan.servers) {
      const auto parsed = broker::broker_config_from(node_values(plan, server));
      ASSERT_TRUE(parsed.has_value()) << server.name << " of " << cluster << ": " << parsed.error();
      EXPECT_THAT(parsed->warnings, ElementsAre());
      EXPECT_EQ(parsed->config.is_broker, server.is_broker);
      EXPECT_EQ(parsed->config.is_controller, server.is_controller);
      EXPECT_EQ(parsed->config.is_alone(), plan.servers.size() == 1);
    }
  }
}

TEST(NodeConfig, ARolesOwnSettingsWinOverThoseOfAllNodes) {
  const Plan plan = plan_of(
      "brokers = 2\ncontrollers = 1\nconfig = { \"request.timeout.ms\" = 1, \"num.partitions\" = 2 }\n"
      "broker_config = { \"request.timeout.ms\" = 3 }\ncontroller_config = { \"num.partitions\" = 4 }\n");
  const auto broker = node_values(plan, plan.servers[0]);
  EXPECT_EQ(broker.at("request.timeout.ms"), "3");
  EXPECT_EQ(broker.at("num.partitions"), "2");
  const auto controller = node_values(plan, plan.servers[2]);
  EXPECT_EQ(controller.at("request.timeout.ms"), "1");
  EXPECT_EQ(controller.at("num.partitions"), "4");
  EXPECT_EQ(plan.broker_value("request.timeout.ms"), "3");
}

TEST(ClusterPlan, ASwarmStrikesEveryServerOfACluster) {
  constexpr std::string_view swarm =
      "[swarm]\ncount = 40\nbetween = \"100ms\"\nfaults = [\"pause\", \"loss\", \"kill_client\"]\n";
  for (const FaultSpec& fault : plan_of("brokers = 2\ncontrollers = 1\n", swarm).faults) {
    if (fault.kind == FaultKind::pause) {
      EXPECT_EQ(fault.node->to_string(), "any.server");
    } else if (fault.kind == FaultKind::kill_client) {
      EXPECT_EQ(fault.node->to_string(), "any.client");
    } else {
      EXPECT_EQ(fault.from->to_string(), "any.node");
    }
  }
  for (const FaultSpec& fault : plan_of("", swarm).faults) {
    if (fault.kind != FaultKind::pause) continue;
    EXPECT_EQ(fault.node->to_string(), "any.broker");
  }
}

class FakeInsight final : public NodeInsight {
 public:
  FakeInsight(std::int32_t epoch, NodeId leader, std::int64_t end, NodeId partition_leader, NodeId self = NodeId{9})
      : epoch_{epoch}, leader_{leader}, end_{end}, partition_leader_{partition_leader}, self_{self} {}
  LeaderEpoch quorum_epoch() const override { return epoch_; }
  NodeId quorum_leader() const override { return leader_; }
  Offset metadata_end() const override { return end_; }
  std::optional<Offset> written_end() const override { return std::nullopt; }
  std::optional<PartitionView> partition(std::string_view, std::int32_t) const override {
    return PartitionView{.leader = partition_leader_,
                         .replicas = {partition_leader_},
                         .in_sync = {partition_leader_},
                         .eligible = {},
                         .leader_epoch = epoch_};
  }
  bool leads(const PartitionView& partition) const override { return partition.leader == self_; }

 private:
  LeaderEpoch epoch_;
  NodeId leader_;
  Offset end_;
  NodeId partition_leader_;
  NodeId self_;
};

TEST(NewestView, BelievesTheNewestEpochAndTheNewestImage) {
  const FakeInsight deposed{4, NodeId{101}, 90, NodeId{1}, NodeId{1}};
  const FakeInsight follower{5, no_node, 120, NodeId{2}};
  const FakeInsight leader{5, NodeId{102}, 110, NodeId{3}};
  std::vector<const NodeInsight*> live;
  const NewestView view{[&] { return live; }};
  EXPECT_EQ(view.active_controller(), no_node);
  EXPECT_FALSE(view.partition("orders", 0).has_value());
  live = {&deposed};
  EXPECT_EQ(view.active_controller(), NodeId{101}) << "nobody knows better";
  live = {&deposed, &follower, &leader};
  EXPECT_EQ(view.active_controller(), NodeId{102});
  EXPECT_EQ(view.partition("orders", 0)->leader, NodeId{2});
  EXPECT_TRUE(view.has_deposed_leader("orders", 0)) << "broker 1 does not know that it leads no more";
  live = {&follower, &leader};
  EXPECT_FALSE(view.has_deposed_leader("orders", 0));
  live = {&deposed, &follower};
  EXPECT_EQ(view.active_controller(), no_node) << "the old leader has been outvoted";
}

TEST(StaysAvailable, AFailoverCountsWhileEnoughControllersAreUp) {
  using std::chrono::seconds;
  const auto at = [](int second) { return Instant{seconds{second}}; };
  AvailabilityBounds bounds;
  bounds.controller_failover = seconds{4};
  CheckSet checks{bounds};
  StaysAvailable& availability = checks.availability();
  availability.controlled(true, true, at(0));
  availability.controlled(false, true, at(1));
  availability.controlled(true, true, at(5));
  EXPECT_TRUE(checks.findings().empty());
  availability.controlled(false, false, at(6));
  availability.controlled(false, true, at(20));
  EXPECT_TRUE(checks.findings().empty()) << "a majority was down";
  EXPECT_EQ(availability.longest_failover(), seconds{4});
  availability.controlled(false, true, at(25));
  availability.controlled(false, true, at(26));
  EXPECT_EQ(checks.findings().size(), 1U) << "five seconds, told once";
}

TEST(StaysAvailable, DemandsNothingWhileTooFewNodesAreUp) {
  using std::chrono::seconds;
  const auto at = [](int second) { return Instant{seconds{second}}; };
  AvailabilityBounds bounds;
  bounds.unavailable_max = seconds{5};
  CheckSet checks{bounds};
  StaysAvailable& availability = checks.availability();
  availability.sending(0, at(0));
  availability.acknowledged(0, at(1));
  availability.possible(false, at(2));
  availability.acknowledged(0, at(20));
  availability.possible(true, at(30));
  availability.acknowledged(0, at(34));
  EXPECT_TRUE(checks.findings().empty());
  availability.possible(true, at(36));
  availability.acknowledged(0, at(40));
  EXPECT_EQ(checks.findings().size(), 1U) << "six seconds without one, and all were up";
}

}  // namespace
}  // namespace squall::scenarios
