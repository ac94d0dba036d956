#include "broker/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "broker/config_keys.h"
#include "broker/controller_decisions.h"
#include "broker/topic_config.h"
#include "protocol/compression.h"
#include "protocol/error_code.h"

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
  ASSERT_EQ(config.config.listeners.size(), 1U) << "the controller's listener is not opened";
  EXPECT_EQ(config.config.listeners[0].advertised_host, "localhost");
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
  EXPECT_THAT(error_of("process.roles=broker"), HasSubstr("set it to 'broker,controller'"));
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
  MetadataImage image;
  const auto topic = std::make_shared<TopicImage>();
  image.topics.set("orders", topic);
  const std::string key = "leader.replication.throttled.replicas";
  image.configs.set({ConfigResource::topic, "orders"},
                    std::make_shared<const ConfigValues>(ConfigValues{{key, std::string(20'000, 'a')}}));
  protocol::IncrementalAlterConfigsRequest request;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = static_cast<std::int8_t>(ConfigResource::topic);
  resource.resource_name = "orders";
  constexpr std::int8_t append = 2;
  resource.configs.push_back({.name = key, .config_operation = append, .value = std::string(20'000, 'b')});
  Random random{1};
  const auto refused = decide_alter_configs({image, made.config, random}, request);
  EXPECT_TRUE(refused.records.empty());
  EXPECT_EQ(refused.response.responses[0].error_code, static_cast<std::int16_t>(protocol::ErrorCode::invalid_config));
  resource.configs[0].value = std::string(12'000, 'b');
  EXPECT_EQ(decide_alter_configs({image, made.config, random}, request).records.size(), 1U);
}

TEST(TopicConfigs, ABadOneIsNamed) {
  EXPECT_EQ(check_topic_config("retention.ms", "5"), std::nullopt);
  EXPECT_THAT(check_topic_config("retention.ms", "x").value_or(""), HasSubstr("retention.ms"));
  EXPECT_EQ(check_topic_config("nope", "1"), "Unknown topic config name: nope");
}

}  // namespace
}  // namespace squall::broker
