#include "tests/broker/voter_cluster.h"

#include <fmt/format.h>

#include <algorithm>

#include "raft/metadata/metadata_image.h"
#include "runtime/deadline.h"

namespace squall::broker {
namespace {

constexpr std::string_view cluster_id = "MkU3OEVBNTcwNTJENDM2Qg";
constexpr std::string_view servers = "c1:9093,c2:9093,c3:9093";

}  // namespace

VoterCluster::VoterCluster(std::uint64_t seed) : simulation{sim::SimulationOptions{.seed = seed}} {
  simulation.on_event([this](const sim::ProductEvent& event) {
    if (event.name != runtime::EventName::quorum_role_changed || event.text("role") != "leader") return;
    const std::int64_t epoch = event.number("epoch").value_or(-1);
    const auto [known, first] = leaders_.try_emplace(epoch, event.node);
    if (!first && known->second != event.node) wrongs.push_back(fmt::format("two leaders of epoch {}", epoch));
  });
  operator_node = &simulation.add_node({.name = "operator"});
  operator_node->start("operator", [](runtime::World& world) { world.sleep_until(end_of_time); });
}

// What still runs uses what is destroyed before the simulation.
VoterCluster::~VoterCluster() {
  operator_node->crash();
  for (auto& [id, member] : members_) {
    if (member.node->state() == sim::NodeState::running) member.node->crash();
  }
}

VoterCluster::Member& VoterCluster::add(std::int32_t id, const std::string& name, ConfigValues values) {
  Member& member = members_[id];
  member.id = id;
  member.node = &simulation.add_node({.name = name});
  member.values = std::move(values);
  member.values["node.id"] = std::to_string(id);
  member.values["controller.listener.names"] = "CONTROLLER";
  member.values.try_emplace("controller.quorum.bootstrap.servers", std::string{servers});
  member.values["log.dirs"] = "/data";
  member.format.cluster_id = cluster_id;
  return member;
}

VoterCluster::Member& VoterCluster::add_controller(std::int32_t id, FirstVoters first_voters) {
  const std::string name = fmt::format("c{}", id);
  Member& made = add(id, name, {{"process.roles", "controller"}, {"listeners", fmt::format("CONTROLLER://{}:9093", name)}});
  made.format.first_voters = first_voters;
  return made;
}

VoterCluster::Member& VoterCluster::add_broker() {
  return add(broker_id, "b", {{"process.roles", "broker"}, {"listeners", "PLAINTEXT://b:9092"}});
}

void VoterCluster::add_first_voters(std::int32_t count) {
  std::string named;
  for (std::int32_t id = 1; id <= count; ++id) {
    named += fmt::format("{}{}@c{}:9093:{}", named.empty() ? "" : ",", id, id, first_directory(id).to_string());
  }
  for (std::int32_t id = 1; id <= count; ++id) add_controller(id, FirstVoters::named).format.initial_controllers = named;
}

void VoterCluster::start(std::int32_t id) {
  member(id).node->start("node", [this, id](runtime::World& world) { serve(id, world); });
}

void VoterCluster::start_all() {
  for (const auto& [id, one] : members_) start(id);
}

void VoterCluster::restart_all() {
  for (auto& [id, one] : members_) {
    if (one.node->state() != sim::NodeState::running) one.node->restart();
  }
}

void VoterCluster::heal() {
  simulation.network().heal_all();
  restart_all();
}

void VoterCluster::wipe(std::int32_t id) {
  Member& one = member(id);
  one.node->power_cut();
  for (const auto& disk : one.node->disks()) disk->wipe();
  one.formatted = false;
  one.format.first_voters = FirstVoters::none;
  one.format.initial_controllers.clear();
}

void VoterCluster::serve(std::int32_t id, runtime::World& world) {
  Member& one = member(id);
  auto parsed = broker_config_from(one.values);
  ASSERT_TRUE(parsed.has_value()) << parsed.error();
  if (!one.formatted) {
    one.format.ignore_formatted = true;
    const auto done = format_node(world, parsed->config, one.format);
    ASSERT_TRUE(done.has_value()) << done.error().message;
    one.formatted = true;
  }
  Broker broker{world, std::move(parsed->config)};
  struct Published {
    Member& member;
    ~Published() {
      member.process = nullptr;
      member.started = false;
    }
  };
  const Published published{one};
  one.process = &broker;
  one.refused.reset();
  bool stop = false;
  const runtime::FiberId main = world.current_fiber();
  if (const auto started = broker.start(); !started) {
    one.refused = started.error();
    return;
  }
  one.started = true;
  one.node->set_stop_handler([&] {
    stop = true;
    world.unpark(main);
  });
  world.spawn("failure-watch", [this, &broker, id] {
    if (const auto why = broker.wait_until_failed()) wrongs.push_back(fmt::format("node {}: {}", id, why->message));
  });
  while (!stop) world.park();
  broker.stop();
}

void VoterCluster::run_until(const std::function<bool()>& holds, const char* what, Duration limit) {
  const Instant end = simulation.now() + limit;
  (void)simulation.run_while([&] { return !holds(); }, end);
  EXPECT_TRUE(holds()) << what << " does not come about";
}

std::int32_t VoterCluster::leader() const {
  std::int32_t best = 0;
  LeaderEpoch epoch = no_epoch;
  for (const auto& [id, one] : members_) {
    if (one.process == nullptr || one.node->state() != sim::NodeState::running) continue;
    const auto standing = one.process->standing();
    if (!standing || standing->leader != NodeId{id} || !standing->is_active_controller || standing->epoch <= epoch) continue;
    best = id;
    epoch = standing->epoch;
  }
  return best;
}

raft::ReplicaKey VoterCluster::key(std::int32_t id) const {
  const Member& one = members_.at(id);
  return {NodeId{id}, one.process == nullptr ? Uuid{} : one.process->metadata_directory()};
}

bool VoterCluster::agree_on(const std::set<std::int32_t>& ids) const {
  bool agreed = true;
  for (const auto& [id, one] : members_) {
    if (one.process == nullptr) continue;
    const auto voters = one.process->voters();
    const auto standing = one.process->standing();
    agreed = agreed && voters != nullptr && voters->size() == ids.size() && standing && standing->leader != no_node &&
             ids.contains(standing->leader.value());
    if (!agreed) return false;
    for (const std::int32_t voter : ids) agreed = agreed && voters->is_voter(key(voter));
  }
  return agreed;
}

void VoterCluster::talk(const std::function<void(runtime::World&)>& talk) {
  bool ended = false;
  operator_node->spawn("talk", [&] {
    talk(operator_node->world());
    ended = true;
  });
  run_until([&] { return ended; }, "the end of the conversation", 120s);
}

protocol::AddRaftVoterRequest VoterCluster::add_request(std::int32_t id) {
  protocol::AddRaftVoterRequest request;
  request.cluster_id = std::nullopt;
  request.timeout_ms = 5000;
  request.voter_id = id;
  request.voter_directory_id = key(id).directory;
  auto& listener = request.listeners.emplace_back();
  listener.name = "CONTROLLER";
  listener.host = node(id).host();
  listener.port = member(id).port;
  return request;
}

protocol::RemoveRaftVoterRequest VoterCluster::remove_request(const raft::ReplicaKey& key) {
  protocol::RemoveRaftVoterRequest request;
  request.cluster_id = std::nullopt;
  request.voter_id = key.id.value();
  request.voter_directory_id = key.directory;
  return request;
}

bool VoterCluster::create_topic(runtime::World& world) {
  const std::string name = fmt::format("t{}", ++topics_);
  protocol::CreateTopicsRequest request;
  request.timeout_ms = 3000;
  auto& topic = request.topics.emplace_back();
  topic.name = name;
  topic.num_partitions = 1;
  topic.replication_factor = 1;
  const auto answer = ask(world, broker_endpoint(), request, 4s);
  const bool done = answer && answer->topics.size() == 1 && answer->topics[0].error_code == 0;
  if (done) promised.push_back(name);
  return done;
}

void VoterCluster::keep_creating_topics() {
  meanwhile([this](runtime::World& world) {
    while (creating) {
      (void)create_topic(world);
      runtime::sleep_for(world, 100ms);
    }
  });
}

void VoterCluster::expect_service() {
  creating = false;
  bool done = false;
  const Instant begun = simulation.now();
  talk([&](runtime::World& world) {
    while (!done && simulation.now() < begun + 60s) {
      done = create_topic(world);
      if (!done) runtime::sleep_for(world, 100ms);
    }
  });
  EXPECT_TRUE(done) << "no topic is created any more";
  EXPECT_LT(simulation.now() - begun, 30s);
  run_for(3s);
  for (const auto& [id, one] : members_) {
    if (one.process == nullptr) continue;
    const auto image = one.process->image();
    ASSERT_NE(image, nullptr);
    for (const std::string& name : promised) EXPECT_NE(image->find(name), nullptr) << "node " << id << " lost " << name;
  }
  EXPECT_THAT(wrongs, testing::IsEmpty());
}

}  // namespace squall::broker
