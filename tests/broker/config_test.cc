#include "broker/config.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "broker/config_keys.h"
#include "broker/config_schema.h"
#include "broker/topic_config.h"
#include "protocol/compression.h"
#include "protocol/error_code.h"
#include "raft/controller/configs.h"

namespace squall::broker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

ParsedConfig parsed(std::string text) {
  auto result = parse_broker_config({.file = "server.properties", .text = std::move(text), .overrides = {}});
  EXPECT_TRUE(result.has_value()) << result.error();
  return std::move(result.value());
}

std::string error_of(std::string text) {
  auto result = parse_broker_config({.file = "server.properties", .text = std::move(text), .overrides = {}});
  return result ? std::string{"accepted"} : result.error();
}

TEST(Config, TheReferencePageIsThatOfTheTables) {
  const char* source = std::getenv("SQUALL_SOURCE_DIR");
  ASSERT_NE(source, nullptr) << "run by meson test, which sets SQUALL_SOURCE_DIR";
  std::ifstream page{std::string{source} + "/docs/configuration.md"};
  std::ostringstream text;
  text << page.rdbuf();
  EXPECT_TRUE(text.str() == config_reference_page())
      << "docs/configuration.md: make it anew with squall-broker --print-config-reference";
}

TEST(Properties, FollowJavasRules) {
  const auto properties = parse_properties("# comment\n! also\n a.b = x # y \nc:d\\\n   e\nf g\nh=\\u0041\\t\\:\n");
  ASSERT_TRUE(properties.has_value());
  ASSERT_EQ(properties->size(), 4U);
  EXPECT_EQ((*properties)[0].key, "a.b");
  EXPECT_EQ((*properties)[0].value, "x # y");
  EXPECT_EQ((*properties)[0].line, 3U);
  EXPECT_EQ((*properties)[1].value, "de");
  EXPECT_EQ((*properties)[2].value, "g");
  EXPECT_EQ((*properties)[2].line, 6U);
  EXPECT_EQ((*properties)[3].value, "A\t:");
}

TEST(Properties, NameTheLineOfABadEscape) {
  const auto properties = parse_properties("a=1\nb=\\u00x1\n");
  ASSERT_FALSE(properties.has_value());
  EXPECT_EQ(properties.error().line, 2U);
}

TEST(Config, EveryDefaultIsAValidValueOfItsKey) {
  for (const ConfigKey& key : broker_config_keys()) {
    if (key.default_value) {
      EXPECT_EQ(check_value(key, *key.default_value), std::nullopt) << key.name;
    }
  }
  for (const TopicConfigKey& row : topic_config_keys()) {
    if (row.key.default_value && !row.key.default_value->empty()) {
      EXPECT_EQ(check_value(row.key, *row.key.default_value), std::nullopt) << row.key.name;
    }
    for (const Synonym& synonym : row.synonyms) {
      if (!synonym.broker_key.empty()) {
        EXPECT_NE(find_broker_config_key(synonym.broker_key), nullptr) << synonym.broker_key;
      }
    }
  }
}

TEST(Config, ATopicsDefaultsAreThoseOfTheBrokersDefaults) {
  const BrokerConfig broker = parsed("").config;
  for (const TopicConfigKey& row : topic_config_keys()) {
    const EffectiveValue value = effective_value(row, {}, broker);
    const auto expected = row.key.default_value ? std::optional<std::string>{*row.key.default_value} : std::nullopt;
    EXPECT_EQ(value.value, expected) << row.key.name;
    EXPECT_EQ(value.origin, ConfigOrigin::fallback);
  }
}

TEST(Config, AnEmptyFileGivesAWorkingNode) {
  const ParsedConfig config = parsed("");
  EXPECT_THAT(config.warnings, IsEmpty());
  EXPECT_EQ(config.config.node_id, NodeId{1});
  ASSERT_EQ(config.config.listeners.size(), 1U);
  EXPECT_EQ(config.config.listeners[0].port, 9092);
  EXPECT_THAT(config.config.log_dirs, ElementsAre("/tmp/kafka-logs"));
}

