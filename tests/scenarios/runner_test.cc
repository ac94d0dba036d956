// Whole runs: the virtual cluster, its clients, faults and checks.
#include "scenarios/run/runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string_view>

#include "scenarios/report/report.h"
#include "scenarios/run/cluster.h"

namespace squall::scenarios {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view small = R"toml(title = "small"
[[topic]]
name = "orders"
partitions = 2
[[workload]]
produce = "orders"
clients = 2
rate = "200/s"
[[workload]]
consume = "orders"
)toml";

Scenario scenario_of(std::string_view more, std::string_view duration = "3s") {
  const std::string text = std::string{small} + std::string{more} + "\n[run]\nduration = \"" + std::string{duration} + "\"\n";
  auto scenario = parse_scenario(text, "small.toml", "small");
  EXPECT_TRUE(scenario.has_value()) << (scenario ? "" : scenario.error().to_string());
  return scenario.value_or(Scenario{});
}

RunResult run(const Scenario& scenario, std::uint64_t seed = 1) {
  RunOptions options;
  options.seed = seed;
  auto result = run_scenario(scenario, options);
  EXPECT_TRUE(result.has_value()) << (result ? "" : result.error().to_string());
  return result.value_or(RunResult{});
}

std::string what_broke(const RunResult& result) {
  std::string text;
  for (const Finding& finding : result.findings) text += std::string{finding.check} + ": " + finding.what + "\n";
  for (const std::string& gate : result.gates) text += gate + "\n";
  return text;
}

TEST(Runner, AQuietRunHoldsAndComparesWithEveryRecordCheck) {
  const RunResult result =
      run(scenario_of("[[workload]]\nadmin = \"orders\"\noperations = [\"list-offsets\"]\nrate = \"20/s\"\n"));
  EXPECT_EQ(result.verdict, Verdict::held) << what_broke(result);
  EXPECT_GT(result.tally.records_acked, 500U);
  EXPECT_GE(result.tally.records_swept, result.tally.records_acked);
  // A lone node has nobody to be compared with, and nothing here makes or deletes topics.
  const std::set<std::string> of_clusters{"log_matching", "committed_never_truncated", "replicas_equal",
                                          "metadata_linearizable"};
  for (const CheckResult& check : result.checks) {
    EXPECT_EQ(check.compared > 0, !of_clusters.contains(check.name)) << check.name;
  }
}

TEST(Runner, TheSameSeedGivesTheSameTraceAndAnotherSeedAnother) {
  const Scenario scenario = scenario_of("[[fault]]\nat = \"uniform(500ms, 2s)\"\ncrash = { for = \"200ms\" }\n");
  const RunResult first = run(scenario, 7);
  const RunResult same = run(scenario, 7);
  const RunResult other = run(scenario, 8);
  EXPECT_EQ(first.trace, same.trace);
  EXPECT_EQ(first.events, same.events);
  EXPECT_NE(first.trace, other.trace);
}

TEST(Runner, EventsCarryOnlyTheFieldsThatTheVocabularyNames) {
  const Scenario scenario = scenario_of(
      "[[workload]]\nadmin = \"t\"\noperations = [\"create-topic\", \"delete-topic\", \"add-partitions\", \"alter-config\"]\n"
      "rate = \"20/s\"\n[[fault]]\nat = \"1s\"\npower_cut = { for = \"200ms\" }\n");
  std::set<runtime::EventName> seen;
  RunOptions options;
  options.on_event = [&](const sim::ProductEvent& event) {
    seen.insert(event.name);
    const auto known = runtime::fields_of(event.name);
    for (const runtime::EventField& field : event.fields) {
      EXPECT_TRUE(std::ranges::find(known, field.key) != known.end()) << runtime::to_string(event.name) << " " << field.key;
    }
  };
  ASSERT_TRUE(run_scenario(scenario, options).has_value());
  EXPECT_GT(seen.size(), 12U);
}

