#include "scenarios/run/cluster.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "broker/broker.h"
#include "broker/config_keys.h"
#include "raft/controller/decision.h"
#include "broker/topic_config.h"
#include "scenarios/run/workloads.h"

namespace squall::scenarios {
namespace {

std::string log_dir(std::int64_t disk) { return fmt::format("/data{}", disk + 1); }

broker::ConfigValues broker_values(const RunContext& run, std::size_t number) {
  broker::ConfigValues values;
  const std::string host = fmt::format("broker-{}", number + 1);
  values["process.roles"] = "broker,controller";
  values["node.id"] = fmt::format("{}", number + 1);
  values["listeners"] = fmt::format("PLAINTEXT://{}:{}", host, broker_port);
  std::string dirs;
  for (std::int64_t disk = 0; disk < run.plan.disks; ++disk) dirs += (disk == 0 ? "" : ",") + log_dir(disk);
  values["log.dirs"] = dirs;
  values["auto.create.topics.enable"] = "false";
  for (const auto& [key, value] : run.plan.broker_config) values[key] = value;
  return values;
}

LanguageError config_error(const Scenario& scenario, std::string message) {
  // A broker ignores a key that it does not know; a scenario that has one is refused.
  constexpr std::string_view ignored = "unknown key, ignored";
  if (const std::size_t at = message.find(ignored); at != std::string::npos) message.replace(at, ignored.size(), "no such key");
  // The place is the scenario's, not that of the values made from it.
  constexpr std::string_view prefix = "override: ";
  if (message.starts_with(prefix)) message.erase(0, prefix.size());
  LanguageError error{scenario.file, {}, "cluster.config", message};
  for (const auto& [key, place] : scenario.cluster.config_places) {
    if (message.find(key) == std::string::npos) continue;
    error.place = place;
    error.key = "cluster.config." + key;
    if (message.starts_with(key + ": ")) error.message.erase(0, key.size() + 2);
    break;
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

// The process of a broker: starts it, serves until it is asked to stop or cannot go on.
class BrokerProcess {
 public:
  BrokerProcess(RunContext& run, std::size_t index, runtime::World& world, const broker::BrokerConfig& config)
      : run_{run}, index_{index}, world_{world}, broker_{world, config} {}

  void serve() {
    BrokerNode& node = run_.brokers[index_];
    main_ = world_.current_fiber();
    node.dir_failed = false;
    const auto started = broker_.start();
    if (!started) {
      ++node.failed_starts;
      node.dir_failed = true;
      node.metadata_damaged = started.error().code == ExitCode::corrupt_metadata;
      run_.timeline.add(run_.now(), EntryKind::event, "did not start: " + started.error().message, node.node->name());
      return;
    }
    node.serving = true;
    run_.atlas.recovered(run_.now());
    node.node->set_stop_handler([this] {
      broker_.stop();
      stopped_ = true;
      world_.unpark(main_);
    });
    const std::string why = broker_.wait_until_failed();
    node.serving = false;
    if (why.empty()) {
      while (!stopped_) world_.park();
      return;
    }
    ++node.unasked_ends;
    run_.timeline.add(run_.now(), EntryKind::event, "gave up: " + why, node.node->name());
    broker_.stop();
  }

 private:
  RunContext& run_;
  std::size_t index_;
  runtime::World& world_;
  runtime::FiberId main_;
  bool stopped_ = false;
  broker::Broker broker_;
};

// A broker does not start with damaged metadata. If a fault has damaged what is stored, the operator removes the log
// directories to begin anew; else the damage is the broker's own, and it stays down.
void remove_damaged_metadata(RunContext& run, BrokerNode& broker) {
  if (!std::exchange(broker.metadata_damaged, false) || !run.atlas.stored_harm()) return;
  run.settle_clients();
  run.timeline.add(run.now(), EntryKind::event, "its log directories are removed, for its metadata is damaged",
                   broker.node->name());
  run.atlas.struck(Harm::stored, run.now());
  broker.node->power_cut();
  for (const auto& disk : broker.node->disks()) run.simulation.hit(disk->wipe());
}

void supervise(RunContext& run, std::size_t index) {
  run.simulation.after(supervisor_delay, [&run, index] {
    BrokerNode& node = run.brokers[index];
    if (!node.wanted || node.node->state() != sim::NodeState::off) return;
    remove_damaged_metadata(run, node);
    node.node->restart();
  });
}

sim::NodeOptions broker_options(const RunContext& run, std::size_t index) {
  sim::NodeOptions options{.name = fmt::format("broker-{}", index + 1), .host = {}};
  options.profile = *sim::profile_named(run.scenario.cluster.hardware);
  if (run.plan.page_cache) options.profile.page_cache_bytes = static_cast<std::uint64_t>(*run.plan.page_cache);
  if (run.plan.disk_size) options.profile.disk.capacity_bytes = static_cast<std::uint64_t>(*run.plan.disk_size);
  for (std::int64_t disk = 0; disk < run.plan.disks; ++disk) options.disks.push_back({.mount = log_dir(disk)});
  options.clock.skew = run.plan.clock_skew;
  return options;
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

std::expected<void, LanguageError> build_cluster(RunContext& run) {
  if (auto wrong = topic_error(run.scenario, run.plan)) return std::unexpected(std::move(*wrong));
  for (std::int64_t index = 0; index < run.scenario.cluster.brokers; ++index) {
    const auto number = static_cast<std::size_t>(index);
    const auto parsed = broker::broker_config_from(broker_values(run, number));
    if (!parsed) return std::unexpected(config_error(run.scenario, parsed.error()));
    if (!parsed->warnings.empty()) return std::unexpected(config_error(run.scenario, parsed->warnings.front()));
    run.brokers.push_back({.node = &run.simulation.add_node(broker_options(run, number))});
    run.brokers.back().node->start("broker", [&run, number, config = parsed->config](runtime::World& world) {
      {
        BrokerProcess process{run, number, world, config};
        process.serve();
      }
      supervise(run, number);
    });
  }
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
  if (BrokerNode* broker = broker_at(run, node)) broker->wanted = true;
  if (ClientNode* client = client_at(run, node)) client->keep_down = false;
  node.restart();
}

BrokerNode* broker_at(RunContext& run, const sim::Node& node) {
  const auto found = std::ranges::find(run.brokers, &node, [](const BrokerNode& one) -> const sim::Node* { return one.node; });
  return found == run.brokers.end() ? nullptr : &*found;
}

ClientNode* client_at(RunContext& run, const sim::Node& node) {
  const auto found = std::ranges::find(run.clients, &node, [](const auto& one) -> const sim::Node* { return one->node; });
  return found == run.clients.end() ? nullptr : found->get();
}

client::ClusterOptions RunContext::cluster_options(std::string client_id, Duration request_timeout) const {
  client::ClusterOptions options;
  for (const BrokerNode& broker : brokers) options.bootstrap.push_back({broker.node->host(), broker_port});
  options.connection.client_id = std::move(client_id);
  options.connection.request_timeout = request_timeout;
  options.connection.setup_timeout = std::min<Duration>(request_timeout, std::chrono::seconds{10});
  return options;
}

}  // namespace squall::scenarios
