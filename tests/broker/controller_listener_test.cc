// What a controller serves on its listener, and refuses.
#include "broker/handlers/handler.h"
#include "protocol/messages/add_raft_voter.h"
#include "protocol/messages/api_versions.h"
#include "protocol/messages/begin_quorum_epoch.h"
#include "protocol/messages/create_topics.h"
#include "protocol/messages/describe_cluster.h"
#include "protocol/messages/describe_quorum.h"
#include "protocol/messages/end_quorum_epoch.h"
#include "protocol/messages/envelope.h"
#include "protocol/messages/fetch_snapshot.h"
#include "protocol/messages/vote.h"
#include "raft/shell/wire.h"
#include "tests/broker/replica_fixture.h"

namespace squall::broker {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const std::string metadata{raft::metadata_topic_name};

Caller call_controller(runtime::World& world) { return {world, "controller", controller_port}; }

protocol::DescribeQuorumRequest describe_quorum(const std::string& topic, std::int32_t partition = 0) {
  protocol::DescribeQuorumRequest request;
  auto& asked = request.topics.emplace_back();
  asked.topic_name = topic;
  asked.partitions.push_back({.partition_index = partition});
  return request;
}

protocol::CreateTopicsRequest create(const std::string& name) {
  protocol::CreateTopicsRequest request;
  request.timeout_ms = 5000;
  auto& topic = request.topics.emplace_back();
  topic.name = name;
  topic.num_partitions = 1;
  topic.replication_factor = 3;
  return request;
}

TEST(ControllerListener, TellsOfTheQuorumAndWhoFollowsIt) {
  ReplicaCluster cluster;
  cluster.talk([&](runtime::World& world) {
    for (const bool at_controller : {true, false}) {
      Caller caller = at_controller ? call_controller(world) : Caller{world, "b1"};
      for (std::int16_t version = 0; version <= 2; ++version) {
        SCOPED_TRACE(version);
        const auto told = caller.ask<protocol::DescribeQuorumResponse>(describe_quorum(metadata), version);
        ASSERT_TRUE(told.has_value());
        const auto& partition = told->topics.at(0).partitions.at(0);
        EXPECT_EQ(partition.error_code, 0);
        EXPECT_EQ(partition.leader_id, controller_id);
        EXPECT_GT(partition.high_watermark, 0);
        ASSERT_THAT(partition.current_voters, SizeIs(1));
        EXPECT_EQ(partition.current_voters[0].replica_id, controller_id);
        std::vector<std::int32_t> observers;
        for (const auto& observer : partition.observers) observers.push_back(observer.replica_id);
        EXPECT_THAT(observers, testing::UnorderedElementsAre(0, 1, 2));
        if (version < 2) continue;
        ASSERT_THAT(told->nodes, SizeIs(1));
        EXPECT_EQ(told->nodes[0].listeners.at(0).host, "controller");
      }
    }
    Caller caller = call_controller(world);
    for (const auto& wrong : {describe_quorum("t"), describe_quorum(metadata, 1), describe_quorum(metadata, -1)}) {
      const auto told = caller.ask<protocol::DescribeQuorumResponse>(wrong, 2);
      ASSERT_TRUE(told.has_value());
      EXPECT_EQ(told->topics.at(0).partitions.at(0).error_code, wire(ErrorCode::unknown_topic_or_partition));
    }
  });
}

// KIP-919: each kind of listener tells of its own kind.
TEST(ControllerListener, DescribesControllersAndNotBrokers) {
  struct Row {
    bool at_controller;
    std::int8_t type;
    ErrorCode code;
    std::vector<std::int32_t> nodes;
  };
  const std::vector<Row> rows{
      {true, 2, ErrorCode::none, {controller_id}},         {true, 1, ErrorCode::mismatched_endpoint_type, {}},
      {true, 3, ErrorCode::unsupported_endpoint_type, {}}, {false, 1, ErrorCode::none, {0, 1, 2}},
      {false, 2, ErrorCode::mismatched_endpoint_type, {}}, {false, 0, ErrorCode::unsupported_endpoint_type, {}},
  };
  ReplicaCluster cluster;
  cluster.talk([&](runtime::World& world) {
    for (const Row& row : rows) {
      SCOPED_TRACE(std::string{row.at_controller ? "controller " : "broker "} + std::to_string(row.type));
      Caller caller = row.at_controller ? call_controller(world) : Caller{world, "b0"};
      protocol::DescribeClusterRequest request;
      request.endpoint_type = row.type;
      const auto told = caller.ask<protocol::DescribeClusterResponse>(request, 1);
      ASSERT_TRUE(told.has_value());
      EXPECT_EQ(told->error_code, wire(row.code));
      EXPECT_EQ(told->error_message.has_value(), row.code != ErrorCode::none);
      EXPECT_EQ(told->cluster_id, replica_cluster_id);
      EXPECT_EQ(told->endpoint_type, row.at_controller ? 2 : 1);
      std::vector<std::int32_t> nodes;
      for (const auto& node : told->brokers) nodes.push_back(node.broker_id);
      EXPECT_EQ(nodes, row.nodes);
      if (row.at_controller) {
        EXPECT_EQ(told->controller_id, row.code == ErrorCode::none ? controller_id : -1);
      }
    }
  });
}

TEST(ControllerListener, ServesTheVersionsThatItTellsOf) {
  ReplicaCluster cluster;
  cluster.talk([&](runtime::World& world) {
    for (const ListenerKind kind : {ListenerKind::broker, ListenerKind::controller}) {
      const auto call = [&] { return kind == ListenerKind::broker ? Caller{world, "b0"} : call_controller(world); };
      Caller caller = call();
      const auto told = caller.ask<protocol::ApiVersionsResponse>(protocol::ApiVersionsRequest{}, 0);
      ASSERT_TRUE(told.has_value());
      ASSERT_EQ(told->api_keys.size(), api_handlers(kind).size());
      for (const auto& api : told->api_keys) {
        if (api.api_key_ == 18) continue;  // answers what it does not know, too
        for (const std::int16_t version : {static_cast<std::int16_t>(api.max_version + 1), std::int16_t{-1}}) {
          Caller hostile = call();
          ByteBuffer bytes(30);
          store_be<std::int32_t>(bytes.data(), 26);
          store_be<std::int16_t>(bytes.data() + 4, api.api_key_);
          store_be<std::int16_t>(bytes.data() + 6, version);
          hostile.send(bytes);
          EXPECT_EQ(hostile.receive(), std::nullopt) << api.api_key_ << " v" << version;
        }
      }
    }
    Caller consumer = call_controller(world);
    const ByteBuffer batch = batch_of(1);
    EXPECT_FALSE(consumer.ask<protocol::ProduceResponse>(produce_of("t", batch, 1), 12)) << "that is for brokers";
  });
}

// ---- Envelope ----

ByteBuffer inner_of(const ByteBuffer& frame) { return {frame.begin() + 4, frame.end()}; }

std::optional<protocol::EnvelopeResponse> enclose(Caller& caller, ByteView inner) {
  protocol::EnvelopeRequest request;
  ByteBuffer bytes{inner.begin(), inner.end()};
  request.request_data = bytes;
  request.client_host_address = {10, 0, 0, 1};
  return caller.ask<protocol::EnvelopeResponse>(request, 0);
}

TEST(Envelope, HoldsTheAnswerThatTheClientWouldHaveHad) {
  ReplicaCluster cluster;
  cluster.talk([&](runtime::World& world) {
    Caller caller = call_controller(world);
    Caller client{world, "b0"};
    const auto answer = enclose(caller, inner_of(client.frame(create("t"), 7)));
    ASSERT_TRUE(answer.has_value());
    ASSERT_EQ(answer->error_code, 0);
    ASSERT_TRUE(answer->response_data.has_value());
    EXPECT_EQ(load_be<std::int32_t>(answer->response_data->data()), 1) << "the client's correlation id";
    protocol::Reader reader{ByteView{*answer->response_data}.subspan(5)};
    protocol::CreateTopicsResponse created;
    ASSERT_TRUE(decode(reader, 7, created));
    EXPECT_EQ(created.topics.at(0).error_code, 0);
  });
  EXPECT_TRUE(cluster.run_until([&] { return cluster.in_sync("t", 3); }));
}

TEST(Envelope, WhatMakesNoSenseIsRefusedAndNothingElse) {
  ReplicaCluster cluster;
  cluster.talk([&](runtime::World& world) {
    Caller client{world, "b0"};
    const ByteBuffer good = inner_of(client.frame(create("t"), 7));
    const auto with = [&](std::size_t at, std::int16_t value) {
      ByteBuffer bytes = good;
      store_be<std::int16_t>(bytes.data() + at, value);
      return bytes;
    };
    protocol::EnvelopeRequest nested;
    ByteBuffer innermost = good;
    nested.request_data = innermost;
    struct Row {
      std::string what;
      ByteBuffer inner;
      ErrorCode code;
    };
    const std::vector<Row> rows{
        {"nothing", {}, ErrorCode::invalid_request},
        {"half a header", ByteBuffer(good.begin(), good.begin() + 7), ErrorCode::invalid_request},
        {"half a body", ByteBuffer(good.begin(), good.end() - 6), ErrorCode::invalid_request},
        {"a version above", with(2, 8), ErrorCode::unsupported_version},
        {"a version below", with(2, 1), ErrorCode::unsupported_version},
        {"an API that brokers serve themselves", with(0, 0), ErrorCode::unsupported_version},
        {"an API of the quorum", with(0, 52), ErrorCode::unsupported_version},
        {"an API of brokers", with(0, 63), ErrorCode::unsupported_version},
        {"no API at all", with(0, 999), ErrorCode::unsupported_version},
        {"an envelope", inner_of(client.frame(nested, 0)), ErrorCode::unsupported_version},
    };
    Caller caller = call_controller(world);
    for (const Row& row : rows) {
      SCOPED_TRACE(row.what);
      const auto answer = enclose(caller, row.inner);
      ASSERT_TRUE(answer.has_value());
      EXPECT_EQ(answer->error_code, wire(row.code));
      EXPECT_FALSE(answer->response_data.has_value());
    }
    Random random{3};
    for (int i = 0; i < 200; ++i) {
      ByteBuffer bytes = good;
      for (int flips = 0; flips < 3; ++flips)
        bytes[random.below(bytes.size())] ^= static_cast<std::uint8_t>(1 + random.below(255));
      ASSERT_TRUE(enclose(caller, bytes).has_value()) << "mutation " << i;
    }
  });
}

// ---- the quorum's own requests ----

template <class Request>
Request about(const std::string& topic = metadata, std::int32_t partition = 0) {
  Request request;
  auto& asked = request.topics.emplace_back();
  if constexpr (requires { asked.topic_name; }) {
    asked.topic_name = topic;
  } else {
    asked.name = topic;
  }
  auto& one = asked.partitions.emplace_back();
  if constexpr (requires { one.partition_index; }) {
    one.partition_index = partition;
  } else {
    one.partition = partition;
  }
  return request;
}

template <class Response, class Request>
std::int16_t error_of(Caller& caller, const Request& request, std::int16_t version) {
  const auto answer = caller.ask<Response>(request, version);
  if (!answer) return -100;
  if (answer->error_code != 0 || answer->topics.empty()) return answer->error_code;
  return answer->topics.at(0).partitions.at(0).error_code;
}

TEST(ControllerListener, QuorumRequestsOfStrangersAreRefused) {
  ReplicaCluster cluster;
  cluster.talk([&](runtime::World& world) {
    Caller caller = call_controller(world);
    const auto vote = [&](const auto& spoil) {
      auto request = about<protocol::VoteRequest>();
      request.voter_id = controller_id;
      auto& asked = request.topics[0].partitions[0];
      asked.replica_id = 7;
      asked.replica_epoch = 1000;
      spoil(request, asked);
      return static_cast<ErrorCode>(error_of<protocol::VoteResponse>(caller, request, 2));
    };
    EXPECT_EQ(vote([](auto& request, auto&) { request.cluster_id = "another"; }), ErrorCode::inconsistent_cluster_id);
    EXPECT_EQ(vote([](auto& request, auto&) { request.topics[0].topic_name = "t"; }), ErrorCode::invalid_request);
    EXPECT_EQ(vote([](auto&, auto& asked) { asked.partition_index = 1; }), ErrorCode::invalid_request);
    EXPECT_EQ(vote([](auto&, auto& asked) { asked.last_offset = -1; }), ErrorCode::invalid_request);
    EXPECT_EQ(vote([](auto&, auto& asked) { asked.last_offset_epoch = asked.replica_epoch; }), ErrorCode::invalid_request);
    EXPECT_EQ(vote([](auto&, auto& asked) {
                asked.replica_epoch = 0;
                asked.pre_vote = true;
              }),
              ErrorCode::fenced_leader_epoch);
    const auto begin = [&](std::int32_t epoch, const std::string& id) {
      auto request = about<protocol::BeginQuorumEpochRequest>();
      request.cluster_id = id;
      request.topics[0].partitions[0].leader_id = 7;
      request.topics[0].partitions[0].leader_epoch = epoch;
      return static_cast<ErrorCode>(error_of<protocol::BeginQuorumEpochResponse>(caller, request, 1));
    };
    EXPECT_EQ(begin(5, "another"), ErrorCode::inconsistent_cluster_id);
    EXPECT_EQ(begin(-1, std::string{replica_cluster_id}), ErrorCode::invalid_request);
    EXPECT_EQ(begin(0, std::string{replica_cluster_id}), ErrorCode::fenced_leader_epoch);
    auto end = about<protocol::EndQuorumEpochRequest>();
    end.topics[0].partitions[0].leader_id = controller_id;
    EXPECT_EQ(static_cast<ErrorCode>(error_of<protocol::EndQuorumEpochResponse>(caller, end, 1)),
              ErrorCode::fenced_leader_epoch);
    const auto told = caller.ask<protocol::DescribeQuorumResponse>(describe_quorum(metadata), 2);
    ASSERT_TRUE(told.has_value());
    EXPECT_EQ(told->topics.at(0).partitions.at(0).leader_id, controller_id) << "it still leads";
  });
}

TEST(ControllerListener, SnapshotsThatAreNotThereAndVotersThatCannotBeAddedAreRefused) {
  ReplicaCluster cluster;
  cluster.talk([&](runtime::World& world) {
    Caller caller = call_controller(world);
    const auto leader = caller.ask<protocol::DescribeQuorumResponse>(describe_quorum(metadata), 2);
    ASSERT_TRUE(leader.has_value());
    auto snapshot = about<protocol::FetchSnapshotRequest>();
    snapshot.replica_id = 0;
    snapshot.max_bytes = 1000;
    auto& wanted = snapshot.topics[0].partitions[0];
    wanted.current_leader_epoch = leader->topics.at(0).partitions.at(0).leader_epoch;
    wanted.snapshot_id.end_offset = 5;
    wanted.snapshot_id.epoch = 1;
    EXPECT_EQ(static_cast<ErrorCode>(error_of<protocol::FetchSnapshotResponse>(caller, snapshot, 1)),
              ErrorCode::snapshot_not_found);
    wanted.current_leader_epoch += 5;
    EXPECT_EQ(static_cast<ErrorCode>(error_of<protocol::FetchSnapshotResponse>(caller, snapshot, 1)),
              ErrorCode::unknown_leader_epoch);
    protocol::AddRaftVoterRequest voter;
    voter.cluster_id = replica_cluster_id;
    voter.timeout_ms = 1000;
    voter.voter_id = 101;
    voter.voter_directory_id = Uuid{1, 101};
    voter.listeners.push_back({.name = "CONTROLLER", .host = "c2", .port = 9093});
    for (const bool at_controller : {true, false}) {
      Caller asked = at_controller ? call_controller(world) : Caller{world, "b0"};
      const auto added = asked.ask<protocol::AddRaftVoterResponse>(voter, 1);
      ASSERT_TRUE(added.has_value());
      EXPECT_EQ(static_cast<ErrorCode>(added->error_code), ErrorCode::unsupported_version) << "its voters are static";
    }
    voter.cluster_id = "another";
    const auto added = caller.ask<protocol::AddRaftVoterResponse>(voter, 1);
    ASSERT_TRUE(added.has_value());
    EXPECT_EQ(static_cast<ErrorCode>(added->error_code), ErrorCode::inconsistent_cluster_id);
  });
}

}  // namespace
}  // namespace squall::broker
