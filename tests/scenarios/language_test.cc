#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "scenarios/language/scenario.h"

namespace squall::scenarios {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view whole = R"toml(title = "One of everything"
[cluster]
brokers = 1
hardware = "cloud-ssd"
disks = 2
config = { "log.flush.interval.messages" = 1, "log.segment.bytes" = "uniform(1000000, 2000000)" }
[[topic]]
name = "orders"
partitions = 12
config = { "min.insync.replicas" = 1 }
[[workload]]
produce = "orders"
clients = 4
rate = "500/s"
idempotence = true
compression = "choice(gzip, none)"
[[workload]]
consume = "orders"
mode = "assign"
from = "latest"
[[workload]]
admin = "churn"
operations = ["create-topic", "reassign", "elect-leader"]
[[fault]]
name = "freeze"
at = "uniform(4s, 6s)"
pause = { node = "controller.active", for = "6s" }
[[fault]]
on = { event = "segment-rolled", count = 3, where = { partition = "orders-0" } }
partition = { from = "any.client", to = "leader(orders/0)", one_way = true, mode = "refuse", for = "2s" }
[[fault]]
after = "freeze"
delay = "1s"
every = "exponential(5s)"
times = 4
chance = 0.5
reset = {}
[swarm]
count = "uniform(1, 3)"
between = "exponential(5s)"
faults = ["crash", "loss"]
[expect]
available_after_heal = "< 10s"
acked_min = 1000
[run]
duration = "60s"
seeds = "1..200"
)toml";

std::expected<Scenario, LanguageError> parse(std::string_view text) { return parse_scenario(text, "x.toml", "x"); }

std::string error_of(std::string text) {
  const auto scenario = parse(text);
  return scenario ? "no error" : scenario.error().to_string();
}

// A scenario that is right but for `lines`.
std::string with(std::string_view lines) {
  return "title = \"t\"\n[[topic]]\nname = \"orders\"\n[[workload]]\nproduce = \"orders\"\n" + std::string{lines};
}