TEST(Config, KafkasOwnSampleFileIsAccepted) {
  const ParsedConfig config = parsed(
      "process.roles=broker,controller\nnode.id=7\ncontroller.quorum.bootstrap.servers=localhost:9093\n"
      "listeners=PLAINTEXT://:9092,CONTROLLER://:9093\ninter.broker.listener.name=PLAINTEXT\n"
      "advertised.listeners=PLAINTEXT://localhost:9092,\ncontroller.listener.names=CONTROLLER\n"
      "num.network.threads=3\nlog.dirs=/tmp/kraft-combined-logs\nnum.partitions=1\nlog.retention.hours=168\n"
      "offsets.topic.replication.factor=1\ntransaction.state.log.min.isr=1\n");
  EXPECT_THAT(config.warnings, IsEmpty());
  ASSERT_EQ(config.config.listeners.size(), 1U);
  EXPECT_EQ(config.config.listeners[0].advertised_host, "localhost");
  ASSERT_EQ(config.config.controller_listeners.size(), 1U);
  EXPECT_EQ(config.config.controller_listeners[0].port, 9093);
  EXPECT_EQ(config.config.inter_broker_listener, "PLAINTEXT");
  EXPECT_THAT(config.config.bootstrap_servers, ElementsAre(runtime::Endpoint{"localhost", 9093}));
  EXPECT_FALSE(config.config.is_alone());
  EXPECT_EQ(config.config.node_id, NodeId{7});
}

TEST(Config, AnUnknownKeyIsAWarningWithTheNearestKnownOne) {
  const ParsedConfig config = parsed("log.segment.byts=2000000\nzzz=1\n");
  ASSERT_EQ(config.warnings.size(), 2U);
  EXPECT_EQ(config.warnings[0],
            "server.properties:1: log.segment.byts: unknown key, ignored; did you mean 'log.segment.bytes'?");
  EXPECT_EQ(config.warnings[1], "server.properties:2: zzz: unknown key, ignored");
}

TEST(Config, ABadValueIsAnErrorWithFileLineKeyAndRemedy) {
  EXPECT_EQ(error_of("\nlog.segment.bytes=lots\n"),
            "server.properties:2: log.segment.bytes: must be a whole number from 14 to 2147483647, not 'lots'; the default is "
            "'1073741824'; remove the line to use it");
  EXPECT_THAT(error_of("auto.create.topics.enable=yes"), HasSubstr("must be true or false"));
  EXPECT_THAT(error_of("num.partitions=0"), HasSubstr("from 1 to"));
  EXPECT_THAT(error_of("num.partitions=99999999999"), HasSubstr("from 1 to"));
  EXPECT_THAT(error_of("compression.type=brotli"), HasSubstr("must be one of"));
  EXPECT_THAT(error_of("log.cleaner.min.cleanable.ratio=1.5"), HasSubstr("must be a number"));
}

TEST(Config, BadListenersAreErrors) {
  EXPECT_THAT(error_of("listeners=localhost:9092"), HasSubstr("PLAINTEXT://host:port"));
  EXPECT_THAT(error_of("listeners=PLAINTEXT://:99999"), HasSubstr("no valid port"));
  EXPECT_THAT(error_of("listeners=SSL://:9092"), HasSubstr("PLAINTEXT is what is served"));
  EXPECT_THAT(error_of("listeners=CONTROLLER://:9092"), HasSubstr("no listener of the broker role"));
  EXPECT_THAT(error_of("advertised.listeners=FOO://h:1"), HasSubstr("not one of the listeners"));
  EXPECT_THAT(error_of("listeners=PLAINTEXT://:1,PLAINTEXT://:2"), HasSubstr("repeats"));
}

