#include "scenarios/run/cluster.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "broker/broker.h"
#include "broker/config_keys.h"
#include "broker/format.h"
#include "broker/topic_config.h"
#include "raft/controller/decision.h"
#include "raft/metadata/metadata_image.h"
#include "raft/quorum/voter_set.h"
#include "scenarios/run/node_config.h"
#include "scenarios/run/workloads.h"

namespace squall::scenarios {
namespace {

LanguageError config_error(const Scenario& scenario, std::string message) {
  // A broker ignores a key that it does not know; a scenario that has one is refused.
  constexpr std::string_view ignored = "unknown key, ignored";
  if (const std::size_t at = message.find(ignored); at != std::string::npos) message.replace(at, ignored.size(), "no such key");
  // The place is the scenario's, not that of the values made from it.
  constexpr std::string_view prefix = "override: ";
  if (message.starts_with(prefix)) message.erase(0, prefix.size());
  LanguageError error{scenario.file, {}, "cluster.config", message};
  const ClusterSpec& cluster = scenario.cluster;
  for (const auto& [table, places] : {std::pair{"cluster.config.", &cluster.config_places},
                                      std::pair{"cluster.broker_config.", &cluster.broker_config_places},
                                      std::pair{"cluster.controller_config.", &cluster.controller_config_places}}) {
    for (const auto& [key, place] : *places) {
      if (message.find(key) == std::string::npos) continue;
      error.place = place;
      error.key = table + key;
      if (message.starts_with(key + ": ")) error.message.erase(0, key.size() + 2);
      return error;
    }
  }
  return error;
}

// What the broker would refuse about a topic, told where the scenario says it.
std::optional<LanguageError> topic_error(const Scenario& scenario, const Plan& plan) {
  for (std::size_t at = 0; at < plan.topics.size(); ++at) {
    const TopicSpec& spec = scenario.topics[at];
    const std::string path = fmt::format("topic[{}]", at + 1);
    if (const auto wrong = raft::check_topic_name(spec.name)) {
      return LanguageError{scenario.file, spec.place, path + ".name", *wrong};
    }
    for (const auto& [key, value] : plan.topics[at].config) {
      auto wrong = broker::check_topic_config(key, value);
      if (!wrong) continue;
      if (broker::find_topic_config_key(key) == nullptr) {
        std::vector<std::string_view> names;
        for (const broker::TopicConfigKey& row : broker::topic_config_keys()) names.push_back(row.key.name);
        wrong = "no such key" + suggestion(key, names);
      }
      const auto place = std::ranges::find(spec.config_places, key, &std::pair<std::string, Place>::first);
      return LanguageError{scenario.file, place == spec.config_places.end() ? spec.place : place->second,
                           fmt::format("{}.config.{}", path, key), *wrong};
    }
  }
  return std::nullopt;
}

// The id that all nodes of a run are formatted with.
std::string cluster_id() { return Uuid{0x53'5155'414c, 0x4c}.to_string(); }

// With voters in the log: who votes first, by the directories that they will have; all others are to be added.
broker::FormatOptions format_options(const Plan& plan, const ServerPlan& server, bool again) {
  broker::FormatOptions options{.cluster_id = cluster_id(), .ignore_formatted = true};
  if (!plan.dynamic_voters || !server.is_controller) return options;
  const auto voters = plan.first_voters();
  if (again || std::ranges::find(voters, &server) == voters.end()) {
    options.first_voters = broker::FirstVoters::none;
    return options;
  }
  options.first_voters = broker::FirstVoters::named;
  for (const ServerPlan* voter : voters) {
    const Uuid directory{0x53'5155'414c'4c4d, static_cast<std::uint64_t>(voter->id.value())};
    options.initial_controllers += fmt::format("{}{}@{}:{}:{}", options.initial_controllers.empty() ? "" : ",",
                                               voter->id.value(), voter->name, controller_port, directory.to_string());
  }
  return options;
}

// What a server's process knows, for the selectors of faults.
class BrokerInsight final : public NodeInsight {
 public:
  BrokerInsight(const broker::Broker& broker, NodeId id) : broker_{broker}, id_{id} {}
  [[nodiscard]] LeaderEpoch quorum_epoch() const override {
    return broker_.standing().value_or(broker::Broker::Standing{}).epoch;
  }
  [[nodiscard]] NodeId quorum_leader() const override { return broker_.standing().value_or(broker::Broker::Standing{}).leader; }
  [[nodiscard]] std::vector<VoterView> voters() const override {
    std::vector<VoterView> list;
    const auto voters = broker_.voters();
    if (voters == nullptr) return list;
    for (const raft::Voter& voter : voters->voters()) list.push_back({voter.key.id, voter.key.directory});
    return list;
  }
  [[nodiscard]] VoterView self() const override { return {broker_.config().node_id, broker_.metadata_directory()}; }
  [[nodiscard]] Offset metadata_end() const override {
    const auto image = broker_.image();
    return image == nullptr ? no_offset : image->end_offset;
  }
  [[nodiscard]] std::optional<Offset> written_end() const override {
    const auto standing = broker_.standing();
    return standing && standing->is_active_controller ? std::optional{standing->log_end} : std::nullopt;
  }
  [[nodiscard]] std::optional<PartitionView> partition(std::string_view topic, std::int32_t index) const override {
    const auto image = broker_.image();
    const auto found = image == nullptr ? nullptr : image->find(topic);
    const raft::PartitionImage* partition = found == nullptr ? nullptr : found->partition(index);
    if (partition == nullptr) return std::nullopt;
    return PartitionView{.leader = partition->leader,
                         .replicas = nodes(partition->replicas),
                         .in_sync = nodes(partition->in_sync_replicas),
                         .eligible = nodes(partition->eligible_leader_replicas),
                         .leader_epoch = partition->leader_epoch,
                         .recovering = partition->recovery == raft::LeaderRecovery::recovering};
  }
  [[nodiscard]] bool leads(const PartitionView& partition) const override { return partition.leader == id_; }

 private:
  static std::vector<NodeId> nodes(const raft::NodeList& list) {
    std::vector<NodeId> ids;
    for (const std::int32_t id : list.ids()) ids.emplace_back(id);
    return ids;
  }
  const broker::Broker& broker_;
  NodeId id_;
};

// The process of a server: starts it, serves until it is asked to stop or cannot go on.
class ServerProcess {
 public:
  ServerProcess(RunContext& run, std::size_t index, runtime::World& world, const broker::BrokerConfig& config)
      : run_{run}, index_{index}, world_{world}, config_{config}, broker_{world, config} {
    run_.servers[index_].insight = &insight_;
    run_.servers[index_].broker = &broker_;
  }
  ~ServerProcess() {
    run_.servers[index_].insight = nullptr;
    run_.servers[index_].broker = nullptr;
  }
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  void serve() {
    ServerNode& node = run_.servers[index_];
    main_ = world_.current_fiber();
    node.dir_failed = false;
    node.node->set_stop_handler([this] {
      asked_ = true;
      broker_.stop();
      stopped_ = true;
      world_.unpark(main_);
    });
    const auto started = start();
    if (!started && !asked_) {
      ++node.failed_starts;
      node.dir_failed = true;
      node.metadata_damaged = started.error().code == ExitCode::corrupt_metadata;
      run_.timeline.add(run_.now(), EntryKind::event, "did not start: " + started.error().message, node.node->name());
      broker_.stop();
      return;
    }
    if (started) {
      node.serving = true;
      run_.atlas.recovered(node.plan->id, run_.now());
    }
    const auto why = broker_.wait_until_failed();
    node.serving = false;
    if (!why || asked_) {
      while (!stopped_) world_.park();
      return;
    }
    ++node.unasked_ends;
    run_.timeline.add(run_.now(), EntryKind::event, "gave up: " + why->message, node.node->name());
    broker_.stop();
  }

 private:
  // A node of a cluster is formatted once, by its operator, before its first start.
  std::expected<void, broker::StartError> start() {
    ServerNode& node = run_.servers[index_];
    if (run_.plan.is_cluster() && !node.formatted) {
      const broker::FormatOptions options = format_options(run_.plan, *node.plan, node.ever_formatted);
      if (auto done = broker::format_node(world_, config_, options); !done) return std::unexpected(done.error());
      node.formatted = node.ever_formatted = true;
    }
    return broker_.start();
  }

  RunContext& run_;
  std::size_t index_;
  runtime::World& world_;
  const broker::BrokerConfig& config_;
  runtime::FiberId main_;
  bool asked_ = false;  // to stop
  bool stopped_ = false;
  broker::Broker broker_;
  BrokerInsight insight_{broker_, run_.servers[index_].plan->id};
};

// A broker does not start with damaged metadata. If a fault has damaged what is stored, the operator removes the log
// directories to begin anew; else the damage is the broker's own, and it stays down.
void remove_damaged_metadata(RunContext& run, ServerNode& server) {
  if (!std::exchange(server.metadata_damaged, false) || !run.atlas.stored_harm()) return;
  run.settle_clients();
  run.timeline.add(run.now(), EntryKind::event, "its log directories are removed, for its metadata is damaged",
                   server.node->name());
  run.atlas.struck(Harm::stored, server.plan->id, run.now());
  server.node->power_cut();
  for (const auto& disk : server.node->disks()) run.simulation.hit(disk->wipe());
  server.formatted = false;
}

void supervise(RunContext& run, std::size_t index) {
  run.simulation.after(supervisor_delay, [&run, index] {
    ServerNode& node = run.servers[index];
    if (!node.wanted || node.node->state() != sim::NodeState::off) return;
    remove_damaged_metadata(run, node);
    node.node->restart();
  });
}

sim::NodeOptions server_options(const RunContext& run, const ServerPlan& server) {
  sim::NodeOptions options{.name = server.name, .host = {}};
  options.profile = *sim::profile_named(run.scenario.cluster.hardware);
  if (run.plan.page_cache) options.profile.page_cache_bytes = static_cast<std::uint64_t>(*run.plan.page_cache);
  if (run.plan.disk_size) options.profile.disk.capacity_bytes = static_cast<std::uint64_t>(*run.plan.disk_size);
  for (std::int64_t disk = 0; disk < run.plan.disks_of(server); ++disk) options.disks.push_back({.mount = log_dir(disk)});
  options.clock.skew = run.plan.clock_skew;
  return options;
}

std::unique_ptr<ClusterView> make_view(RunContext& run) {
  if (!run.plan.is_cluster()) {
    return std::make_unique<SoleNodeView>(run.plan.servers.front().id, [&run] {
      const ServerNode& sole = run.servers.front();
      return sole.serving && sole.node->state() == sim::NodeState::running;
    });
  }
  return std::make_unique<NewestView>([&run] {
    std::vector<const NodeInsight*> live;
    for (const ServerNode& server : run.servers) {
      if (server.insight != nullptr && server.node->state() == sim::NodeState::running) live.push_back(server.insight);
    }
    return live;
  });
}

void add_clients(RunContext& run) {
  for (const WorkloadPlan& workload : run.plan.workloads) {
    for (std::size_t number = 0; number < workload.clients; ++number) {
      auto client = std::make_unique<ClientNode>();
      sim::NodeOptions options{.name = fmt::format("client-{}", run.clients.size() + 1), .host = {}};
      options.profile = *sim::profile_named(run.scenario.cluster.hardware);
      client->node = &run.simulation.add_node(std::move(options));
      client->workload = workload.index;
      client->number = number;
      run.clients.push_back(std::move(client));
    }
  }
}

}  // namespace

std::expected<std::vector<broker::BrokerConfig>, LanguageError> configure_servers(const Scenario& scenario, const Plan& plan) {
  if (auto wrong = topic_error(scenario, plan)) return std::unexpected(std::move(*wrong));
  std::vector<broker::BrokerConfig> configs;
  for (const ServerPlan& server : plan.servers) {
    auto parsed = broker::broker_config_from(node_values(plan, server));
    if (!parsed) return std::unexpected(config_error(scenario, parsed.error()));
    if (!parsed->warnings.empty()) return std::unexpected(config_error(scenario, parsed->warnings.front()));
    configs.push_back(std::move(parsed->config));
  }
  return configs;
}

std::expected<void, LanguageError> build_cluster(RunContext& run) {
  const auto configs = configure_servers(run.scenario, run.plan);
  if (!configs) return std::unexpected(configs.error());
  run.servers.reserve(run.plan.servers.size());
  for (std::size_t number = 0; number < run.plan.servers.size(); ++number) {
    const ServerPlan& server = run.plan.servers[number];
    run.servers.push_back({.node = &run.simulation.add_node(server_options(run, server)), .plan = &server});
    run.servers.back().node->start(server.is_broker ? "broker" : "controller",
                                   [&run, number, config = (*configs)[number]](runtime::World& world) {
                                     {
                                       ServerProcess process{run, number, world, config};
                                       process.serve();
                                     }
                                     supervise(run, number);
                                   });
  }
  run.view = make_view(run);
  run.atlas.look_through(*run.view);
  add_clients(run);
  sim::NodeOptions control{.name = "control", .host = {}};
  control.profile = *sim::profile_named(run.scenario.cluster.hardware);
  run.control = &run.simulation.add_node(std::move(control));
  return {};
}

void start_clients(RunContext& run) {
  for (const auto& one : run.clients) {
    ClientNode& client = *one;
    client.node->start("client", [&run, &client](runtime::World& world) {
      ++client.incarnations;
      switch (run.plan.workloads[client.workload].kind) {
        case WorkloadKind::produce: run_producer(run, client, world); break;
        case WorkloadKind::consume: run_consumer(run, client, world); break;
        case WorkloadKind::admin: run_admin(run, client, world); break;
      }
      client.finished = true;
    });
  }
}

void start_again(RunContext& run, sim::Node& node) {
  if (node.state() == sim::NodeState::running) return;
  if (ServerNode* server = server_at(run, node)) server->wanted = true;
  if (ClientNode* client = client_at(run, node)) client->keep_down = false;
  node.restart();
}

namespace {

ServeCheck serve_check_of(const Plan& plan) {
  std::vector<ServeCheck::Wanted> topics;
  for (const TopicPlan& topic : plan.topics) {
    const auto wanted =
        parse_quantity(plan.topic_value(topic.name, "min.insync.replicas", "min.insync.replicas").value_or("1"), Unit::count);
    const std::int64_t least = std::min<std::int64_t>(wanted.value_or(1), topic.replication);
    topics.push_back({topic.name, static_cast<std::size_t>(std::max<std::int64_t>(least, 0))});
  }
  return ServeCheck{std::move(topics)};
}

// As the newest image that a live server has says.
bool all_have_enough_in_sync(RunContext& run) {
  if (!run.serve_check) run.serve_check = serve_check_of(run.plan);
  std::shared_ptr<const raft::MetadataImage> newest;
  std::vector<NodeId> up;
  for (const ServerNode& server : run.servers) {
    if (run.is_up(server)) up.push_back(server.plan->id);
    if (server.broker == nullptr || server.node->state() != sim::NodeState::running) continue;
    auto image = server.broker->image();
    if (image != nullptr && (newest == nullptr || image->end_offset > newest->end_offset)) newest = std::move(image);
  }
  return newest == nullptr || run.serve_check->all_served(*newest, std::move(up));
}

}  // namespace

bool RunContext::could_serve() {
  if (!controllers_suffice()) return false;
  std::vector<bool> up;
  for (const ServerNode& server : servers) up.push_back(is_up(server));
  const Offset end = view->metadata_end();
  if (!served || served->up != up || served->metadata_end != end) {
    served = Served{std::move(up), end, all_have_enough_in_sync(*this)};
  }
  return served->by_all;
}

std::optional<Offset> RunContext::metadata_written() const {
  const NodeId active = view->active_controller();
  const auto found = std::ranges::find(servers, active, [](const ServerNode& one) { return one.plan->id; });
  return found == servers.end() || found->insight == nullptr ? std::nullopt : found->insight->written_end();
}

bool RunContext::brokers_have_heard(Offset end) const {
  return std::ranges::all_of(servers, [&](const ServerNode& one) {
    return !one.plan->is_broker || !one.serving || one.insight == nullptr || one.insight->metadata_end() >= end;
  });
}

bool RunContext::has_active_controller() const {
  const NodeId active = view->active_controller();
  return std::ranges::any_of(servers, [&](const ServerNode& one) { return one.plan->id == active && is_up(one); });
}

bool RunContext::controllers_suffice() const {
  const std::vector<VoterView> voters = plan.dynamic_voters ? view->voters() : std::vector<VoterView>{};
  const auto controllers = std::ranges::count_if(servers, [&](const ServerNode& one) {
    return one.plan->is_controller && is_up(one) && (!plan.dynamic_voters || is_voter(one, voters));
  });
  const std::int64_t all = plan.dynamic_voters ? static_cast<std::int64_t>(voters.size()) : plan.controller_count();
  return 2 * controllers > all;
}

ServerNode* server_at(RunContext& run, const sim::Node& node) {
  const auto found = std::ranges::find(run.servers, &node, [](const ServerNode& one) -> const sim::Node* { return one.node; });
  return found == run.servers.end() ? nullptr : &*found;
}

ClientNode* client_at(RunContext& run, const sim::Node& node) {
  const auto found = std::ranges::find(run.clients, &node, [](const auto& one) -> const sim::Node* { return one->node; });
  return found == run.clients.end() ? nullptr : found->get();
}

client::ClusterOptions RunContext::cluster_options(std::string client_id, Duration request_timeout) const {
  client::ClusterOptions options;
  for (const ServerNode& server : servers) {
    if (server.plan->is_broker) options.bootstrap.push_back({server.node->host(), broker_port});
  }
  options.connection.client_id = std::move(client_id);
  options.connection.request_timeout = request_timeout;
  options.connection.setup_timeout = std::min<Duration>(request_timeout, std::chrono::seconds{10});
  return options;
}

}  // namespace squall::scenarios
