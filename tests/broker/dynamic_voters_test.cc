// Voters that change while the cluster runs (KIP-853, KIP-1186), on whole nodes.
#include "log/files.h"
#include "protocol/messages/api_versions.h"
#include "raft/metadata/metadata_image.h"
#include "runtime/deadline.h"
#include "tests/broker/voter_cluster.h"

namespace squall::broker {
namespace {

using protocol::ErrorCode;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using Replicas = std::vector<std::pair<std::int32_t, Uuid>>;

struct DynamicVoters : testing::Test {
  // Three voters that vote from the start, and a broker.
  void three_voters() {
    cluster.add_first_voters(3);
    cluster.add_broker();
    cluster.start_all();
    cluster.run_until([&] { return cluster.agree_on({1, 2, 3}) && cluster.member(broker_id).started; }, "a cluster");
  }
  ErrorCode add(std::int32_t id, const runtime::Endpoint& at) {
    ErrorCode code = ErrorCode::unknown_server_error;
    cluster.talk([&](runtime::World& world) {
      const auto answer = VoterCluster::ask(world, at, cluster.add_request(id));
      if (answer) code = protocol::error_from_wire(answer->error_code);
      if (answer) message = answer->error_message.value_or("");
    });
    return code;
  }
  ErrorCode remove(const raft::ReplicaKey& key, const runtime::Endpoint& at) {
    ErrorCode code = ErrorCode::unknown_server_error;
    cluster.talk([&](runtime::World& world) {
      const auto answer = VoterCluster::ask(world, at, VoterCluster::remove_request(key));
      if (answer) code = protocol::error_from_wire(answer->error_code);
      if (answer) message = answer->error_message.value_or("");
    });
    return code;
  }
  runtime::Endpoint leader() { return cluster.controller_endpoint(cluster.leader()); }
  // A controller that does not lead.
  std::int32_t follower() const {
    for (const std::int32_t id : {1, 2, 3}) {
      if (id != cluster.leader()) return id;
    }
    return 0;
  }
  // What DescribeQuorum says: voters, then observers.
  std::pair<Replicas, Replicas> describe(const runtime::Endpoint& at) {
    std::pair<Replicas, Replicas> seen;
    cluster.talk([&](runtime::World& world) {
      protocol::DescribeQuorumRequest request;
      auto& topic = request.topics.emplace_back();
      topic.topic_name = "__cluster_metadata";
      topic.partitions.emplace_back().partition_index = 0;
      const auto answer = VoterCluster::ask(world, at, request);
      ASSERT_TRUE(answer.has_value());
      ASSERT_EQ(answer->topics.size(), 1U);
      const auto& partition = answer->topics[0].partitions.at(0);
      EXPECT_EQ(partition.error_code, 0);
      for (const auto& one : partition.current_voters) seen.first.emplace_back(one.replica_id, one.replica_directory_id);
      for (const auto& one : partition.observers) seen.second.emplace_back(one.replica_id, one.replica_directory_id);
    });
    return seen;
  }
  std::pair<std::int32_t, Uuid> replica(std::int32_t id) { return {id, cluster.key(id).directory}; }