TEST(Runner, AThousandPartitionsDoNotWaitForEachOthersDiskBeforeTheyAreLed) {
  const Scenario scenario = scenario_of("[[topic]]\nname = \"many\"\npartitions = 1000\n", "1s");
  std::vector<Instant> led;
  RunOptions options;
  options.on_event = [&](const sim::ProductEvent& event) {
    const bool ours = event.name == runtime::EventName::leader_elected && event.text("partition")->starts_with("many-");
    if (ours) led.push_back(event.at);
  };
  const auto result = run_scenario(scenario, options);
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->verdict, Verdict::held) << what_broke(*result);
  ASSERT_EQ(led.size(), 1000U);
  EXPECT_LT(led.back() - led.front(), std::chrono::milliseconds{100}) << "one after the other they need a millisecond each";
}

TEST(Runner, AFaultOfLinksStrikesEachLinkBetweenTwoSetsOnce) {
  const std::pair<std::string_view, std::vector<std::string>> rows[] = {
      {"from = \"broker.1\", to = \"all.nodes\"", {"broker-1 and client-1", "broker-1 and client-2", "broker-1 and client-3"}},
      {"from = \"all.clients\", to = \"all.nodes\"",
       {"client-1 and broker-1", "client-2 and broker-1", "client-3 and broker-1"}},
      {"from = \"all.nodes\", to = \"broker.1\"", {"client-1 and broker-1", "client-2 and broker-1", "client-3 and broker-1"}},
      {"from = \"all.nodes\", to = \"all.nodes\"",
       {"broker-1 and client-1", "broker-1 and client-2", "broker-1 and client-3", "client-1 and client-2",
        "client-1 and client-3", "client-2 and client-3"}},
  };
  for (const auto& [ends, links] : rows) {
    const RunResult result = run(scenario_of(
        "[[fault]]\nname = \"cut\"\nat = \"1s\"\nlatency = { one_way = true, for = \"1s\", " + std::string{ends} + " }\n"));
    EXPECT_EQ(result.verdict, Verdict::held) << what_broke(result);
    std::vector<std::string> struck;
    for (const TimelineEntry& entry : result.timeline) {
      if (entry.text.starts_with("cut: ")) struck.push_back(entry.text.substr(5, entry.text.find(" slower") - 5));
    }
    EXPECT_EQ(struck, links) << ends;
  }
}

TEST(Runner, FaultsFireOnEventsAndAfterEachOther) {
  const Scenario scenario = scenario_of(
      "[[fault]]\nname = \"first\"\non = { event = \"topic-created\", where = { topic = \"t-1-1-1\" } }\npause = { for = "
      "\"100ms\" }\n"
      "[[fault]]\nname = \"second\"\nafter = \"end of first\"\ndelay = \"10ms\"\nreset = {}\n"
      "[[workload]]\nadmin = \"t\"\noperations = [\"create-topic\"]\nrate = \"20/s\"\n");
  const RunResult result = run(scenario);
  Instant first{};
  Instant second{};
  for (const TimelineEntry& entry : result.timeline) {
    if (entry.text.starts_with("first:")) first = entry.at;
    if (entry.text.starts_with("second:")) second = entry.at;
  }
  ASSERT_GT(first, Instant{}) << "it fires when the topic is made";
  EXPECT_EQ(second - first, std::chrono::milliseconds{110});
}

TEST(Runner, ABoundThatCannotBeKeptFailsTheRunAtOnce) {
  const RunResult result = run(scenario_of("[expect]\nproduce_latency_max = \"< 1us\"\n"));
  EXPECT_EQ(result.verdict, Verdict::failed);
  ASSERT_FALSE(result.findings.empty());
  EXPECT_EQ(result.findings[0].check, "stays_available");
  EXPECT_LT(result.virtual_time, seconds{3});
}

TEST(Runner, ARunThatDoesTooLittleDoesNotPass) {
  const RunResult result = run(scenario_of("[expect]\nacked_min = 1000000\n"));
  EXPECT_EQ(result.verdict, Verdict::did_nothing);
  EXPECT_THAT(what_broke(result), HasSubstr("of at least 1000000 records were acknowledged"));
}

