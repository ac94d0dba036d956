// Three brokers that replicate, and the controller's core in the place of a quorum: what it decides reaches each broker a few
// milliseconds later, unless the broker is cut off from it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "broker/broker.h"
#include "broker/metadata_store.h"
#include "broker/partition_table.h"
#include "broker/replica_manager.h"
#include "client/producer.h"
#include "protocol/messages/fetch.h"
#include "protocol/record_batch.h"
#include "runtime/deadline.h"
#include "sim/simulation.h"
#include "tests/broker/fixture.h"
#include "tests/raft/controller/fixture.h"

namespace squall::broker {

using protocol::ErrorCode;

inline constexpr std::int32_t broker_count = 3;

class ReplicaCluster {
 public:
  explicit ReplicaCluster(std::uint64_t seed = 1, ConfigValues values = {});
  ~ReplicaCluster();

  [[nodiscard]] static std::string host(std::int32_t id) { return "b" + std::to_string(id); }
  sim::Node& node(std::int32_t id) { return *nodes[static_cast<std::size_t>(id)]; }
  [[nodiscard]] runtime::Endpoint endpoint(std::int32_t id) const { return {host(id), 9092}; }
  [[nodiscard]] client::ClusterOptions bootstrap() const;

  void start(std::int32_t id);
  void run_for(Duration time) { simulation.run_for(time); }
  // Until it holds, for at most a virtual minute.
  bool run_until(const std::function<bool()>& holds) {
    simulation.run_while([&] { return !holds(); }, simulation.now() + 60s);
    return holds();
  }
  // Runs `talk` on the client's machine until it ends.
  void talk(const std::function<void(runtime::World&)>& talk);

  // A topic of one partition, on all brokers, led by the first.
  void create(const std::string& topic, const ConfigValues& configs = {}, const raft::Assignment& replicas = {0, 1, 2});
  [[nodiscard]] const raft::PartitionImage& partition(const std::string& topic) const { return control->partition(topic); }
  [[nodiscard]] bool in_sync(const std::string& topic, std::size_t count) const {
    return partition(topic).in_sync_replicas.size() == count;
  }
  // From the controller, and from the other brokers, but not from clients.
  void cut_off(std::int32_t id);
  void heal();
  [[nodiscard]] std::size_t count(runtime::EventName name) const {
    const auto at = events.find(name);
    return at == events.end() ? 0 : at->second;
  }

  sim::Simulation simulation;
  std::unique_ptr<raft::Cluster> control;
  std::vector<sim::Node*> nodes;
  sim::Node* client = nullptr;
  std::set<std::int32_t> unheard;  // brokers without a way to the controller
  std::map<runtime::EventName, std::size_t> events;
  std::vector<std::string> asked;  // ISRs that leaders asked for

 private:
  class Store;
  class Sender;
  void keep_time() { control->now = Instant{100s} + simulation.now().time_since_epoch(); }
  void join(std::int32_t id, runtime::World& world);
  void serve(std::int32_t id, runtime::World& world);

  ConfigValues values_;
  std::uint64_t lives_ = 0;
  std::int64_t next_producer_id_ = 0;
};

// All values of the partition that the broker lets a consumer read, wherever it has them from.
std::vector<std::string> values_at(runtime::World& world, const std::string& host, const std::string& topic);

protocol::FetchRequest consumer_fetch(const std::string& topic, std::int64_t offset);
protocol::ProduceRequest produce_of(const std::string& topic, const ByteBuffer& batch, std::int16_t acks);

}  // namespace squall::broker