TEST(NodeRoles, AnEmptyFileIsAQuorumOfItsOwn) {
  const BrokerConfig config = parsed("").config;
  EXPECT_TRUE(config.is_broker);
  EXPECT_TRUE(config.is_controller);
  EXPECT_TRUE(config.is_alone());
  EXPECT_THAT(config.controller_listeners, IsEmpty());
  EXPECT_EQ(config.inter_broker_listener, "PLAINTEXT");
  EXPECT_EQ(config.controller_listener_name, "CONTROLLER");
}

TEST(NodeRoles, VotersAreReadAndOrderedById) {
  const BrokerConfig config = parsed(
                                  "process.roles=controller\nnode.id=102\nlisteners=CONTROLLER://c2:9093\n"
                                  "controller.quorum.voters= 103@c3:9093 , 101@[::1]:9093,102@c2:9093\n")
                                  .config;
  EXPECT_FALSE(config.is_broker);
  EXPECT_TRUE(config.is_controller);
  EXPECT_FALSE(config.is_alone());
  EXPECT_THAT(config.quorum_voters, ElementsAre(QuorumVoter{NodeId{101}, {"::1", 9093}}, QuorumVoter{NodeId{102}, {"c2", 9093}},
                                                QuorumVoter{NodeId{103}, {"c3", 9093}}));
  EXPECT_THAT(config.listeners, IsEmpty());
  ASSERT_EQ(config.controller_listeners.size(), 1U);
  EXPECT_EQ(config.controller_listeners[0].host, "c2");
  EXPECT_EQ(config.inter_broker_listener, "");
}

TEST(NodeRoles, ABrokerFindsItsQuorumByBootstrapServers) {
  const BrokerConfig config = parsed(
                                  "process.roles=broker\nlisteners=PLAINTEXT://:9092,INTERNAL://:9094\n"
                                  "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT\n"
                                  "inter.broker.listener.name=INTERNAL\ncontroller.quorum.bootstrap.servers=c2:9093,c1:9093\n")
                                  .config;
  EXPECT_FALSE(config.is_controller);
  EXPECT_THAT(config.bootstrap_servers, ElementsAre(runtime::Endpoint{"c2", 9093}, runtime::Endpoint{"c1", 9093}))
      << "in the order they were given";
  EXPECT_EQ(config.listeners.size(), 2U);
  EXPECT_EQ(config.inter_broker_listener, "INTERNAL");
}

TEST(NodeRoles, ControllerListenersAreAdvertisedToo) {
  const BrokerConfig config =
      parsed(
          "listeners=PLAINTEXT://:9092,CTRL://:9093\ncontroller.listener.names=CTRL\n"
          "advertised.listeners=PLAINTEXT://b:9092,CTRL://c:19093\ncontroller.quorum.voters=1@c:19093\n")
          .config;
  ASSERT_EQ(config.controller_listeners.size(), 1U) << "PLAINTEXT without a map, as in Kafka";
  EXPECT_EQ(config.controller_listeners[0].advertised_host, "c");
  EXPECT_EQ(config.controller_listeners[0].advertised_port, 19093);
  EXPECT_EQ(config.controller_listener_name, "CTRL");
}