TEST(Runner, TheTimelineShowsWhatBefellNodesHoweverManyTopicsComeAndGo) {
  const Scenario scenario = scenario_of(
      "[[workload]]\nadmin = \"t\"\noperations = [\"create-topic\", \"delete-topic\"]\nrate = \"100/s\"\n"
      "[[fault]]\nat = \"2500ms\"\ncrash = { for = \"200ms\" }\n");
  const RunResult result = run(scenario);
  ASSERT_EQ(result.verdict, Verdict::held) << what_broke(result);
  const std::string report = text_report(scenario, result, {.wall_seconds = 0, .verbose = false, .command = "squall"});
  const std::string_view later = std::string_view{report}.substr(report.find("!!"));
  EXPECT_THAT(later, HasSubstr("node-started"));
  EXPECT_THAT(report, HasSubstr(" more events\n"));
  EXPECT_LT(std::ranges::count(std::string_view{report}.substr(0, report.find("what it did")), '\n'), 70);
}

TEST(Runner, WhatTheRunWritesAndReadsItselfOpensNoGate) {
  // The drawn beginning of the workloads lies behind the heal.
  const auto scenario = parse_scenario(
      "title = \"t\"\n[[topic]]\nname = \"orders\"\n"
      "[[workload]]\nproduce = \"orders\"\nstart = \"normal(999s, 1s)\"\n[[workload]]\nconsume = \"orders\"\n"
      "[run]\nduration = \"2s\"\n",
      "t.toml", "t");
  ASSERT_TRUE(scenario.has_value()) << scenario.error().to_string();
  const RunResult result = run(*scenario);
  EXPECT_EQ(result.verdict, Verdict::did_nothing);
  EXPECT_EQ(result.tally.records_sent + result.tally.records_acked + result.tally.records_read, 0U);
  EXPECT_THAT(what_broke(result), testing::AllOf(HasSubstr("only 0 of at least 1 records were acknowledged"),
                                                 HasSubstr("only 0 of at least 1 records were read")));
}

TEST(Runner, AFaultThatIsNotFeltDoesNotPass) {
  const RunResult result =
      run(scenario_of("[expect]\nunavailable_min = \"> 2s\"\nproduce_latency_min = \"> 2s\"\n"
                      "events = { node-stopped = \">= 1\", controller-elected = 0 }\n"));
  EXPECT_EQ(result.verdict, Verdict::did_nothing);
  EXPECT_EQ(result.gates.size(), 3U) << what_broke(result);
  EXPECT_THAT(what_broke(result), HasSubstr("node-stopped happened 0 times before the heal, and at least 1 is expected"));
}

TEST(Runner, AnEventThatMustNotHappenFailsTheRun) {
  const RunResult result = run(scenario_of("[expect]\nevents = { records-acknowledged = \"<= 3\" }\n"));
  EXPECT_EQ(result.verdict, Verdict::failed);
  ASSERT_FALSE(result.findings.empty());
  EXPECT_EQ(result.findings[0].check, "expected_events");
}

TEST(Runner, StopsWhereItIsTold) {
  RunOptions options;
  options.until = std::chrono::milliseconds{1500};
  const Scenario scenario = scenario_of("");
  const auto result = run_scenario(scenario, options);
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->verdict, Verdict::interrupted);
  EXPECT_EQ(result->virtual_time, std::chrono::milliseconds{1500});
}

TEST(Runner, APropertyThatTheBrokerDoesNotKnowIsALocatedError) {
  const auto scenario =
      parse_scenario(std::string{small} + "[cluster]\nconfig = { \"log.segment.byte\" = 5 }\n", "x.toml", "x");
  ASSERT_TRUE(scenario.has_value());
  const auto result = run_scenario(*scenario, {});
  ASSERT_FALSE(result.has_value());
  EXPECT_THAT(result.error().to_string(),
              HasSubstr("x.toml:12:33: cluster.config.log.segment.byte: no such key; did you mean 'log.segment.bytes'"));
  EXPECT_THAT(result.error().to_string(), HasSubstr("log.segment.bytes"));
}

