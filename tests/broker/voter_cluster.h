// Controllers and a broker in the virtual world, whose voters are kept in the log (KIP-853); and what must hold of them
// whatever happens: one leader an epoch, nothing lost that was acknowledged, one voter set in the end.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "broker/broker.h"
#include "broker/format.h"
#include "client/connection.h"
#include "protocol/messages/add_raft_voter.h"
#include "protocol/messages/create_topics.h"
#include "protocol/messages/describe_quorum.h"
#include "protocol/messages/remove_raft_voter.h"
#include "protocol/messages/update_features.h"
#include "raft/quorum/voter_set.h"
#include "sim/simulation.h"

namespace squall::broker {

using namespace std::chrono_literals;

inline constexpr std::int32_t broker_id = 9;

class VoterCluster {
 public:
  struct Member {
    std::int32_t id = 0;
    sim::Node* node = nullptr;
    ConfigValues values;
    FormatOptions format;
    bool formatted = false;
    Broker* process = nullptr;  // while it runs
    bool started = false;
    std::optional<StartError> refused{};  // the last start
    std::uint16_t port = 9093;            // of its controller listener
  };

  explicit VoterCluster(std::uint64_t seed = 1);
  ~VoterCluster();

  // Nodes, not started. Controllers are "c1", ..., and not among the first voters unless `format` says so.
  Member& add_controller(std::int32_t id, FirstVoters first_voters = FirstVoters::none);
  Member& add_broker();
  // Controllers 1 to `count`, who vote first.
  void add_first_voters(std::int32_t count);
  [[nodiscard]] static Uuid first_directory(std::int32_t id) {
    return {0x4000, 0x8000'0000'0000'0000U + static_cast<std::uint64_t>(id)};
  }

  Member& member(std::int32_t id) { return members_.at(id); }
  [[nodiscard]] const Broker* process(std::int32_t id) const { return members_.at(id).process; }
  sim::Node& node(std::int32_t id) { return *member(id).node; }
  void start(std::int32_t id);
  void start_all();
  void restart_all();
  // Power off, and an empty disk: it is formatted as a node that is to be added when it starts again.
  void wipe(std::int32_t id);
  void heal();

  void run_for(Duration duration) { simulation.run_for(duration); }
  void run_until(const std::function<bool()>& holds, const char* what, Duration limit = 60s);
  // The node that leads the highest epoch among those that run; 0: none.
  [[nodiscard]] std::int32_t leader() const;
  // The replica that runs on that node.
  [[nodiscard]] raft::ReplicaKey key(std::int32_t id) const;
  // Whether each node that runs knows of these voters and no others, each under its present directory, and of a leader.
  [[nodiscard]] bool agree_on(const std::set<std::int32_t>& ids) const;

  // ---- the operator's machine ----
  // Runs `talk` there until it ends.
  void talk(const std::function<void(runtime::World&)>& talk);
  // Runs it there beside everything else.
  void meanwhile(std::function<void(runtime::World&)> task) {
    operator_node->spawn("task", [this, task = std::move(task)] { task(operator_node->world()); });
  }
  [[nodiscard]] runtime::Endpoint controller_endpoint(std::int32_t id) { return {member(id).node->host(), member(id).port}; }
  [[nodiscard]] static runtime::Endpoint broker_endpoint() { return {"b", 9092}; }

  template <class Request>
  static std::optional<typename client::Api<Request>::Response> ask(runtime::World& world, const runtime::Endpoint& at,
                                                                    const Request& request, Duration patience = 10s) {
    client::ConnectionOptions options;
    options.request_timeout = patience;
    auto connection = client::Connection::open(world, at, options, world.now() + patience);
    if (!connection) return std::nullopt;
    auto answer = (*connection)->call(request, world.now() + patience);
    (*connection)->close();
    if (!answer) return std::nullopt;
    return *std::move(answer);
  }
  [[nodiscard]] protocol::AddRaftVoterRequest add_request(std::int32_t id);
  [[nodiscard]] static protocol::RemoveRaftVoterRequest remove_request(const raft::ReplicaKey& key);
  // Creates topics through the broker, and remembers those that were acknowledged.
  void keep_creating_topics();
  // A topic is created within 30 s, and everything that was ever acknowledged is known everywhere.
  void expect_service();

  std::vector<std::string> promised;
  std::vector<std::string> wrongs;
  bool creating = true;
  sim::Node* operator_node = nullptr;

 private:
  void serve(std::int32_t id, runtime::World& world);
  Member& add(std::int32_t id, const std::string& name, ConfigValues values);
  bool create_topic(runtime::World& world);

  std::map<std::int32_t, Member> members_;
  std::map<std::int64_t, std::uint32_t> leaders_;  // of each epoch
  std::string initial_;
  std::int64_t topics_ = 0;

 public:
  sim::Simulation simulation;  // last: its fibers use the others to their end
};

}  // namespace squall::broker