TEST(NodeRoles, WhatCannotFormAClusterIsRefused) {
  const std::string both = "listeners=PLAINTEXT://:9092,CONTROLLER://:9093\n";
  const std::string broker = "process.roles=broker\n";
  const std::string controller = "process.roles=controller\nlisteners=CONTROLLER://:9093\n";
  const std::pair<std::string, std::string_view> rows[] = {
      {"process.roles=", "process.roles: must name at least one of"},
      {"process.roles=broker,zookeeper", "process.roles: must be words out of"},
      {"process.roles=broker,broker", "process.roles: names a role twice"},
      {broker, "process.roles: a node of only one role must know its quorum"},
      {controller, "process.roles: a node of only one role must know its quorum"},
      {both + "controller.quorum.voters=1@a:1\ncontroller.quorum.bootstrap.servers=a:1", "a quorum is static or not"},
      {both + "controller.quorum.voters=1", "'1' is no voter; write each as id@host:port"},
      {both + "controller.quorum.voters=a@b:1", "is no voter"},
      {both + "controller.quorum.voters=-1@b:1", "is no voter"},
      {both + "controller.quorum.voters=1@b", "is no voter"},
      {both + "controller.quorum.voters=1@:9093", "is no voter"},
      {both + "controller.quorum.voters=1@b:0", "is no voter"},
      {both + "controller.quorum.voters=1@b:70000", "is no voter"},
      {both + "controller.quorum.voters=1@::1:9093", "is no voter"},
      {both + "controller.quorum.voters=1@a:1,1@b:1", "names voter 1 twice"},
      {both + "controller.quorum.voters=1@a:1,2@a:1", "voters 1 and 2 cannot both listen on a:1"},
      {both + "controller.quorum.voters=2@a:1,3@b:1", "the node id 1 must be included in the set of voters 2,3"},
      {both + "controller.quorum.voters=1@a:1\ncontroller.quorum.auto.join.enable=true", "only a quorum that keeps its voters"},
      {broker + "controller.quorum.voters=1@a:1,2@b:1", "the node id 1 must not be included in the set of voters 1,2"},
      {broker + "controller.quorum.bootstrap.servers=a", "'a' is no address; write each as host:port"},
      {broker + "controller.quorum.bootstrap.servers=,", "names no server"},
      {broker + both + "controller.quorum.bootstrap.servers=a:1", "must not contain a listener of controller.listener.names"},
      {broker + "controller.listener.names=\ncontroller.quorum.bootstrap.servers=a:1", "controller.listener.names: names no"},
      {broker + "listener.security.protocol.map=PLAINTEXT:PLAINTEXT\ncontroller.quorum.bootstrap.servers=a:1",
       "controller.listener.names: 'CONTROLLER' has security protocol unknown"},
      {"process.roles=controller\ncontroller.quorum.voters=1@a:1", "listeners: must only contain listeners of controller"},
      {"process.roles=controller\n" + both + "controller.quorum.voters=1@a:1", "must only contain listeners of controller"},
      {"controller.quorum.voters=1@a:1,2@b:1", "'CONTROLLER' must appear in listeners"},
      {"controller.quorum.bootstrap.servers=a:1", "'CONTROLLER' must appear in listeners"},
      {"inter.broker.listener.name=CONTROLLER\n" + both, "is a listener of the controller role"},
      {"inter.broker.listener.name=INTERNAL\n" + both,
       "'INTERNAL' must be a listener name defined in advertised.listeners; the "
       "valid options based on currently configured listeners are PLAINTEXT"},
      {"advertised.listeners=PLAINTEXT://0.0.0.0:9092", "names no host that clients could connect to"},
      {"advertised.listeners=PLAINTEXT://a:1,PLAINTEXT://b:1", "names 'PLAINTEXT' twice"},
      {"replica.lag.time.max.ms=100", "replica.fetch.wait.max.ms: must be at most replica.lag.time.max.ms"},
  };
  for (const auto& [text, error] : rows) EXPECT_THAT(error_of(text), HasSubstr(error)) << text;
}

TEST(NodeRoles, AnErrorNamesTheLineOfItsKey) {
  EXPECT_EQ(
      error_of("listeners=PLAINTEXT://:9092,CONTROLLER://:9093\n\ncontroller.quorum.voters=2@a:9093\n"),
      "server.properties:3: controller.quorum.voters: if process.roles contains the 'controller' role, the node id 1 must "
      "be included in the set of voters 2");
}

TEST(NodeRoles, HeartbeatsThatOneLossMakesTooLateAreAWarning) {
  EXPECT_THAT(parsed("broker.heartbeat.interval.ms=5000").warnings,
              ElementsAre(HasSubstr("server.properties:1: broker.heartbeat.interval.ms: 5000 is more than half")));
  EXPECT_THAT(parsed("broker.heartbeat.interval.ms=4500").warnings, IsEmpty());
}