TEST(RunId, ReadsBackWhatItWrites) {
  const RunId id{"broker/gc_pause", 17, "1a2b3c4d"};
  EXPECT_EQ(id.to_string(), "broker/gc_pause@17#1a2b3c4d");
  const auto parsed = RunId::parse(id.to_string());
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->name, id.name);
  EXPECT_EQ(parsed->seed, id.seed);
  EXPECT_EQ(parsed->digest, id.digest);
  for (const std::string_view wrong : {"", "x", "x@1", "x#1", "@1#a", "x@#a", "x@1#", "x@one#a"}) {
    EXPECT_FALSE(RunId::parse(wrong).has_value()) << wrong;
  }
}

std::vector<std::filesystem::path> shipped() {
  std::vector<std::filesystem::path> files;
  const char* folder = std::getenv("SQUALL_SCENARIOS");
  if (folder == nullptr) return files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator{folder}) {
    if (entry.path().extension() == ".toml") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

std::expected<Scenario, LanguageError> load(const std::filesystem::path& path) {
  std::ifstream file{path};
  std::stringstream text;
  text << file.rdbuf();
  return parse_scenario(text.str(), path.string(), path.stem().string());
}

TEST(ShippedScenarios, AllAreReadAndHaveATitle) {
  const auto files = shipped();
  ASSERT_GE(files.size(), 15U) << "SQUALL_SCENARIOS names the folder";
  for (const auto& path : files) {
    const auto scenario = load(path);
    ASSERT_TRUE(scenario.has_value()) << scenario.error().to_string();
    EXPECT_GT(scenario->title.size(), 10U) << path;
  }
}

TEST(ShippedScenarios, ConfigureServersThatAcceptIt) {
  for (const auto& path : shipped()) {
    const auto scenario = load(path);
    ASSERT_TRUE(scenario.has_value());
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      const auto configured = configure_servers(*scenario, make_plan(*scenario, seed));
      EXPECT_TRUE(configured.has_value()) << configured.error().to_string();
    }
  }
}

TEST(ShippedScenarios, HoldWithTheirFirstSeed) {
  for (const auto& path : shipped()) {
    auto scenario = load(path);
    ASSERT_TRUE(scenario.has_value());
    if (scenario->cluster.controllers > 0) continue;  // clusters are only read and configured here
    const RunResult result = run(*scenario, scenario->run.first_seed);
    EXPECT_EQ(result.verdict, Verdict::held) << path << "\n" << what_broke(result);
  }
}

// Each row is a bug that a sweep found, by the run that showed it.
struct OnceFailed {
  std::string_view bug;
  std::string_view scenario;
  std::uint64_t seed;
};
constexpr OnceFailed once_failed[] = {
    {"the heal left a broker's wall clock 80 minutes behind, and it refused every record as too far ahead", "clock_jumps", 49},
    {"a partition whose directory failed at the start was made anew in another one, from offset 0", "swarm", 73},
    {"order was demanded of what was under way when the last replica lost its records and producers", "last_replica_standing",
     35},
    {"a leader waited for a replica whose directory had failed, though it had left the ISR", "failed_directory", 13},
    {"a replica that came back inherited the checkpoints of the one before, and was quarantined", "cluster_swarm_five_brokers",
     63},
    {"a half-made log in a directory that had been full kept its broker from starting", "cluster_swarm_five_brokers", 1043},
    {"a broker was held to metadata that a power cut took from it", "cluster_swarm", 106},
    {"a creation that was never answered came after the deletion", "cluster_swarm_combined", 591},
    {"a restart at the heal cost another session than was granted", "cluster_swarm_combined", 262},
};

TEST(ShippedScenarios, HoldWithTheSeedsThatOnceFailed) {
  const auto files = shipped();
  for (const auto& [bug, name, seed] : once_failed) {
    const auto path = std::ranges::find(files, name, [](const auto& file) { return file.stem().string(); });
    ASSERT_NE(path, files.end()) << name;
    const auto scenario = load(*path);
    ASSERT_TRUE(scenario.has_value());
    const RunResult result = run(*scenario, seed);
    EXPECT_EQ(result.verdict, Verdict::held) << bug << "\n" << name << " --seed " << seed << "\n" << what_broke(result);
  }
}

}  // namespace
}  // namespace squall::scenarios
