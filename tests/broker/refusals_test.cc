// What is refused, and in which words.
#include "protocol/error_code.h"
#include "protocol/messages/api_versions.h"
#include "protocol/messages/create_partitions.h"
#include "protocol/messages/create_topics.h"
#include "protocol/messages/describe_configs.h"
#include "protocol/messages/fetch.h"
#include "protocol/messages/incremental_alter_configs.h"
#include "protocol/messages/produce.h"
#include "tests/broker/fixture.h"

namespace squall::broker {
namespace {

using protocol::ErrorCode;
using RefusalsTest = BrokerTest;

const std::string huge(32'767, 'x');  // as long as a string of the protocol may be
constexpr std::size_t message_bytes_max = 1'000;

TEST_F(RefusalsTest, AnErrorThatQuotesALongValueIsStillAnswered) {
  start();
  talk([](Caller& caller) {
    protocol::CreateTopicsRequest create;
    create.topics.push_back({.name = huge, .num_partitions = 1, .replication_factor = 1, .assignments = {}, .configs = {}});
    create.topics.push_back(
        {.name = "t", .num_partitions = 1, .replication_factor = 1, .assignments = {}, .configs = {{"retention.ms", huge}}});
    create.topics.push_back(
        {.name = "u", .num_partitions = 1, .replication_factor = 1, .assignments = {}, .configs = {{huge, huge}}});
    create.topics.push_back(
        {.name = "v", .num_partitions = 1, .replication_factor = 1, .assignments = {}, .configs = {{huge, std::nullopt}}});
    const auto created = caller.ask<protocol::CreateTopicsResponse>(create, 7);
    ASSERT_TRUE(created) << "the connection was closed";
    ASSERT_EQ(created->topics.size(), 4U);
    for (const auto& topic : created->topics) {
      EXPECT_NE(topic.error_code, 0);
      EXPECT_LT(topic.error_message->size(), message_bytes_max);
    }
    protocol::IncrementalAlterConfigsRequest alter;
    for (const std::int8_t type : {std::int8_t{2}, std::int8_t{4}, std::int8_t{8}}) {
      auto& resource = alter.resources.emplace_back();
      resource.resource_type = type;
      resource.resource_name = huge;
      for (int i = 0; i < 3; ++i) resource.configs.push_back({.name = huge, .config_operation = 0, .value = huge});
    }
    const auto altered = caller.ask<protocol::IncrementalAlterConfigsResponse>(alter, 1);
    ASSERT_TRUE(altered) << "the connection was closed";
    for (const auto& resource : altered->responses) {
      EXPECT_NE(resource.error_code, 0);
      EXPECT_LT(resource.error_message->size(), message_bytes_max);
    }
    protocol::DescribeConfigsRequest describe;
    auto& resource = describe.resources.emplace_back();
    resource.resource_type = 4;
    resource.resource_name = huge;
    const auto described = caller.ask<protocol::DescribeConfigsResponse>(describe, 4);
    ASSERT_TRUE(described) << "the connection was closed";
    EXPECT_EQ(described->results.at(0).error_code, wire(ErrorCode::invalid_request));
    EXPECT_LT(described->results.at(0).error_message->size(), message_bytes_max);
  });
}

TEST_F(RefusalsTest, ByTopicIdAnUnknownOneAndZeroAreUnknownTopicIds) {
  start();
  talk([](Caller& caller) {
    for (const Uuid id : {Uuid{}, Uuid{.most_significant = 1, .least_significant = 2}}) {
      const ByteBuffer records = batch_of(1);
      protocol::ProduceRequest produce;
      produce.acks = -1;
      auto& data = produce.topic_data.emplace_back();
      data.topic_id = id;
      data.partition_data.push_back({0, protocol::Records::of(records)});
      const auto produced = caller.ask<protocol::ProduceResponse>(produce, 13);
      ASSERT_TRUE(produced);
      EXPECT_EQ(produced->responses.at(0).partition_responses.at(0).error_code, wire(ErrorCode::unknown_topic_id));
      for (const std::int16_t version : {std::int16_t{13}, std::int16_t{18}}) {
        protocol::FetchRequest fetch;
        fetch.max_bytes = 1 << 20;
        auto& topic = fetch.topics.emplace_back();
        topic.topic_id = id;
        topic.partitions.emplace_back().partition_max_bytes = 1 << 20;
        const auto fetched = caller.ask<protocol::FetchResponse>(fetch, version);
        ASSERT_TRUE(fetched);
        EXPECT_EQ(fetched->responses.at(0).partitions.at(0).error_code, wire(ErrorCode::unknown_topic_id)) << version;
      }
    }
  });
}

// The broker stands still while all of them arrive, and then finds them in one go.
TEST_F(RefusalsTest, ABurstOfConnectionsDoesNotOvershootTheLimits) {
  for (const std::string key : {"max.connections", "max.connections.per.ip"}) {
    start({{key, "3"}});
    talk([this, &key](Caller& first) {
      constexpr int connections = 20;
      EXPECT_TRUE(first.ask<protocol::ApiVersionsResponse>(protocol::ApiVersionsRequest{}, 0));
      broker_node->pause(500ms);
      int served = 0;
      int ended = 0;
      runtime::WaitQueue done{first.world()};
      for (int i = 0; i < connections; ++i) {
        first.world().spawn("burst", [&] {
          Caller one{first.world(), "broker"};
          if (one.ask<protocol::ApiVersionsResponse>(protocol::ApiVersionsRequest{}, 0)) ++served;
          ++ended;
          done.wake_all();
          first.world().sleep_until(first.world().now() + 2s);  // holds its connection
        });
      }
      while (ended < connections) ASSERT_EQ(done.wait(first.world().now() + 10s), runtime::Wake::unparked);
      EXPECT_EQ(served, 2) << key;
      first.world().sleep_until(first.world().now() + 3s);
      Caller later{first.world(), "broker"};
      EXPECT_TRUE(later.ask<protocol::ApiVersionsResponse>(protocol::ApiVersionsRequest{}, 0)) << "they are free again";
    });
    broker_node->request_stop();
    simulation.run_for(5s);
  }
}

}  // namespace
}  // namespace squall::broker