TEST(NodeRoles, TimersAndSizesOfTheClusterHaveKafkasDefaults) {
  const BrokerConfig config = parsed("").config;
  const std::pair<std::string_view, std::int64_t> rows[] = {
      {"controller.quorum.election.timeout.ms", 1000},
      {"controller.quorum.fetch.timeout.ms", 2000},
      {"controller.quorum.election.backoff.max.ms", 1000},
      {"controller.quorum.append.linger.ms", 25},
      {"controller.quorum.request.timeout.ms", 2000},
      {"controller.quorum.retry.backoff.ms", 20},
      {"metadata.log.segment.bytes", 1 << 30},
      {"metadata.log.segment.ms", 604'800'000},
      {"metadata.log.max.record.bytes.between.snapshots", 20 << 20},
      {"metadata.log.max.snapshot.interval.ms", 3'600'000},
      {"metadata.max.retention.bytes", 100 << 20},
      {"metadata.max.retention.ms", 604'800'000},
      {"metadata.max.idle.interval.ms", 500},
      {"broker.heartbeat.interval.ms", 2000},
      {"broker.session.timeout.ms", 9000},
      {"initial.broker.registration.timeout.ms", 60'000},
      {"replica.lag.time.max.ms", 30'000},
      {"replica.fetch.max.bytes", 1 << 20},
      {"replica.fetch.response.max.bytes", 10 << 20},
      {"replica.fetch.min.bytes", 1},
      {"replica.fetch.wait.max.ms", 500},
      {"replica.fetch.backoff.ms", 1000},
      {"num.replica.fetchers", 1},
      {"leader.imbalance.check.interval.seconds", 300},
      {"min.insync.replicas", 1},
      {"default.replication.factor", 1},
      {"replication.quota.window.num", 11},
      {"replication.quota.window.size.seconds", 1},
  };
  for (const auto& [key, value] : rows) EXPECT_EQ(config.integer(key), value) << key;
  EXPECT_FALSE(config.boolean("controller.quorum.auto.join.enable"));
  EXPECT_FALSE(config.boolean("unclean.leader.election.enable"));
  EXPECT_TRUE(config.boolean("auto.leader.rebalance.enable"));
  EXPECT_TRUE(config.boolean("controlled.shutdown.enable"));
  EXPECT_EQ(config.text("replica.selector.class"), std::nullopt);
}

TEST(Config, DirectoriesAreMadeAbsoluteAndMustDiffer) {
  auto config = parse_broker_config({.file = "f", .text = "log.dirs=a, /b/ ,a2\n", .overrides = {}, .working_dir = "/srv"});
  ASSERT_TRUE(config.has_value());
  EXPECT_THAT(config->config.log_dirs, ElementsAre("/srv/a", "/b", "/srv/a2"));
  EXPECT_EQ(config->config.metadata_log_dir, "/srv/a");
  EXPECT_THAT(error_of("log.dirs=/a,/a/"), HasSubstr("twice"));
}

TEST(Config, AnOverrideWinsOverTheFile) {
  auto config = parse_broker_config({.file = "f", .text = "num.partitions=3\n", .overrides = {{"num.partitions", "5"}}});
  ASSERT_TRUE(config.has_value());
  EXPECT_EQ(config->config.num_partitions, 5);
  EXPECT_THAT(config->warnings, IsEmpty());
}

TEST(TopicConfigs, OverridesWinOverTheBrokerAndTheBrokerOverDefaults) {
  const BrokerConfig broker = parsed("log.retention.minutes=10\nlog.retention.hours=5\nlog.roll.hours=2\n").config;
  EXPECT_EQ(resolve_topic_config({}, broker).log.retention_ms, 600'000) << "minutes are looked at before hours";
  EXPECT_EQ(resolve_topic_config({}, broker).log.segment_ms, 7'200'000);
  EXPECT_EQ(resolve_topic_config({{"retention.ms", "-1"}}, broker).log.retention_ms, -1);
  EXPECT_EQ(resolve_topic_config({{"compression.type", "zstd"}}, broker).compression_level, 3);
  EXPECT_EQ(resolve_topic_config({{"compression.type", "lz4"}}, broker).compression_level, protocol::Compressor::lz4_level)
      << "Kafka's default of 9 is the fast compressor";
  EXPECT_EQ(resolve_topic_config({{"compression.type", "lz4"}, {"compression.lz4.level", "10"}}, broker).compression_level, 10);
}

TEST(TopicConfigs, AListGrowsNoLongerThanAStringMayBe) {
  const auto made = parsed("");
  raft::MetadataImage image;
  const auto topic = std::make_shared<raft::TopicImage>();
  image.topics.set("orders", topic);
  const std::string key = "leader.replication.throttled.replicas";
  const auto replicas = [](int first, int count) {
    std::string list;
    for (int number = first; number < first + count; ++number) list += fmt::format("{}{}:1", list.empty() ? "" : ",", number);
    return list;
  };
  image.configs.set({raft::ConfigResource::topic, "orders"},
                    std::make_shared<const ConfigValues>(ConfigValues{{key, replicas(1000, 2800)}}));
  protocol::IncrementalAlterConfigsRequest request;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = static_cast<std::int8_t>(raft::ConfigResource::topic);
  resource.resource_name = "orders";
  constexpr std::int8_t append = 2;
  resource.configs.push_back({.name = key, .config_operation = append, .value = replicas(5000, 2800)});
  Random random{1};
  const BrokerConfigSchema schema{made.config};
  const raft::ControllerSettings settings;
  const raft::DecisionContext context{image, settings, schema, random};
  const auto refused = raft::decide_alter_configs(context, request);
  EXPECT_TRUE(refused.records.empty());
  EXPECT_EQ(refused.response.responses[0].error_code, static_cast<std::int16_t>(protocol::ErrorCode::invalid_config));
  resource.configs[0].value = replicas(5000, 1500);
  EXPECT_EQ(raft::decide_alter_configs(context, request).records.size(), 1U);
}

TEST(BrokerConfigs, OnlyTheRatesOfThrottledReplicationCanBeAltered) {
  const auto made = parsed("");
  const BrokerConfigSchema schema{made.config};
  const auto broker = raft::ConfigResource::broker;
  const std::string rate = "leader.replication.throttled.rate";
  EXPECT_EQ(schema.refuses(broker, {rate, "follower.replication.throttled.rate"}), std::nullopt);
  EXPECT_EQ(schema.refuses(broker, {rate, "num.io.threads", "nope"}),
            "Cannot update these configs dynamically: num.io.threads,nope");
  EXPECT_TRUE(schema.knows(broker, rate));
  EXPECT_FALSE(schema.knows(raft::ConfigResource::topic, rate));
  EXPECT_FALSE(schema.is_list(broker, rate));
  EXPECT_EQ(schema.check(broker, rate, "0"), std::nullopt);
  for (const std::string value : {"-1", "x", "", "1.5", "9223372036854775808"}) {
    EXPECT_THAT(schema.check(broker, rate, value).value_or(""), HasSubstr(rate)) << value;
  }
  EXPECT_EQ(schema.effective(broker, rate, {}, {}), "9223372036854775807");
  EXPECT_EQ(schema.effective(broker, rate, {}, {{rate, "5"}}), "5");
  EXPECT_EQ(schema.effective(broker, rate, {{rate, "7"}}, {{rate, "5"}}), "7");
}

TEST(TopicConfigs, ABadOneIsNamed) {
  EXPECT_EQ(check_topic_config("retention.ms", "5"), std::nullopt);
  EXPECT_THAT(check_topic_config("retention.ms", "x").value_or(""), HasSubstr("retention.ms"));
  EXPECT_EQ(check_topic_config("nope", "1"), "Unknown topic config name: nope");
}

}  // namespace
}  // namespace squall::broker
