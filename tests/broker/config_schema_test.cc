// What IncrementalAlterConfigs lets pass.
#include "broker/config_schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/config_keys.h"
#include "broker/topic_config.h"

namespace squall::broker {
namespace {

using raft::ConfigResource;
using testing::HasSubstr;

constexpr std::string_view leader_rate = "leader.replication.throttled.rate";

BrokerConfig plain_config() { return broker_config_from({})->config; }

TEST(BrokerConfigs, OnlyTheRatesOfThrottledReplicationAreSetWhileBrokersRun) {
  const BrokerConfig config = plain_config();
  const BrokerConfigSchema schema{config};
  EXPECT_EQ(schema.refuses(ConfigResource::broker, {std::string{leader_rate}}), std::nullopt);
  EXPECT_EQ(schema.refuses(ConfigResource::broker, {std::string{leader_rate}, "num.partitions", "log.dirs"}),
            "Cannot update these configs dynamically: num.partitions,log.dirs");
  for (const ConfigKey& key : dynamic_broker_config_keys()) {
    EXPECT_TRUE(schema.knows(ConfigResource::broker, key.name)) << key.name;
    EXPECT_FALSE(schema.is_list(ConfigResource::broker, key.name)) << key.name;
    EXPECT_FALSE(schema.knows(ConfigResource::topic, key.name)) << key.name;
    EXPECT_EQ(find_broker_config_key(key.name), nullptr) << key.name << " is no key of server.properties";
    EXPECT_EQ(check_value(key, *key.default_value), std::nullopt) << key.name;
  }
}

TEST(BrokerConfigs, ARateIsAWholeNumberOfBytes) {
  const BrokerConfig config = plain_config();
  const BrokerConfigSchema schema{config};
  EXPECT_EQ(schema.check(ConfigResource::broker, leader_rate, "1000000"), std::nullopt);
  for (const std::string_view wrong : {"-1", "fast", ""}) {
    EXPECT_THAT(schema.check(ConfigResource::broker, leader_rate, wrong).value_or(""), HasSubstr(leader_rate)) << wrong;
  }
}

TEST(BrokerConfigs, ABrokersOwnRateWinsOverThatOfAll) {
  const BrokerConfig config = plain_config();
  const BrokerConfigSchema schema{config};
  const raft::ConfigValues own{{std::string{leader_rate}, "5"}};
  const raft::ConfigValues all{{std::string{leader_rate}, "7"}};
  EXPECT_EQ(schema.effective(ConfigResource::broker, leader_rate, own, all), "5");
  EXPECT_EQ(schema.effective(ConfigResource::broker, leader_rate, {}, all), "7");
  EXPECT_EQ(schema.effective(ConfigResource::broker, leader_rate, {}, {}), "9223372036854775807") << "no limit";
}

TEST(TopicConfigs, ThrottledReplicasAreListedByPartitionAndBroker) {
  for (const std::string_view key : {"leader.replication.throttled.replicas", "follower.replication.throttled.replicas"}) {
    for (const std::string_view right : {"", "*", "0:1", "0:1,3:2"}) {
      EXPECT_EQ(check_topic_config(key, right), std::nullopt) << key << "=" << right;
    }
    for (const std::string_view wrong : {"orders", "0", "0:", ":1", "0:1,x", "0:1:2", "*,0:1"}) {
      EXPECT_THAT(check_topic_config(key, wrong).value_or(""), HasSubstr("[partitionId]:[brokerId]")) << key << "=" << wrong;
    }
  }
}

}  // namespace
}  // namespace squall::broker