  VoterCluster cluster{7};
  std::string message;
};

TEST_F(DynamicVoters, AStandaloneControllerGrowsToThreeVoters) {
  cluster.add_controller(1, FirstVoters::standalone);
  cluster.add_broker();
  cluster.start_all();
  cluster.run_until([&] { return cluster.agree_on({1}) && cluster.member(broker_id).started; }, "a cluster of one voter");
  for (const std::int32_t id : {2, 3}) {
    cluster.add_controller(id);
    cluster.start(id);
  }
  cluster.run_until([&] { return cluster.member(3).started && cluster.agree_on({1}); }, "the observers");
  cluster.run_for(2s);
  EXPECT_EQ(add(2, VoterCluster::broker_endpoint()), ErrorCode::none) << "the broker hands it on: " << message;
  EXPECT_TRUE(cluster.agree_on({1, 2}) || (cluster.run_for(1s), cluster.agree_on({1, 2})));
  EXPECT_EQ(add(3, cluster.controller_endpoint(1)), ErrorCode::none) << message;
  cluster.run_until([&] { return cluster.agree_on({1, 2, 3}); }, "three voters");
  EXPECT_EQ(add(3, cluster.controller_endpoint(1)), ErrorCode::duplicate_voter);
  // They count: without the first one they elect another.
  cluster.node(1).crash();
  cluster.run_until([&] { return cluster.leader() == 2 || cluster.leader() == 3; }, "a leader among the new ones");
  cluster.restart_all();
  cluster.expect_service();
}

TEST_F(DynamicVoters, AControllerThatDoesNotLeadAddsNobody) {
  three_voters();
  cluster.add_controller(4);
  cluster.start(4);
  cluster.run_for(3s);
  EXPECT_EQ(add(4, cluster.controller_endpoint(follower())), ErrorCode::not_leader_or_follower);
  EXPECT_TRUE(cluster.agree_on({1, 2, 3}));
}

TEST_F(DynamicVoters, AVoterIsRemovedAndGoesOnAsAnObserver) {
  three_voters();
  const std::int32_t gone = follower();
  ASSERT_EQ(remove(cluster.key(gone), VoterCluster::broker_endpoint()), ErrorCode::none) << message;
  std::set<std::int32_t> rest{1, 2, 3};
  rest.erase(gone);
  cluster.run_until([&] { return cluster.agree_on(rest); }, "two voters");
  cluster.run_for(10s);
  EXPECT_TRUE(cluster.agree_on(rest)) << "it does not come back by itself";
  const auto seen = describe(VoterCluster::broker_endpoint());
  EXPECT_THAT(seen.second, UnorderedElementsAre(replica(gone), replica(broker_id)));
  EXPECT_EQ(remove(cluster.key(gone), leader()), ErrorCode::voter_not_found);
  cluster.expect_service();
}

TEST_F(DynamicVoters, TheLeaderRemovesItselfAndAnotherOneLeads) {
  three_voters();
  const std::int32_t gone = cluster.leader();
  ASSERT_EQ(remove(cluster.key(gone), VoterCluster::broker_endpoint()), ErrorCode::none) << message;
  std::set<std::int32_t> rest{1, 2, 3};
  rest.erase(gone);
  cluster.run_until([&] { return cluster.agree_on(rest) && cluster.leader() != 0 && cluster.leader() != gone; },
                    "another leader");
  cluster.expect_service();
}

TEST_F(DynamicVoters, TheLastVoterStays) {
  cluster.add_controller(1, FirstVoters::standalone);
  cluster.add_broker();
  cluster.start_all();
  cluster.run_until([&] { return cluster.agree_on({1}) && cluster.member(broker_id).started; }, "a cluster of one voter");
  EXPECT_EQ(remove(cluster.key(1), VoterCluster::broker_endpoint()), ErrorCode::invalid_request);
}

TEST_F(DynamicVoters, AControllerThatLostItsDiskIsReplacedUnderItsNewDirectory) {
  three_voters();
  const std::int32_t lost = follower();
  const raft::ReplicaKey former = cluster.key(lost);
  cluster.wipe(lost);
  cluster.run_for(2s);
  cluster.node(lost).restart();
  cluster.run_for(5s);
  EXPECT_NE(cluster.key(lost).directory, former.directory);
  EXPECT_EQ(add(lost, VoterCluster::broker_endpoint()), ErrorCode::duplicate_voter) << "the old one must go first";
  EXPECT_EQ(remove(cluster.key(lost), VoterCluster::broker_endpoint()), ErrorCode::voter_not_found) << "it is another replica";
  ASSERT_EQ(remove(former, VoterCluster::broker_endpoint()), ErrorCode::none) << message;
  ASSERT_EQ(add(lost, VoterCluster::broker_endpoint()), ErrorCode::none) << message;
  cluster.run_until([&] { return cluster.agree_on({1, 2, 3}); }, "three voters again");
  cluster.expect_service();
}

TEST_F(DynamicVoters, AControllerJoinsByItselfIfItMay) {
  three_voters();
  cluster.add_controller(4).values["controller.quorum.auto.join.enable"] = "true";
  cluster.start(4);
  cluster.run_until([&] { return cluster.agree_on({1, 2, 3, 4}); }, "a fourth voter");
  cluster.expect_service();
}

TEST_F(DynamicVoters, AControllerThatLostItsDiskReplacesItselfIfItMay) {
  cluster.add_first_voters(3);
  for (const std::int32_t id : {1, 2, 3}) cluster.member(id).values["controller.quorum.auto.join.enable"] = "true";
  cluster.add_broker();
  cluster.start_all();
  cluster.run_until([&] { return cluster.agree_on({1, 2, 3}) && cluster.member(broker_id).started; }, "a cluster");
  const std::int32_t lost = follower();
  const raft::ReplicaKey former = cluster.key(lost);
  cluster.wipe(lost);
  cluster.run_for(1s);
  cluster.node(lost).restart();
  cluster.run_until([&] { return cluster.agree_on({1, 2, 3}); }, "three voters");
  EXPECT_NE(cluster.key(lost), former);
  cluster.expect_service();
}

TEST_F(DynamicVoters, AVoterThatMovedTellsTheLeaderWhereItListensNow) {
  three_voters();
  const std::int32_t moved = follower();
  cluster.node(moved).crash();
  VoterCluster::Member& one = cluster.member(moved);
  one.port = 9094;
  one.values["listeners"] = "CONTROLLER://" + one.node->host() + ":9094";
  cluster.restart_all();
  const auto knows = [&](std::int32_t id) {
    const auto voters = cluster.member(id).process == nullptr ? nullptr : cluster.member(id).process->voters();
    const raft::Voter* voter = voters == nullptr ? nullptr : voters->find(NodeId{moved});
    return voter != nullptr && voter->endpoints.at(0).port == 9094;
  };
  cluster.run_until([&] { return knows(1) && knows(2) && knows(3) && knows(broker_id); }, "the new address");
  // And it can be led to there.
  for (const std::int32_t id : {1, 2, 3}) {
    if (id != moved && id != cluster.leader()) cluster.node(id).crash();
  }
  cluster.run_for(5s);
  cluster.restart_all();
  cluster.expect_service();
}

TEST_F(DynamicVoters, AStoppingControllerBlamesNobodyForWhatItDoesNotAnswer) {
  three_voters();
  std::vector<std::string> rejected;
  cluster.simulation.on_event([&](const sim::ProductEvent& event) {
    if (event.name == runtime::EventName::request_rejected) rejected.push_back(to_string(event));
  });
  const std::int32_t stopped = cluster.leader();
  cluster.node(stopped).request_stop();  // the fetches of the others wait there
  cluster.run_until([&] { return cluster.process(stopped) == nullptr; }, "a stop");
  EXPECT_THAT(rejected, IsEmpty());
}

TEST_F(DynamicVoters, ABrokerIsNoVoter) {
  three_voters();
  cluster.run_for(2s);
  protocol::AddRaftVoterRequest request = cluster.add_request(1);
  request.voter_id = broker_id;
  request.voter_directory_id = cluster.key(broker_id).directory;
  request.listeners[0].host = "b";
  request.listeners[0].port = 9092;
  cluster.talk([&](runtime::World& world) {
    const auto answer = VoterCluster::ask(world, VoterCluster::broker_endpoint(), request);
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(protocol::error_from_wire(answer->error_code), ErrorCode::invalid_request);
    EXPECT_THAT(answer->error_message.value_or(""), HasSubstr("no controller"));
  });
  EXPECT_TRUE(cluster.agree_on({1, 2, 3}));
}

TEST_F(DynamicVoters, ANodeThatIsNotThereCannotBeAdded) {
  three_voters();
  protocol::AddRaftVoterRequest request = cluster.add_request(1);
  request.voter_id = 5;
  request.voter_directory_id = Uuid{5, 5};
  request.listeners[0].port = 9099;
  request.timeout_ms = 500;
  cluster.talk([&](runtime::World& world) {
    const Instant begun = world.now();
    const auto answer = VoterCluster::ask(world, VoterCluster::broker_endpoint(), request);
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(protocol::error_from_wire(answer->error_code), ErrorCode::request_timed_out);
    EXPECT_LT(world.now() - begun, 1s);
  });
  EXPECT_TRUE(cluster.agree_on({1, 2, 3}));
  cluster.expect_service();
}

TEST_F(DynamicVoters, DescribeQuorumTellsReplicasByTheirDirectories) {
  three_voters();
  cluster.add_controller(4);
  cluster.start(4);
  cluster.run_for(3s);
  for (const runtime::Endpoint& at : {VoterCluster::broker_endpoint(), leader()}) {
    const auto seen = describe(at);
    EXPECT_THAT(seen.first, UnorderedElementsAre(replica(1), replica(2), replica(3)));
    EXPECT_THAT(seen.second, UnorderedElementsAre(replica(4), replica(broker_id)));
  }
  EXPECT_EQ(replica(2).second, VoterCluster::first_directory(2));
}

TEST_F(DynamicVoters, EverythingRestartsWithTheVotersOfTheLog) {
  three_voters();
  cluster.add_controller(4);
  cluster.start(4);
  cluster.run_for(3s);
  ASSERT_EQ(add(4, VoterCluster::broker_endpoint()), ErrorCode::none) << message;
  const std::int32_t gone = follower();
  ASSERT_EQ(remove(cluster.key(gone), VoterCluster::broker_endpoint()), ErrorCode::none) << message;
  std::set<std::int32_t> rest{1, 2, 3, 4};
  rest.erase(gone);
  cluster.run_until([&] { return cluster.agree_on(rest); }, "the new voters");
  cluster.keep_creating_topics();
  cluster.run_for(2s);
  for (const std::int32_t id : {1, 2, 3, 4, broker_id}) cluster.node(id).power_cut();
  cluster.run_for(1s);
  cluster.restart_all();
  cluster.run_until([&] { return cluster.agree_on(rest) && cluster.member(broker_id).started; }, "the cluster");
  cluster.expect_service();
}

// ---- from static voters to those of the log ----

struct StaticVoters : DynamicVoters {
  void three_static_voters() {
    for (const std::int32_t id : {1, 2, 3}) cluster.add_controller(id, FirstVoters::unsaid);
    cluster.add_broker();
    for (const std::int32_t id : {1, 2, 3, broker_id}) {
      cluster.member(id).values.erase("controller.quorum.bootstrap.servers");
      cluster.member(id).values["controller.quorum.voters"] = "1@c1:9093,2@c2:9093,3@c3:9093";
    }
    cluster.start_all();
    cluster.run_until([&] { return cluster.agree_on({1, 2, 3}) && cluster.member(broker_id).started; }, "a cluster");
  }
  ErrorCode upgrade(std::int16_t level) {
    ErrorCode code = ErrorCode::unknown_server_error;
    cluster.talk([&](runtime::World& world) {
      protocol::UpdateFeaturesRequest request;
      request.timeout_ms = 5000;
      auto& update = request.feature_updates.emplace_back();
      update.feature = "kraft.version";
      update.max_version_level = level;
      update.upgrade_type = 1;
      const auto answer = VoterCluster::ask(world, VoterCluster::broker_endpoint(), request);
      if (answer) code = protocol::error_from_wire(answer->error_code);
    });
    return code;
  }
  std::int16_t finalized() {
    std::int16_t level = 0;
    cluster.talk([&](runtime::World& world) {
      protocol::ApiVersionsRequest request;
      request.client_software_name = "test";
      request.client_software_version = "1";
      const auto answer = VoterCluster::ask(world, VoterCluster::broker_endpoint(), request);
      ASSERT_TRUE(answer.has_value());
      for (const auto& feature : answer->finalized_features) {
        if (feature.name == "kraft.version") level = feature.max_version_level;
      }
    });
    return level;
  }
};

TEST_F(StaticVoters, DoNotChange) {
  three_static_voters();
  EXPECT_EQ(remove(cluster.key(follower()), VoterCluster::broker_endpoint()), ErrorCode::unsupported_version);
  EXPECT_EQ(upgrade(0), ErrorCode::none) << "that is what it is";
  EXPECT_EQ(finalized(), 0);
}

TEST_F(StaticVoters, BecomeThoseOfTheLogWhenKraftVersionIsRaised) {
  three_static_voters();
  cluster.run_for(8s);  // voters tell the leader of themselves every 6 s
  ASSERT_EQ(upgrade(1), ErrorCode::none);
  cluster.run_for(1s);
  EXPECT_EQ(finalized(), 1);
  EXPECT_EQ(upgrade(0), ErrorCode::invalid_update_version);
  cluster.add_controller(4);
  cluster.start(4);
  cluster.run_for(3s);
  EXPECT_EQ(add(4, VoterCluster::broker_endpoint()), ErrorCode::none) << message;
  EXPECT_EQ(remove(cluster.key(follower()), VoterCluster::broker_endpoint()), ErrorCode::none) << message;
  for (const std::int32_t id : {1, 2, 3, 4, broker_id}) cluster.node(id).crash();
  cluster.restart_all();
  cluster.run_until([&] { return cluster.member(broker_id).started && cluster.member(1).process->voters()->size() == 3; },
                    "the voters of the log, whatever the configuration says");
  EXPECT_NE(cluster.member(1).process->voters()->find(NodeId{4}), nullptr);
  cluster.expect_service();
}

}  // namespace
}  // namespace squall::broker
