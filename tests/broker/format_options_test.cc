#include "broker/format_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "log/files.h"
#include "log/meta_properties.h"
#include "raft/metadata/record_version.h"
#include "raft/shell/format.h"
#include "tests/broker/voter_cluster.h"

namespace squall::broker {
namespace {

using testing::HasSubstr;

BrokerConfig config_of(const ConfigValues& values) {
  auto parsed = broker_config_from(values);
  EXPECT_TRUE(parsed.has_value()) << (parsed ? "" : parsed.error());
  return parsed->config;
}

const ConfigValues controller{{"process.roles", "controller"},
                              {"node.id", "1"},
                              {"listeners", "CONTROLLER://c1:9093"},
                              {"controller.listener.names", "CONTROLLER"},
                              {"controller.quorum.bootstrap.servers", "c1:9093"}};

ConfigValues with_static_voters() {
  ConfigValues values = controller;
  values.erase("controller.quorum.bootstrap.servers");
  values["controller.quorum.voters"] = "1@c1:9093";
  return values;
}

ConfigValues only_broker() {
  ConfigValues values = controller;
  values["process.roles"] = "broker";
  values["listeners"] = "PLAINTEXT://b:9092";
  return values;
}

constexpr std::string_view two = "2@c2:9093:AAAAAAAAQACAAAAAAAAAAg,1@c1:9093:AAAAAAAAQACAAAAAAAAAAQ";

TEST(FirstVotersOfAQuorum, AreWhatTheOptionsSayByKafkasRules) {
  struct Case {
    const char* what;
    ConfigValues values;
    FirstVoters said;
    const char* voters;   // as text, "none", or
    const char* refusal;  // part of what is said
  };
  const std::vector<Case> cases{
      {"standalone", controller, FirstVoters::standalone, "1:AAAAAAAAAAAAAAAAAAAABw", ""},
      {"named", controller, FirstVoters::named, "1:AAAAAAAAQACAAAAAAAAAAQ,2:AAAAAAAAQACAAAAAAAAAAg", ""},
      {"to be added", controller, FirstVoters::none, "none", ""},
      {"nothing said", controller, FirstVoters::unsaid, "", "say who votes first"},
      {"static", with_static_voters(), FirstVoters::unsaid, "none", ""},
      {"static and standalone", with_static_voters(), FirstVoters::standalone, "", "the voters are static"},
      {"static and named", with_static_voters(), FirstVoters::named, "", "the voters are static"},
      {"static and to be added", with_static_voters(), FirstVoters::none, "", "the voters are static"},
      {"a broker", only_broker(), FirstVoters::unsaid, "none", ""},
      {"a broker alone", only_broker(), FirstVoters::standalone, "", "only a controller"},
      {"its own cluster", {}, FirstVoters::unsaid, "none", ""},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.what);
    FormatOptions options;
    options.first_voters = one.said;
    options.initial_controllers = two;
    const auto voters = first_voters(config_of(one.values), options, Uuid{0, 7});
    if (*one.refusal != 0) {
      ASSERT_FALSE(voters.has_value());
      EXPECT_THAT(voters.error(), HasSubstr(one.refusal));
    } else {
      ASSERT_TRUE(voters.has_value()) << voters.error();
      EXPECT_EQ(*voters ? (*voters)->to_string() : "none", one.voters);
    }
  }
}

TEST(FirstVotersOfAQuorum, AreWrittenWithTheirDirectories) {
  struct Case {
    const char* text;
    const char* refusal;
  };
  const std::vector<Case> cases{{"", "names nobody"},
                                {"1@c1:9093", "directoryId"},
                                {"c1:9093:AAAAAAAAQACAAAAAAAAAAQ", "directoryId"},
                                {"1@c1:9093:short", "directoryId"},
                                {"1@c1:9093:AAAAAAAAAAAAAAAAAAAAAA", "directoryId"},
                                {"1@c1:9093:AAAAAAAAQACAAAAAAAAAAQ,1@c2:9093:AAAAAAAAQACAAAAAAAAAAg", "voter 1 twice"},
                                {"1@c1:9093:AAAAAAAAQACAAAAAAAAAAQ,2@c2:9093:AAAAAAAAQACAAAAAAAAAAQ", "directory"},
                                {"1@c1:9093:AAAAAAAAQACAAAAAAAAAAQ,2@c1:9093:AAAAAAAAQACAAAAAAAAAAg", "cannot both listen"}};
  for (const Case& one : cases) {
    const auto voters = parse_initial_controllers(one.text, "CONTROLLER");
    ASSERT_FALSE(voters.has_value()) << one.text;
    EXPECT_THAT(voters.error(), HasSubstr(one.refusal)) << one.text;
  }
}

TEST(FirstFeatures, HaveTheLevelsThatAreAskedFor) {
  struct Case {
    const char* what;
    std::map<std::string, std::int16_t, std::less<>> features;
    std::optional<std::string> release;
    bool dynamic;
    int level;
    const char* refusal;
  };
  const std::vector<Case> cases{
      {"the newest", {}, std::nullopt, false, 29, ""},
      {"by level", {{"metadata.version", 20}}, std::nullopt, false, 20, ""},
      {"by release", {}, "4.0", false, 25, ""},
      {"by its step", {}, "3.7-IV2", false, 17, ""},
      {"by both", {{"metadata.version", 20}}, "3.9", false, 0, "do not give it"},
      {"no such release", {}, "2.8", false, 0, "no such release"},
      {"part of a name", {}, "4", false, 0, "no such release"},
      {"no such feature", {{"metadata.versoin", 1}}, std::nullopt, false, 0, "no such feature"},
      {"no such level", {{"metadata.version", 31}}, std::nullopt, false, 0, "7 to 29"},
      {"dynamic", {{"kraft.version", 1}}, std::nullopt, true, 29, ""},
      {"dynamic and static", {{"kraft.version", 0}}, std::nullopt, true, 0, "kept in the log"},
      {"static and dynamic", {{"kraft.version", 1}}, std::nullopt, false, 0, "static voters"},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.what);
    FormatOptions options;
    options.features = one.features;
    options.release = one.release;
    const auto records = format_records(config_of(controller), options, one.dynamic);
    ASSERT_EQ(records.has_value(), *one.refusal == 0);
    if (!records) {
      EXPECT_THAT(records.error(), HasSubstr(one.refusal));
    } else {
      EXPECT_EQ(std::get<protocol::FeatureLevelRecord>(records->front()).feature_level, one.level);
    }
  }
  EXPECT_EQ(*parse_feature_level("a=3"), (std::pair<std::string, std::int16_t>{"a", 3}));
  for (const char* bad : {"a", "=3", "a=", "a=x", "a=-1", "a=40000"}) EXPECT_FALSE(parse_feature_level(bad)) << bad;
}

TEST(FormattedNodes, HaveTheDirectoryThatTheFirstVotersNameThemBy) {
  sim::Simulation simulation{{.seed = 3}};
  sim::Node& node = simulation.add_node({.name = "c1"});
  node.start("format", [&](runtime::World& world) {
    ConfigValues values = controller;
    values["log.dirs"] = "/data";
    FormatOptions options;
    options.cluster_id = "MkU3OEVBNTcwNTJENDM2Qg";
    options.first_voters = FirstVoters::named;
    options.initial_controllers = two;
    const auto done = format_node(world, config_of(values), options);
    ASSERT_TRUE(done.has_value()) << done.error().message;
    const auto bytes = log::read_file(world, "/data/meta.properties");
    ASSERT_TRUE(bytes.has_value() && bytes->has_value());
    EXPECT_EQ(log::parse_meta_properties(as_text(**bytes))->directory_id.to_string(), "AAAAAAAAQACAAAAAAAAAAQ");
    EXPECT_TRUE(log::read_file(world, "/data/__cluster_metadata-0/00000000000000000000-0000000000.checkpoint")->has_value());
  });
  simulation.run_for(1s);
}

}  // namespace
}  // namespace squall::broker