TEST(Language, ReadsOneOfEverything) {
  const auto scenario = parse(whole);
  ASSERT_TRUE(scenario.has_value()) << scenario.error().to_string();
  EXPECT_EQ(scenario->title, "One of everything");
  EXPECT_EQ(scenario->cluster.hardware, "cloud-ssd");
  EXPECT_EQ(scenario->cluster.config.size(), 2U);
  ASSERT_EQ(scenario->topics.size(), 1U);
  EXPECT_EQ(scenario->topics[0].partitions.least(), 12);
  ASSERT_EQ(scenario->workloads.size(), 3U);
  EXPECT_EQ(scenario->workloads[0].rate->least(), 500'000);
  EXPECT_EQ(scenario->workloads[0].idempotence.to_string(), "true");
  EXPECT_EQ(scenario->workloads[1].kind, WorkloadKind::consume);
  EXPECT_THAT(scenario->workloads[2].operations,
              testing::ElementsAre(AdminOperation::create_topic, AdminOperation::reassign, AdminOperation::elect_leader));
  ASSERT_EQ(scenario->faults.size(), 3U);
  EXPECT_EQ(scenario->faults[0].node->kind, Selector::Kind::active_controller);
  EXPECT_EQ(scenario->faults[0].value("for").least(), 6'000'000'000);
  EXPECT_EQ(scenario->faults[1].trigger, TriggerKind::on_event);
  EXPECT_EQ(scenario->faults[1].event, runtime::EventName::segment_rolled);
  EXPECT_EQ(scenario->faults[1].value("one_way").to_string(), "true");
  EXPECT_EQ(scenario->faults[2].name, "reset#3");
  EXPECT_EQ(scenario->faults[2].chance.least(), 500'000);
  ASSERT_TRUE(scenario->swarm.has_value());
  EXPECT_EQ(scenario->swarm->kinds.size(), 2U);
  EXPECT_EQ(scenario->expect.available_after_heal->least(), 10'000'000'000);
  EXPECT_EQ(scenario->run.last_seed, 200U);
}

TEST(Language, DigestChangesWithTheText) {
  const auto one = parse(with(""));
  const auto same = parse(with(""));
  const auto other = parse(with("clients = 2\n"));
  ASSERT_TRUE(one && same && other);
  EXPECT_EQ(one->digest.size(), 8U);
  EXPECT_EQ(one->digest, same->digest);
  EXPECT_NE(one->digest, other->digest);
}

TEST(Language, AnErrorSaysWhereAndWhatWouldBeRight) {
  EXPECT_EQ(error_of(with("rat = \"5/s\"\n")), "x.toml:6:1: workload[1].rat: no such key; did you mean \"rate\"?");
  EXPECT_EQ(error_of(with("[[fault]]\nat = \"1s\"\npaus = { for = \"1s\" }\n")),
            "x.toml:8:1: fault[1].paus: no such key; did you mean \"pause\"?");
  EXPECT_EQ(error_of(with("compression = \"gzpi\"\n")),
            "x.toml:6:15: workload[1].compression: \"gzpi\" is not valid; did you mean \"gzip\"?");
}

TEST(Language, RefusesWhatIsNoToml) { EXPECT_THAT(error_of("title = \n"), StartsWith("x.toml:1:")); }

TEST(Language, RefusesClustersThatCannotBe) {
  const std::pair<std::string, std::string_view> rows[] = {
      {"brokers = 3\n", "x.toml:7:11: cluster.brokers: needs `controllers` for more than one broker"},
      {"brokers = 65\ncontrollers = 3\n", "must be at most 64"},
      {"voters = \"dynamic\"\n", "cluster.voters: needs `controllers`"},
      {"brokers = 1\ncontrollers = 3\ninitial_voters = 2\n", "needs voters = \"dynamic\""},
      {"brokers = 1\ncontrollers = 3\nvoters = \"dynamic\"\ninitial_voters = 4\n", "must be at most 3"},
      {"brokers = 0\n", "must be at least 1"},
      {"brokers = 3\ncontrollers = 10\n", "must be at most 9"},
      {"brokers = 3\ncombined = true\n", "cluster.combined: needs `controllers`"},
      {"brokers = 3\ncontrollers = 5\ncombined = true\n", "x.toml:8:15: cluster.controllers: must be at most 3"},
      {"brokers = 3\ncontrollers = 3\nracks = 4\n", "cluster.racks: must be at most 3"},
      {"control_plane = \"zookeeper\"\n", "x.toml:7:17: cluster.control_plane: \"zookeeper\" is not valid; valid: kraft"},
      {"config = { \"node.id\" = 7 }\n", "x.toml:7:24: cluster.config.node.id: is set for each node"},
      {"broker_config = { \"process.roles\" = \"broker\" }\n", "cluster.broker_config.process.roles: is set"},
      {"controller_config = { \"controller.quorum.voters\" = \"1@a:1\" }\n", "controller.quorum.voters: is set"},
      {"config = { \"log.dirs\" = \"/tmp\" }\n", "cluster.config.log.dirs: is set"},
      {"config = { listeners = \"PLAINTEXT://:9092\" }\n", "cluster.config.listeners: is set"},
      {"combined = 1\n", "cluster.combined"},
  };
  for (const auto& [lines, error] : rows) EXPECT_THAT(error_of(with("[cluster]\n" + lines)), HasSubstr(error)) << lines;
  EXPECT_THAT(error_of(with("[[workload]]\nconsume = \"orders\"\ngroup = \"g\"\n")), HasSubstr("consumer groups"));
}

TEST(Language, ReadsHowOftenEventsAreToHappen) {
  const auto scenario =
      parse(with("[expect]\nevents = { controller-elected = \">= 2\", isr-shrunk = 0, isr-expanded = \"1..3\", node-stopped = "
                 "\"<= 4\" }\n"));
  ASSERT_TRUE(scenario.has_value()) << scenario.error().to_string();
  std::map<runtime::EventName, std::pair<std::int64_t, std::int64_t>> read;
  for (const EventExpectation& one : scenario->expect.events) read[one.event] = {one.least, one.most};
  const std::map<runtime::EventName, std::pair<std::int64_t, std::int64_t>> expected{
      {runtime::EventName::controller_elected, {2, INT64_MAX}},
      {runtime::EventName::isr_shrunk, {0, 0}},
      {runtime::EventName::isr_expanded, {1, 3}},
      {runtime::EventName::node_stopped, {0, 4}}};
  EXPECT_EQ(read, expected);
  EXPECT_THAT(error_of(with("[expect]\nevents = { isr-shrank = 1 }\n")), HasSubstr("did you mean \"isr-shrunk\"?"));
  EXPECT_THAT(error_of(with("[expect]\nevents = { isr-shrunk = \"many\" }\n")), HasSubstr("must be a count"));
  EXPECT_THAT(error_of(with("[expect]\nevents = { isr-shrunk = \"5..2\" }\n")), HasSubstr("must be a count"));
  EXPECT_THAT(error_of(with("[expect]\nunavailable_min = \"< 2s\"\n")), HasSubstr("expect.unavailable_min"));
}

constexpr std::string_view three_and_three = R"toml(title = "t"
[cluster]
brokers = 3
controllers = 3
racks = 3
[[topic]]
name = "orders"
replication = 3
[[topic]]
name = "single"
[[workload]]
produce = "orders"
)toml";

TEST(Language, ReadsAClusterOfSeveralNodes) {
  const auto scenario = parse(std::string{three_and_three} +
                              "[[fault]]\nat = \"1s\"\npartition = { from = \"rack.1\", to = "
                              "\"all.servers\", one_way = true }\n");
  ASSERT_TRUE(scenario.has_value()) << scenario.error().to_string();
  EXPECT_EQ(scenario->cluster.brokers, 3);
  EXPECT_EQ(scenario->cluster.controllers, 3);
  EXPECT_TRUE(scenario->cluster.dedicated_controllers());
  EXPECT_EQ(scenario->cluster.racks, 3);
  EXPECT_EQ(scenario->topics[0].replication, 3);
  EXPECT_EQ(scenario->faults[0].from->kind, Selector::Kind::rack);
}

TEST(Language, RefusesNodesThatAClusterDoesNotHave) {
  const std::pair<std::string, std::string_view> rows[] = {
      {"broker.4", "there is no broker.4: the cluster has 3 brokers"},
      {"controller.4", "there is no controller.4: the cluster has 3 controllers"},
      {"rack.4", "there is no rack.4: the cluster has 3 racks"},
      {"follower(single/0)", "single has no followers: its replication is 1"},
      {"in_sync_follower(orders/1)", "orders has no partition 1"},
      {"follower(order/0)", "did you mean \"orders\"?"},
      {"controller.standby", "no error"},
      {"controller.3", "no error"},
  };
  for (const auto& [selector, error] : rows) {
    const std::string fault = "[[fault]]\nat = \"1s\"\npause = { node = \"" + selector + "\" }\n";
    EXPECT_THAT(error_of(std::string{three_and_three} + fault), HasSubstr(error)) << selector;
  }
  const std::pair<std::string, std::string_view> alone[] = {
      {"controller.standby", "there is no controller.standby: the cluster has one controller"},
      {"rack.1", "there is no rack.1: the cluster has no racks"},
      {"follower(orders/0)", "orders has no followers"},
      {"controller.1", "no error"},
      {"all.servers", "no error"},
  };
  for (const auto& [selector, error] : alone) {
    EXPECT_THAT(error_of(with("[[fault]]\nat = \"1s\"\npause = { node = \"" + selector + "\" }\n")), HasSubstr(error))
        << selector;
  }
}

TEST(Language, RefusesMoreReplicasThanBrokers) {
  EXPECT_EQ(error_of("title = \"t\"\n[[topic]]\nname = \"orders\"\nreplication = 3\n"),
            "x.toml:4:15: topic \"orders\".replication: must be at most 1, the number of brokers");
}

TEST(Language, ChangesVotersOnlyWhereTheLogKeepsThem) {
  for (const std::string change : {"add_voter", "remove_voter", "replace_voter"}) {
    EXPECT_THAT(error_of(with("[[fault]]\nat = \"1s\"\n" + change + " = { node = \"controller.1\" }\n")),
                HasSubstr(change + ": needs voters = \"dynamic\" in [cluster]"));
  }
}

TEST(Language, RefusesFaultsThatNeverFireOrDoNothing) {
  EXPECT_THAT(error_of(with("[[fault]]\npause = { for = \"1s\" }\n")), HasSubstr("never fires"));
  EXPECT_THAT(error_of(with("[[fault]]\nat = \"1s\"\n")), HasSubstr("does nothing"));
  EXPECT_THAT(error_of(with("[[fault]]\nat = \"1s\"\npause = {}\ncrash = {}\n")), HasSubstr("does \"pause\" already"));
  EXPECT_THAT(error_of(with("[[fault]]\nat = \"1s\"\nafter = \"x\"\npause = {}\n")), HasSubstr("more than one of"));
  EXPECT_THAT(error_of(with("[[fault]]\nname = \"a\"\nafter = \"a\"\npause = {}\n")),
              HasSubstr("fault \"a\".after: never fires: it waits for itself"));
  EXPECT_THAT(error_of(with("[[fault]]\nname = \"a\"\nafter = \"b\"\npause = {}\n"
                            "[[fault]]\nname = \"b\"\nafter = \"a\"\npause = {}\n")),
              HasSubstr("it waits for itself"));
  EXPECT_EQ(error_of(with("[[fault]]\nname = \"a\"\nat = \"1s\"\npause = {}\n"
                          "[[fault]]\nname = \"b\"\nafter = \"a\"\npause = {}\n")),
            "no error");
}

TEST(Language, RefusesNamesOfNothing) {
  EXPECT_THAT(error_of(with("[[workload]]\nconsume = \"order\"\n")), HasSubstr("did you mean \"orders\"?"));
  EXPECT_THAT(error_of(with("[[fault]]\nafter = \"nothing\"\npause = {}\n")), HasSubstr("there is no fault \"nothing\""));
  EXPECT_THAT(error_of(with("[[fault]]\nat = \"1s\"\npause = { node = \"broker.4\" }\n")), HasSubstr("there is no broker.4"));
  EXPECT_THAT(error_of(with("[[fault]]\non = { event = \"segment-roled\" }\npause = {}\n")),
              HasSubstr("did you mean \"segment-rolled\"?"));
  EXPECT_THAT(error_of(with("[[fault]]\nat = \"1s\"\ncrash = { node = \"any.client\" }\n")), HasSubstr("strikes brokers"));
}

TEST(Language, WhatWouldSilentlyDoNothingIsALocatedError) {
  const std::string on = "[[fault]]\non = { event = \"segment-rolled\", where = { ";
  const std::vector<std::pair<std::string, std::string>> rows{
      {on + "topic = \"orders\" } }\npause = {}\n",
       "x.toml:7:52: fault[1].on.where.topic: the event segment-rolled has no such field; valid: node, partition, base"},
      {on + "partiton = \"orders-0\" } }\npause = {}\n",
       "x.toml:7:55: fault[1].on.where.partiton: the event segment-rolled has no such field; did you mean \"partition\"?"},
      {on + "partition = \"orders-0\", node = \"broker-1\" } }\npause = {}\n", "no error"},
      {"name = \"w\"\n[[workload]]\nconsume = \"orders\"\nname = \"w\"\n",
       "x.toml:9:8: workload[2].name: there are two workloads of the name \"w\""},
      {"[[workload]]\nconsume = \"orders\"\nname = \"produce orders\"\n",
       "x.toml:8:8: workload[2].name: there are two workloads of the name \"produce orders\""},
      {"[[workload]]\nproduce = \"orders\"\n", "no error"},
      {"[[fault]]\nat = \"8s\"\npause = {}\n[run]\nduration = \"8s\"\n",
       "x.toml:7:6: fault \"pause#1\".at: 8s is never reached: the run lasts 8s"},
      {"[[fault]]\nname = \"late\"\nat = \"uniform(9s, 10s)\"\npause = {}\n[run]\nduration = \"8s\"\n",
       "x.toml:8:6: fault \"late\".at: uniform(9s, 10s) is never reached: the run lasts 8s"},
      {"[[fault]]\nat = \"uniform(7s, 9s)\"\npause = {}\n[run]\nduration = \"8s\"\n", "no error"},
      {"start = \"90s\"\n", "x.toml:6:9: workload[1].start: 90s is never reached: the run lasts 60s"},
      {"start = \"uniform(50s, 90s)\"\n", "no error"},
      {"start = \"5s\"\nstop = \"3s\"\n", "x.toml:7:8: workload[1].stop: 3s is not after its start, 5s"},
      {"stop = \"0s\"\n", "x.toml:6:8: workload[1].stop: 0s is not after its start, 0s"},
      {"start = \"5s\"\nstop = \"uniform(3s, 6s)\"\n", "no error"},
      {"[[fault]]\nat = \"1s\"\npause = { node = \"brokr.1\" }\n",
       "x.toml:8:18: fault[1].pause.node: \"brokr.1\" names no node; did you mean \"broker.1\"?"},
      {"[[fault]]\nat = \"1s\"\npause = { node = \"client.9\" }\n",
       "x.toml:8:18: fault \"pause#1\".node: there is no client.9: the workloads have 1 clients"},
      {"[[fault]]\nat = \"1s\"\nreset = { from = \"client(nobody)\", to = \"leader(ordrs/0)\" }\n",
       "x.toml:8:18: fault \"reset#1\".from: there is no workload \"nobody\"; valid: produce orders"},
      {"[[fault]]\nat = \"1s\"\nreset = { to = \"leader(ordrs/0)\" }\n",
       "x.toml:8:16: fault \"reset#1\".to: there is no [[topic]] \"ordrs\"; did you mean \"orders\"?"},
  };
  for (const auto& [lines, error] : rows) EXPECT_EQ(error_of(with(lines)), error) << lines;
}

TEST(Language, RefusesIdempotenceThatKafkaRefuses) {
  const std::pair<std::string, std::string_view> rows[] = {
      {"idempotence = true\nacks = \"1\"\n", "x.toml:6:15: workload[1].idempotence: needs acks = \"all\""},
      {"idempotence = true\nacks = \"0\"\n", "needs acks = \"all\""},
      {"idempotence = true\nin_flight = 6\n", "workload[1].idempotence: needs in_flight of at most 5"},
      {"idempotence = true\nin_flight = 5\n", "no error"},
      {"acks = \"1\"\n", "no error"},
      {"in_flight = 6\n", "no error"},
      {"idempotence = \"choice(true, false)\"\nacks = \"1\"\n", "no error"},
  };
  for (const auto& [lines, error] : rows) EXPECT_THAT(error_of(with(lines)), HasSubstr(error)) << lines;
}

TEST(Language, ReadsRangesOfAllSeedsThatThereAre) {
  const std::pair<std::string, std::string_view> rows[] = {
      {"1..200", "1..200"},
      {"7", "7..7"},
      {"1..2k", "1..2000"},
      {"18446744073709551614..18446744073709551615", "18446744073709551614..18446744073709551615"},
      {"18446744073709551616", "none"},
      {"9..1", "none"},
      {"-1..1", "none"},
      {"..5", "none"},
      {"", "none"},
  };
  for (const auto& [text, expected] : rows) {
    const auto range = parse_seed_range(text);
    EXPECT_EQ(range ? std::to_string(range->first) + ".." + std::to_string(range->last) : "none", expected) << text;
  }
}

TEST(Language, RefusesWhatNoClockLinkOrMemoryCanBear) {
  const std::vector<std::pair<std::string, std::string>> rows{
      {"every = \"1ns\"\nreset = {}\n", "must be at least 1ms"},
      {"every = \"exponential(-1s)\"\nreset = {}\n", "has a negative mean"},
      {"at = \"1s\"\nlatency = { add = \"normal(-50ms, 1ms)\" }\n", "has a negative mean"},
      {"at = \"1s\"\nclock_drift = { ppm = -1000000 }\n", "must be at least -999999"},
      {"at = \"1s\"\nflapping = { up = \"0s\" }\n", "must be at least 1ms"},
      {"at = \"1s\"\nslow_cpu = { factor = 1e9 }\n", "must be at most 10000"},
      {"at = \"1s\"\nreconnect_storm = { rounds = 1000000000 }\n", "must be at most 1000"},
      {"at = \"1s\"\nbit_rot = { flips = 1000000000 }\n", "must be at most 1000000"},
  };
  for (const auto& [lines, error] : rows) EXPECT_THAT(error_of(with("[[fault]]\n" + lines)), HasSubstr(error)) << lines;
}

TEST(Language, EveryFaultIsAcceptedWithItsDefaults) {
  for (const FaultInfo& fault : all_faults()) {
    std::string parameters;
    for (const ParameterInfo& parameter : fault.parameters) {
      if (!parameter.fallback.empty()) continue;
      parameters += std::string{parameter.name} + " = " +
                    (parameter.unit == Unit::duration ? "\"1s\""
                     : parameter.unit == Unit::bytes  ? "\"8MiB\""
                                                      : "1");
    }
    const bool of_voters = fault.name.ends_with("_voter");
    const std::string cluster = of_voters ? "[cluster]\ncontrollers = 3\nvoters = \"dynamic\"\n" : "";
    const std::string text =
        with(cluster + "[[fault]]\nat = \"1s\"\n" + std::string{fault.name} + " = { " + parameters + " }\n");
    EXPECT_EQ(error_of(text), "no error") << fault.name;
  }
}

}  // namespace
}  // namespace squall::scenarios
