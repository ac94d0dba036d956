// Three brokers that replicate, and a node that is their controller.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "broker/broker.h"
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
inline constexpr std::int32_t controller_id = 100;
inline constexpr std::uint16_t controller_port = 9093;
inline constexpr std::string_view replica_cluster_id = "AAAAAAAAAAAAAAAAAAAAew";

class ReplicaCluster {
 public:
  explicit ReplicaCluster(std::uint64_t seed = 1, ConfigValues values = {});
  ~ReplicaCluster();

  [[nodiscard]] static std::string host(std::int32_t id) { return "b" + std::to_string(id); }
  sim::Node& node(std::int32_t id) { return *nodes[static_cast<std::size_t>(id)]; }
  [[nodiscard]] runtime::Endpoint endpoint(std::int32_t id) const { return {host(id), 9092}; }
  [[nodiscard]] client::ClusterOptions bootstrap() const;

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
  // As the controller sees it.
  [[nodiscard]] const raft::PartitionImage& partition(const std::string& topic);
  [[nodiscard]] bool in_sync(const std::string& topic, std::size_t count) {
    return partition(topic).in_sync_replicas.size() == count;
  }
  // From the controller, and from the other brokers, but not from clients.
  void cut_off(std::int32_t id);
  void heal();
  // The controller, as a server.
  [[nodiscard]] sim::Node& controller() { return *nodes.back(); }
  [[nodiscard]] std::shared_ptr<const raft::MetadataImage> image() const {
    return controller_process_ == nullptr ? nullptr : controller_process_->image();
  }
  [[nodiscard]] std::size_t count(runtime::EventName name) const {
    const auto at = events.find(name);
    return at == events.end() ? 0 : at->second;
  }

  sim::Simulation simulation;
  std::vector<sim::Node*> nodes;  // the brokers, and behind them the controller
  sim::Node* client = nullptr;
  std::map<runtime::EventName, std::size_t> events;

 private:
  [[nodiscard]] ConfigValues values_of(std::size_t index) const;
  void serve(std::size_t index, runtime::World& world);

  ConfigValues values_;
  std::array<bool, broker_count + 1> formatted_{};
  Broker* controller_process_ = nullptr;
  std::shared_ptr<const raft::MetadataImage> seen_;  // what `partition` gave lies in it
};

// All values of the partition that the broker lets a consumer read, wherever it has them from.
std::vector<std::string> values_at(runtime::World& world, const std::string& host, const std::string& topic);

protocol::FetchRequest consumer_fetch(const std::string& topic, std::int64_t offset);
protocol::ProduceRequest produce_of(const std::string& topic, const ByteBuffer& batch, std::int16_t acks);

}  // namespace squall::broker
