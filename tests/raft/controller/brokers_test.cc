// Registration, heartbeats, fencing, controlled shutdown (KIP-631, KIP-841).
#include "tests/raft/controller/fixture.h"

namespace squall::raft {
namespace {

using protocol::ErrorCode;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Registration, ABrokersEpochIsTheOffsetOfItsRegistrationAndItStartsFenced) {
  Cluster cluster;
  const Offset end = cluster.controller.image()->end_offset;
  const auto answer = cluster.register_broker(0);
  EXPECT_EQ(code(answer.error_code), ErrorCode::none);
  EXPECT_EQ(answer.broker_epoch, end.value());
  EXPECT_TRUE(cluster.controller.image()->brokers.get(NodeId{0})->fenced);
}

TEST(Registration, ComesAfterTheControlRecordThatBeginsAnEpoch) {
  Cluster cluster;
  const Offset end = cluster.controller.image()->end_offset;
  cluster.controller.resign();
  ASSERT_TRUE(cluster.controller.become_active(LeaderEpoch{2}, cluster.now).empty());
  ASSERT_TRUE(cluster.controller.replay({}, end + 1));
  EXPECT_EQ(cluster.controller.committed_image()->end_offset, end) << "it is not known to be committed";
  EXPECT_EQ(cluster.register_broker(0).broker_epoch, end.value() + 1);
  EXPECT_EQ(cluster.controller.image()->end_offset, end + 2);
}

// KAFKA-16952: the answer to a registration was lost, and the broker asks again.
TEST(Registration, TheSameIncarnationKeepsEpochAndState) {
  Cluster cluster;
  cluster.start_brokers(2);
  cluster.create("t", {{0, 1}});
  const std::int64_t epoch = cluster.epoch_of(0);
  EXPECT_EQ(cluster.register_broker(0).broker_epoch, epoch);
  EXPECT_FALSE(cluster.controller.image()->brokers.get(NodeId{0})->fenced);
  EXPECT_EQ(told(cluster.partition("t")), "leader 0 isr[0,1] replicas[0,1]");
}

TEST(Registration, AnotherIncarnationWaitsForTheSessionOfTheFirst) {
  Cluster cluster;
  cluster.start_brokers(1);
  EXPECT_EQ(code(cluster.register_broker(0, 2).error_code), ErrorCode::duplicate_broker_registration);
  cluster.pass(seconds{9});
  EXPECT_EQ(code(cluster.register_broker(0, 2).error_code), ErrorCode::none);
}

// The node of a broker and a controller was killed and started again: the controller knows that its own broker is another.
TEST(Registration, TheBrokerOfTheControllersOwnNodeNeedNotWaitForTheOneBefore) {
  struct Row {
    std::string what;
    std::int32_t node;
    std::optional<Uuid> own_broker;
    ErrorCode answer;
    bool fenced_at_once;
  };
  const std::vector<Row> rows{
      {"an earlier process of this node", 0, Uuid{1000, 2}, ErrorCode::none, true},
      {"this process", 0, Uuid{1000, 1}, ErrorCode::duplicate_broker_registration, false},
      {"another node", 7, Uuid{1007, 1}, ErrorCode::duplicate_broker_registration, false},
      {"a node that is no broker", 0, std::nullopt, ErrorCode::duplicate_broker_registration, false},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    ControllerSettings settings = test_settings();
    settings.node_id = NodeId{row.node};
    settings.own_broker = row.own_broker;
    Cluster cluster{plain_features, settings};
    cluster.start_brokers(2);
    cluster.create("t", {{0, 1}});
    cluster.controller.resign();
    cluster.take(cluster.controller.become_active(LeaderEpoch{2}, cluster.now));
    cluster.tick();
    EXPECT_EQ(cluster.controller.image()->brokers.get(NodeId{0})->fenced, row.fenced_at_once);
    EXPECT_FALSE(cluster.controller.image()->brokers.get(NodeId{1})->fenced);
    EXPECT_EQ(cluster.partition("t").leader, NodeId{row.fenced_at_once ? 1 : 0});
    EXPECT_EQ(code(cluster.register_broker(0, 2).error_code), row.answer);
  }
}

TEST(Registration, AnotherIncarnationNeedNotWaitForOneThatShutsDown) {
  Cluster cluster;
  cluster.start_brokers(2);
  cluster.create("t", {{0, 1}});
  cluster.heartbeat(0, false, true);
  ASSERT_TRUE(cluster.controller.image()->brokers.get(NodeId{0})->in_controlled_shutdown);
  EXPECT_EQ(code(cluster.register_broker(0, 2).error_code), ErrorCode::none);
}

TEST(Registration, AnotherIncarnationNeedNotWaitForOneThatWasAllowedToStop) {
  Cluster cluster;
  cluster.start_brokers(2);
  ASSERT_TRUE(cluster.heartbeat(1, false, true).should_shut_down) << "it leads nothing";
  EXPECT_EQ(code(cluster.register_broker(1, 2, cluster.epoch_of(1)).error_code), ErrorCode::none);
  ASSERT_TRUE(cluster.heartbeat(1, false, true).should_shut_down) << "it is fenced";
  cluster.controller.resign();
  cluster.take(cluster.controller.become_active(LeaderEpoch{2}, cluster.now));
  EXPECT_EQ(code(cluster.register_broker(1, 3, cluster.epoch_of(1)).error_code), ErrorCode::none) << "under a new controller";
  EXPECT_EQ(code(cluster.register_broker(1, 4).error_code), ErrorCode::duplicate_broker_registration) << "3 lives";
}

TEST(Registration, IsRefused) {
  struct Row {
    const char* why;
    void (*spoil)(protocol::BrokerRegistrationRequest&);
    ErrorCode error;
  };
  const std::vector<Row> table{
      {"of another cluster", [](auto& r) { r.cluster_id = "other"; }, ErrorCode::inconsistent_cluster_id},
      {"without listeners", [](auto& r) { r.listeners.clear(); }, ErrorCode::invalid_registration},
      {"without directories", [](auto& r) { r.log_dirs.clear(); }, ErrorCode::invalid_registration},
      {"with a directory twice", [](auto& r) { r.log_dirs.push_back(r.log_dirs[0]); }, ErrorCode::invalid_registration},
      {"with a directory of broker 0", [](auto& r) { r.log_dirs = {Uuid{500, 0}}; }, ErrorCode::invalid_registration},
      {"with a reserved directory", [](auto& r) { r.log_dirs = {Uuid{0, 5}}; }, ErrorCode::invalid_registration},
      {"without metadata.version", [](auto& r) { r.features.clear(); }, ErrorCode::unsupported_version},
      {"from ZooKeeper", [](auto& r) { r.is_migrating_zk_broker = true; }, ErrorCode::unsupported_version},
  };
  for (const Row& row : table) {
    Cluster cluster;
    cluster.start_brokers(1);
    protocol::BrokerRegistrationRequest request;
    request.broker_id = 1;
    request.cluster_id = test_cluster;
    request.incarnation_id = Uuid{1, 1};
    request.listeners.push_back({.name = "PLAINTEXT", .host = "b", .port = 1, .security_protocol = 0});
    request.features.push_back({.name = "metadata.version", .min_supported_version = 7, .max_supported_version = 29});
    request.log_dirs = {Uuid{500, 1}};
    row.spoil(request);
    EXPECT_EQ(code(cluster.submit(request).error_code), row.error) << row.why;
  }
}

TEST(Heartbeat, UnfencesWhoHasReplayedItsOwnRegistration) {
  Cluster cluster;
  cluster.register_broker(0);
  protocol::BrokerHeartbeatRequest request;
  request.broker_id = 0;
  request.broker_epoch = cluster.epoch_of(0);
  request.current_metadata_offset = request.broker_epoch - 1;
  auto answer = cluster.submit(request);
  EXPECT_TRUE(answer.is_fenced);
  EXPECT_FALSE(answer.is_caught_up);
  request.current_metadata_offset = request.broker_epoch;
  answer = cluster.submit(request);
  EXPECT_FALSE(answer.is_fenced);
  EXPECT_TRUE(answer.is_caught_up);
}

TEST(Heartbeat, OfAnotherEpochIsStale) {
  Cluster cluster;
  cluster.start_brokers(1);
  protocol::BrokerHeartbeatRequest request;
  request.broker_id = 0;
  request.broker_epoch = cluster.epoch_of(0) + 1;
  EXPECT_EQ(code(cluster.submit(request).error_code), ErrorCode::stale_broker_epoch);
  request.broker_id = 5;
  EXPECT_EQ(code(cluster.submit(request).error_code), ErrorCode::stale_broker_epoch);
}

TEST(Fencing, MovesLeadershipsAndLeavesTheLastReplicaInTheIsr) {
  Cluster cluster;
  cluster.start_brokers(3);
  cluster.create("t", {{0, 1, 2}, {1, 2, 0}});
  cluster.create("single", {{0}});
  cluster.fence(0);
  EXPECT_EQ(told(cluster.partition("t", 0)), "leader 1 isr[1,2] replicas[0,1,2]");
  EXPECT_EQ(told(cluster.partition("t", 1)), "leader 1 isr[1,2] replicas[1,2,0]");
  EXPECT_EQ(told(cluster.partition("single")), "leader -1 isr[0] replicas[0]");
  EXPECT_EQ(cluster.partition("t", 0).leader_epoch, LeaderEpoch{1});
  EXPECT_EQ(cluster.partition("t", 1).leader_epoch, LeaderEpoch{0}) << "a shrink alone needs no new epoch (KAFKA-15021)";
  cluster.heartbeat(0);
  EXPECT_EQ(told(cluster.partition("single")), "leader 0 isr[0] replicas[0]");
  EXPECT_EQ(told(cluster.partition("t", 0)), "leader 1 isr[1,2] replicas[0,1,2]") << "who comes back has to catch up first";
}

// KAFKA-13173: the second change must not be taken from the state before the first.
TEST(Fencing, OfTwoSilentBrokersAtOnceHappensOneByOne) {
  Cluster cluster;
  cluster.start_brokers(3);
  cluster.create("t", {{0, 1, 2}});
  cluster.pass(seconds{5});
  cluster.heartbeat(2);
  cluster.pass(milliseconds{5200});
  cluster.tick();
  EXPECT_EQ(told(cluster.partition("t")), "leader 2 isr[2] replicas[0,1,2]");
  EXPECT_TRUE(cluster.controller.image()->brokers.get(NodeId{0})->fenced);
  EXPECT_TRUE(cluster.controller.image()->brokers.get(NodeId{1})->fenced);
}

TEST(Fencing, ComesWithinAnEighthOfTheSessionAfterItsEnd) {
  Cluster cluster;
  cluster.start_brokers(1);
  const Instant start = cluster.now;
  while (!cluster.controller.image()->brokers.get(NodeId{0})->fenced) {
    ASSERT_LT(cluster.now - start, seconds{20});
    cluster.now = cluster.controller.next_deadline();
    cluster.tick();
  }
  EXPECT_GE(cluster.now - start, seconds{9});
  EXPECT_LE(cluster.now - start, seconds{9} + milliseconds{1125});
}

TEST(Fencing, ANewControllerGivesEverybodyAFullSession) {
  Cluster cluster;
  cluster.start_brokers(1);
  cluster.pass(seconds{8});
  cluster.controller.resign();
  cluster.take(cluster.controller.become_active(LeaderEpoch{2}, cluster.now));
  cluster.pass(seconds{8});
  cluster.tick();
  EXPECT_FALSE(cluster.controller.image()->brokers.get(NodeId{0})->fenced);
}

TEST(ControlledShutdown, MovesLeadershipsAndAllowsToStopWhenAllKnow) {
  Cluster cluster;
  cluster.start_brokers(2);
  cluster.create("t", {{0, 1}});
  auto answer = cluster.heartbeat(0, false, true);
  EXPECT_FALSE(answer.should_shut_down);
  EXPECT_FALSE(answer.is_fenced) << "it serves until others have taken over";
  EXPECT_EQ(told(cluster.partition("t")), "leader 1 isr[1] replicas[0,1]");
  EXPECT_FALSE(cluster.heartbeat(0, false, true).should_shut_down) << "broker 1 does not know of its leadership";
  cluster.heartbeat(1);
  answer = cluster.heartbeat(0, false, true);
  EXPECT_TRUE(answer.should_shut_down);
  EXPECT_TRUE(answer.is_fenced);
}

TEST(ControlledShutdown, GoesOnUnderANewControllerWithoutWaitingForMoreRecords) {
  Cluster cluster;
  cluster.start_brokers(2);
  cluster.create("t", {{0, 1}});
  cluster.heartbeat(0, false, true);
  cluster.controller.resign();
  cluster.take(cluster.controller.become_active(LeaderEpoch{2}, cluster.now));
  EXPECT_FALSE(cluster.heartbeat(0, false, true).should_shut_down) << "broker 1 has not been heard of";
  cluster.heartbeat(1);
  EXPECT_TRUE(cluster.heartbeat(0, false, true).should_shut_down);
}

// What is not atomic may be committed in part when its controller fails: here, the first of the records of a heartbeat.
void fail_over_after_first_record(Cluster& cluster, const protocol::BrokerHeartbeatRequest& request) {
  const auto decision = cluster.controller.submit(request, cluster.now);
  ASSERT_GT(decision.records.size(), 1U);
  ASSERT_FALSE(decision.atomic);
  cluster.controller.resign();
  cluster.take({decision.records.front()});
  cluster.take(cluster.controller.become_active(LeaderEpoch{2}, cluster.now));
}

TEST(ControlledShutdown, OfWhichHalfWasCommittedIsFinishedByANewController) {
  Cluster cluster;
  cluster.start_brokers(2);
  cluster.create("t", {{0, 1}});
  protocol::BrokerHeartbeatRequest request;
  request.broker_id = 0;
  request.broker_epoch = cluster.epoch_of(0);
  request.want_shut_down = true;
  fail_over_after_first_record(cluster, request);
  ASSERT_EQ(cluster.partition("t").leader, NodeId{0});
  EXPECT_FALSE(cluster.heartbeat(0, false, true).should_shut_down);
  EXPECT_EQ(told(cluster.partition("t")), "leader 1 isr[1] replicas[0,1]");
  cluster.heartbeat(1);
  EXPECT_TRUE(cluster.heartbeat(0, false, true).should_shut_down);
}

TEST(Unfencing, OfWhichHalfWasCommittedIsFinishedByANewController) {
  Cluster cluster;
  cluster.start_brokers(1);
  cluster.create("t", {{0}});
  cluster.fence(0);
  protocol::BrokerHeartbeatRequest request;
  request.broker_id = 0;
  request.broker_epoch = cluster.epoch_of(0);
  request.current_metadata_offset = request.broker_epoch;
  fail_over_after_first_record(cluster, request);
  ASSERT_FALSE(cluster.controller.image()->brokers.get(NodeId{0})->fenced);
  ASSERT_EQ(told(cluster.partition("t")), "leader -1 isr[0] replicas[0]");
  cluster.tick();
  EXPECT_EQ(told(cluster.partition("t")), "leader 0 isr[0] replicas[0]");
}

TEST(ControlledShutdown, WhoseSessionEndsOnTheWayIsNotUnfencedAgain) {
  Cluster cluster;
  cluster.start_brokers(2);
  cluster.create("t", {{0, 1}});
  cluster.heartbeat(0, false, true);
  cluster.pass(seconds{9});
  cluster.heartbeat(1);
  cluster.pass(seconds{1});
  cluster.tick();
  EXPECT_TRUE(cluster.heartbeat(0).is_fenced);
  EXPECT_TRUE(cluster.heartbeat(0, false, true).should_shut_down);
}

TEST(ControlledShutdown, OfABrokerThatLeadsNothingIsAtOnce) {
  Cluster cluster;
  cluster.start_brokers(2);
  EXPECT_TRUE(cluster.heartbeat(1, false, true).should_shut_down);
}

// KAFKA-13916, KIP-841
TEST(ControlledShutdown, ABrokerThatShutsDownIsNotLetBackIntoAnIsr) {
  Cluster cluster;
  cluster.start_brokers(2);
  cluster.create("t", {{0, 1}});
  cluster.heartbeat(0, false, true);
  EXPECT_EQ(code(cluster.change_isr("t", {1, 0}).error_code), ErrorCode::ineligible_replica);
}

TEST(Unregistration, RemovesTheBrokerFromAllItIsIn) {
  Cluster cluster{elr_features};
  cluster.start_brokers(3);
  cluster.create("t", {{0, 1, 2}}, {{"min.insync.replicas", "3"}});
  cluster.fence(0);
  ASSERT_EQ(told(cluster.partition("t")), "leader 1 isr[1,2] elr[0] replicas[0,1,2]");
  protocol::UnregisterBrokerRequest request;
  request.broker_id = 0;
  EXPECT_EQ(code(cluster.submit(request).error_code), ErrorCode::none);
  EXPECT_EQ(told(cluster.partition("t")), "leader 1 isr[1,2] replicas[0,1,2]");
  EXPECT_EQ(code(cluster.submit(request).error_code), ErrorCode::broker_id_not_registered);
}

void register_with_directories(Cluster& cluster, std::vector<Uuid> directories, std::uint64_t incarnation) {
  protocol::BrokerRegistrationRequest request;
  request.broker_id = 2;
  request.cluster_id = test_cluster;
  request.incarnation_id = Uuid{9, incarnation};
  request.listeners.push_back({.name = "PLAINTEXT", .host = "b", .port = 1, .security_protocol = 0});
  request.features.push_back({.name = "metadata.version", .min_supported_version = 7, .max_supported_version = 29});
  request.features.push_back(
      {.name = "eligible.leader.replicas.version", .min_supported_version = 0, .max_supported_version = 1});
  request.log_dirs = std::move(directories);
  request.previous_broker_epoch = cluster.epoch_of(2);
  ASSERT_EQ(code(cluster.submit(request).error_code), ErrorCode::none);
  cluster.heartbeat(2);
}

// Broker 2 registers with two directories; "t" has a partition on it and 0, and one on it and 1.
void start_with_two_directories(Cluster& cluster) {
  cluster.start_brokers(2);
  register_with_directories(cluster, {Uuid{600, 1}, Uuid{600, 2}}, 9);
  cluster.create("t", {{2, 0}, {2, 1}});
}

protocol::AssignReplicasToDirsRequest assign(const Cluster& cluster, Uuid directory, Uuid topic, std::int32_t partition) {
  protocol::AssignReplicasToDirsRequest request;
  request.broker_id = 2;
  request.broker_epoch = cluster.epoch_of(2);
  auto& told = request.directories.emplace_back();
  told.id = directory;
  auto& one = told.topics.emplace_back();
  one.topic_id = topic;
  one.partitions.push_back({partition});
  return request;
}

ErrorCode answered(Cluster& cluster, const protocol::AssignReplicasToDirsRequest& request) {
  return code(cluster.submit(request).directories.at(0).topics.at(0).partitions.at(0).error_code);
}

// A heartbeat of broker 2 says that one of its directories has failed.
void tell_failed(Cluster& cluster) {
  protocol::BrokerHeartbeatRequest beat;
  beat.broker_id = 2;
  beat.broker_epoch = cluster.epoch_of(2);
  beat.current_metadata_offset = cluster.controller.image()->end_offset.value();
  beat.offline_log_dirs = {Uuid{600, 1}};
  cluster.submit(beat);
}

// Partition 0 of the topic, on brokers 2 and 0, stands in that directory.
void lose_directory(Cluster& cluster, const std::string& topic = "t") {
  ASSERT_EQ(answered(cluster, assign(cluster, Uuid{600, 1}, cluster.id_of(topic), 0)), ErrorCode::none);
  tell_failed(cluster);
}

TEST(Directories, AFailedOneTakesItsReplicasOutOfTheIsr) {
  Cluster cluster;
  start_with_two_directories(cluster);
  ASSERT_EQ(answered(cluster, assign(cluster, Uuid{600, 2}, cluster.id_of("t"), 1)), ErrorCode::none);
  lose_directory(cluster);
  EXPECT_EQ(told(cluster.partition("t", 0)), "leader 0 isr[0] replicas[2,0]");
  EXPECT_EQ(told(cluster.partition("t", 1)), "leader 2 isr[2,1] replicas[2,1]");
}

TEST(Directories, ABrokerTellsInWhichOfThemItsReplicasStand) {
  Cluster cluster;
  start_with_two_directories(cluster);
  const Uuid topic = cluster.id_of("t");
  EXPECT_TRUE(cluster.partition("t", 0).directories.at(0).is_zero()) << "one of two: which is not known";
  EXPECT_EQ(answered(cluster, assign(cluster, Uuid{600, 2}, topic, 0)), ErrorCode::none);
  EXPECT_EQ(cluster.partition("t", 0).directories, (std::vector<Uuid>{Uuid{600, 2}, Uuid{500, 0}}));
  EXPECT_EQ(told(cluster.partition("t", 0)), "leader 2 isr[2,0] replicas[2,0]");
  const Offset end = cluster.controller.image()->end_offset;
  EXPECT_EQ(answered(cluster, assign(cluster, Uuid{600, 2}, topic, 0)), ErrorCode::none);
  EXPECT_EQ(cluster.controller.image()->end_offset, end) << "known already";
}

TEST(Directories, AReplicaSaidToBeInOneThatFailedLeavesTheIsr) {
  Cluster cluster;
  start_with_two_directories(cluster);
  tell_failed(cluster);
  EXPECT_EQ(told(cluster.partition("t", 0)), "leader 2 isr[2,0] replicas[2,0]") << "nobody knows where it stands";
  EXPECT_EQ(answered(cluster, assign(cluster, Uuid{600, 1}, cluster.id_of("t"), 0)), ErrorCode::none);
  EXPECT_EQ(told(cluster.partition("t", 0)), "leader 0 isr[0] replicas[2,0]");
}

// Its directory is named again, or it is another one: broker 2 comes back with `directories`.
void come_back(Cluster& cluster, std::vector<Uuid> directories) {
  cluster.fence(2);
  cluster.pass(std::chrono::seconds{9});  // its session is over
  register_with_directories(cluster, std::move(directories), 10);
}

TEST(Directories, NobodyIsMadeLeaderOfWhatStandsInOneThatFailed) {
  struct Case {
    std::string_view title;
    ConfigValues configs;
    std::string_view after;  // nobody else is alive
  };
  const std::vector<Case> cases{
      {"the last one in the ISR", {}, "leader -1 isr[2] replicas[2,0]"},
      {"where anybody may lead", {{"unclean.leader.election.enable", "true"}}, "leader -1 isr[2] replicas[2,0]"},
  };
  for (const Case& one : cases) {
    Cluster cluster;
    start_with_two_directories(cluster);
    cluster.create("u", {{2, 0}}, one.configs);
    cluster.fence(0);
    ASSERT_EQ(told(cluster.partition("u")), "leader 2 isr[2] replicas[2,0]");
    lose_directory(cluster, "u");
    EXPECT_EQ(told(cluster.partition("u")), one.after) << one.title;
    cluster.pass(std::chrono::seconds{301});
    cluster.heartbeat(1);
    cluster.heartbeat(2);
    cluster.tick();
    EXPECT_EQ(told(cluster.partition("u")), one.after) << one.title << ": it is still unfenced, and elections are held";
    cluster.heartbeat(0);
    const bool anybody = !one.configs.empty();
    EXPECT_EQ(told(cluster.partition("u")), anybody ? "leader 0 isr[0] replicas[2,0] recovering" : one.after) << one.title;
  }
}

TEST(Directories, AnEligibleReplicaInOneThatFailedIsNotElected) {
  Cluster cluster{elr_features};
  start_with_two_directories(cluster);
  cluster.create("u", {{2, 0}}, {{"min.insync.replicas", "2"}});
  lose_directory(cluster, "u");
  ASSERT_EQ(told(cluster.partition("u")), "leader 0 isr[0] elr[2] replicas[2,0]");
  cluster.fence(0);
  EXPECT_EQ(told(cluster.partition("u")), "leader -1 elr[0,2] last[0] replicas[2,0]");
  cluster.heartbeat(0);
  EXPECT_EQ(told(cluster.partition("u")), "leader 0 isr[0] elr[2] replicas[2,0]");
}

TEST(Directories, AReplicaLeadsAgainWhenItsDirectoryIsBackOrItIsSaidToBeInAnother) {
  Cluster cluster;
  start_with_two_directories(cluster);
  cluster.fence(0);
  lose_directory(cluster);
  ASSERT_EQ(told(cluster.partition("t", 0)), "leader -1 isr[2] replicas[2,0]");
  come_back(cluster, {Uuid{600, 2}, Uuid{600, 3}});
  EXPECT_EQ(told(cluster.partition("t", 0)), "leader -1 isr[2] replicas[2,0]") << "it is not known where it stands now";
  EXPECT_EQ(answered(cluster, assign(cluster, Uuid{600, 3}, cluster.id_of("t"), 0)), ErrorCode::none);
  EXPECT_EQ(told(cluster.partition("t", 0)), "leader 2 isr[2] replicas[2,0]");
  Cluster other;
  start_with_two_directories(other);
  other.fence(0);
  lose_directory(other);
  come_back(other, {Uuid{600, 1}, Uuid{600, 2}});
  EXPECT_EQ(told(other.partition("t", 0)), "leader 2 isr[2] replicas[2,0]");
}

TEST(Directories, AnAssignmentOfWhatABrokerDoesNotHoldIsRefused) {
  Cluster cluster;
  start_with_two_directories(cluster);
  cluster.create("u", {{0, 1}});
  EXPECT_EQ(answered(cluster, assign(cluster, Uuid{600, 1}, cluster.id_of("u"), 0)), ErrorCode::not_leader_or_follower);
  EXPECT_EQ(answered(cluster, assign(cluster, Uuid{600, 1}, cluster.id_of("t"), 2)), ErrorCode::unknown_topic_or_partition);
  EXPECT_EQ(answered(cluster, assign(cluster, Uuid{600, 1}, Uuid{7, 7}, 0)), ErrorCode::unknown_topic_id);
  auto stale = assign(cluster, Uuid{600, 1}, cluster.id_of("t"), 0);
  --stale.broker_epoch;
  EXPECT_EQ(code(cluster.submit(stale).error_code), ErrorCode::stale_broker_epoch);
}

TEST(ControllerRegistration, KeepsWhatTheControllerCanDo) {
  Cluster cluster;
  protocol::ControllerRegistrationRequest request;
  request.controller_id = 3001;
  request.incarnation_id = Uuid{3, 3};
  request.listeners.push_back({.name = "CONTROLLER", .host = "c", .port = 9093, .security_protocol = 0});
  request.features.push_back({.name = "metadata.version", .min_supported_version = 7, .max_supported_version = 28});
  EXPECT_EQ(code(cluster.submit(request).error_code), ErrorCode::unsupported_version) << "29 is finalized";
  request.features[0].max_supported_version = 29;
  EXPECT_EQ(code(cluster.submit(request).error_code), ErrorCode::none);
  EXPECT_EQ(cluster.controller.image()->controllers.get(NodeId{3001})->endpoints[0].port, 9093);
}

TEST(ProducerIds, NoBlockIsHandedOutTwice) {
  Cluster cluster;
  cluster.start_brokers(2);
  protocol::AllocateProducerIdsRequest request;
  request.broker_id = 1;
  request.broker_epoch = cluster.epoch_of(1);
  EXPECT_EQ(cluster.submit(request).producer_id_start, 0);
  EXPECT_EQ(cluster.submit(request).producer_id_start, 1000);
  request.broker_epoch = 0;
  EXPECT_EQ(code(cluster.submit(request).error_code), ErrorCode::stale_broker_epoch);
}

}  // namespace
}  // namespace squall::raft
