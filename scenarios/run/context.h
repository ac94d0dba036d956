// What the parts of one run share. Belongs to the runner; everything in it is used from its thread alone.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/cluster.h"
#include "scenarios/checks/check_set.h"
#include "scenarios/language/scenario.h"
#include "scenarios/run/atlas.h"
#include "scenarios/run/cluster_view.h"
#include "scenarios/run/plan.h"
#include "scenarios/run/serve_check.h"
#include "scenarios/run/timeline.h"
#include "sim/simulation.h"

namespace squall::broker {
class Broker;
}

namespace squall::scenarios {

// A client node and what runs on it.
struct ClientNode {
  sim::Node* node = nullptr;
  std::size_t workload = 0;  // index in the plan
  std::size_t number = 0;    // within its workload, from 0
  std::uint32_t incarnations = 0;
  bool finished = false;         // its process has ended by itself, as asked
  bool keep_down = false;        // it was killed and has not been started again
  std::function<void()> settle;  // reports acknowledgements that it still holds back; null while nothing runs
};

// A broker, a controller, or both, and its process.
struct ServerNode {
  sim::Node* node = nullptr;
  const ServerPlan* plan = nullptr;
  const NodeInsight* insight = nullptr;    // while its process runs and can tell; a cluster of one needs none
  const broker::Broker* broker = nullptr;  // while its process runs
  bool serving = false;                    // started and not ended
  bool wanted = true;                      // the supervisor starts it again when its process ends
  bool dir_failed = false;                 // a log directory is offline since its last start
  bool metadata_damaged = false;           // its last start was refused for that
  bool ever_formatted = false;             // what is formatted again is no first voter
  bool formatted = false;                  // its directories have their identity; a cluster of one needs no formatting
  std::uint32_t failed_starts = 0;
  std::uint32_t unasked_ends = 0;  // the process ended by itself
};

struct RunContext {
  RunContext(const Scenario& the_scenario, Plan the_plan, std::uint64_t the_seed, sim::SimulationOptions options,
             AvailabilityBounds bounds, bool keep_all_events)
      : scenario{the_scenario},
        plan{std::move(the_plan)},
        seed{the_seed},
        checks{bounds},
        timeline{keep_all_events},
        atlas{plan, checks},
        simulation{options} {}

  const Scenario& scenario;
  Plan plan;
  std::uint64_t seed;
  CheckSet checks;
  Timeline timeline;
  Atlas atlas;
  std::vector<ServerNode> servers;    // as in the plan: brokers first
  std::unique_ptr<ClusterView> view;  // set when the servers are there
  std::vector<std::unique_ptr<ClientNode>> clients;
  std::vector<PartitionId> partitions;  // of the declared topics
  sim::Node* control = nullptr;
  Instant begun{};        // when the topics were there: faults and workloads count from here
  bool sending = true;    // workloads go on
  int voter_changes = 0;  // asked for, and not done
  bool stopping = false;  // clients end
  ClientId next_client = 0;
  // Whether the partitions had enough in-sync replicas, when these servers were up and the metadata ended there.
  struct Served {
    std::vector<bool> up;
    Offset metadata_end = no_offset;
    bool by_all = false;
  };
  std::optional<Served> served;
  std::optional<ServeCheck> serve_check;
  sim::Simulation simulation;  // last: its nodes use all of the above while they are unwound

  [[nodiscard]] Instant now() const { return simulation.now(); }
  [[nodiscard]] client::ClusterOptions cluster_options(std::string client_id, Duration request_timeout) const;
  // Up and not frozen.
  [[nodiscard]] static bool is_up(const ServerNode& server) {
    return server.node->state() == sim::NodeState::running && !server.node->paused();
  }
  // Whether a majority of the voters is up, and so many in-sync replicas of each declared partition as it wants.
  [[nodiscard]] bool could_serve();
  // Whether the server runs, and is one of the voters.
  [[nodiscard]] static bool is_voter(const ServerNode& server, const std::vector<VoterView>& voters) {
    return server.insight != nullptr && std::ranges::find(voters, server.insight->self()) != voters.end();
  }
  [[nodiscard]] bool controllers_suffice() const;    // a majority of them is up
  [[nodiscard]] bool has_active_controller() const;  // and it is up
  // One past the last metadata record that the active controller has written; nothing while there is none.
  [[nodiscard]] std::optional<Offset> metadata_written() const;
  // Whether every broker that serves has replayed metadata up to `end`.
  [[nodiscard]] bool brokers_have_heard(Offset end) const;
  void settle_clients() {
    for (const auto& one : clients) {
      if (one->settle) one->settle();
    }
  }
};

}  // namespace squall::scenarios
