// One partition on a few brokers, with the cores under test, logs in memory, a toy controller, and a network that delays,
// reorders and loses. Random steps; after each, what must always hold is checked.
//
// What the model may do to the cluster: lose and reorder messages, hold metadata back, stop a node (its log survives), cut its
// power (what it had not flushed goes), fence whom it likes, move the leadership within the ISR, reassign. What it may not:
// take the last good copy, that is, cut the power of the only member of the ISR that has lost nothing.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/random.h"
#include "broker/replication/partition_core.h"
#include "tests/broker/replication/model_controller.h"
#include "tests/broker/replication/model_log.h"

namespace squall::broker::model {

struct FetchMessage {
  NodeId from;
  NodeId to;
  std::uint32_t life = 0;
  BrokerEpoch broker_epoch;
  FollowerPosition position;
};
struct FetchReply {
  NodeId to;
  std::uint32_t life = 0;
  std::uint32_t asked = 0;
  FetchAnswered answer;
  std::vector<Record> records;
};
struct EndsMessage {
  NodeId from;
  NodeId to;
  std::uint32_t life = 0;
  FetchTag tag;
};
struct EndsReply {
  NodeId to;
  std::uint32_t life = 0;
  LeaderEndsFound found;
};
struct AlterMessage {
  NodeId from;
  std::uint32_t life = 0;
  AlterPartitionAsk ask;
};
struct AlterReply {
  NodeId to;
  std::uint32_t life = 0;
  AlterPartitionAnswered answer;
};
using Message = std::variant<FetchMessage, FetchReply, EndsMessage, EndsReply, AlterMessage, AlterReply>;

struct Node {
  NodeId id;
  bool up = false;
  bool isolated = false;
  bool lost_tail = false;  // the power was cut, and the controller does not know it until it registers again
  std::uint32_t life = 0;
  BrokerEpoch broker_epoch = no_broker_epoch;
  std::size_t seen = 0;        // metadata versions replayed
  std::size_t registered = 0;  // the version that has its registration
  bool fetching = false;
  Log log;
  std::optional<PartitionCore> core;
  Offset checked{0};  // all below was compared with what is committed
  LeaderEpoch led_epoch = no_epoch;
  Offset led_high_watermark{0};
};

struct Counts {
  std::uint64_t produced = 0, acknowledged = 0, elections = 0, truncations = 0, shrinks = 0, expands = 0, power_cuts = 0;
  std::uint64_t late = 0, refused_asks = 0, compared = 0, reassignments = 0, under_min = 0;
};

class Cluster {
 public:
  Cluster(std::uint64_t seed, std::int32_t nodes, std::int32_t min_in_sync);

  // One random step. False if something that must hold does not: see `failure`.
  bool step();
  // No more faults: all messages arrive, all nodes are up. True if within a bound the partition is whole again: a leader, all
  // replicas in the ISR, all logs equal and committed, nobody waits.
  bool heal();
  [[nodiscard]] const std::string& failure() const { return failure_; }
  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  Node& node(NodeId id) { return nodes_[static_cast<std::size_t>(id.value())]; }
  Node& any() { return nodes_[random_.below(nodes_.size())]; }
  void fail(std::string what);

  // What may happen.
  void produce(Node& at);
  void send_fetch(Node& from);
  void see_metadata(Node& at, bool all);
  void deliver(std::size_t index);
  void lose(std::size_t index);
  void stop(Node& at, bool power);
  void start(Node& at);
  void fence(Node& at);
  void move();
  void disturb();
  void background(Node& at);

  void on(const FetchMessage& message);
  void on(const FetchReply& message);
  void on(const EndsMessage& message);
  void on(const EndsReply& message);
  void on(const AlterMessage& message);
  void on(const AlterReply& message);

  // What the shell does.
  void apply(Node& at, const PartitionEffects& effects);
  void apply(Node& at, const LeaderEffects& effects);
  void apply(Node& at, FollowerEffects effects, const std::vector<Record>& records);
  void answer_waiting(const Node& at);
  void give_up_waiting(const Node& at);
  [[nodiscard]] bool would_take_last_copy(const Node& at) const;
  [[nodiscard]] bool reachable(NodeId id) { return node(id).up && !node(id).isolated; }

  // What must hold.
  void check();
  void check_committed(Node& at, Offset high_watermark);
  void check_acknowledged(const Node& at, const char* who);
  [[nodiscard]] bool whole();

  Random random_;
  ReplicationConfig config_;
  Controller controller_;
  std::vector<Node> nodes_;
  std::vector<Message> network_;
  Instant now_{std::chrono::seconds{1}};
  std::uint64_t next_value_ = 1;
  struct Waiting {
    NodeId at;
    Offset offset;
  };
  std::map<std::uint64_t, Waiting> waiting_;  // by value
  std::vector<Record> committed_;             // what some reader has seen, in order
  std::map<Offset, std::uint64_t> acknowledged_;
  std::string failure_;
  Counts counts_;
};

}  // namespace squall::broker::model
