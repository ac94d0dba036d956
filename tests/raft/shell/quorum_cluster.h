// Quorum nodes in the virtual world, each with its disk and a small server that speaks Kafka's frames; and what must hold of
// them whatever happens: one leader an epoch, one committed log, nothing lost that was said to be committed.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "log/log_manager.h"
#include "raft/shell/quorum_node.h"
#include "sim/simulation.h"

namespace squall::raft {

using namespace std::chrono_literals;

class QuorumCluster {
 public:
  static constexpr std::size_t no_leader = SIZE_MAX;

  explicit QuorumCluster(std::uint64_t seed, std::size_t nodes = 3);

  void start(std::size_t index);
  void start_all();
  // Brings back what is down.
  void restart_all();
  void run_for(Duration duration) { simulation.run_for(duration); }
  // Until it holds, or fails the test after `limit`.
  void run_until(const std::function<bool()>& holds, const char* what, Duration limit = 60s);
  // The node that leads the highest epoch among those that run.
  [[nodiscard]] std::size_t leader() const;
  void run_until_led();
  // All nodes run, one of them leads, records are committed, and all nodes agree on all that is.
  void expect_recovery();
  void expect_promises_kept() const;

  struct Member {
    sim::Node* node = nullptr;
    QuorumNode* quorum = nullptr;  // of the process that runs
    Offset read{0};                // below that its state machine has read
    std::optional<std::string> failure{};
  };
  struct Batch {
    Offset end{};
    LeaderEpoch epoch{};
    std::vector<std::string> names;
    bool operator==(const Batch&) const = default;
  };

  std::map<std::int32_t, std::int64_t> leaders;          // of each epoch
  std::map<Offset, Batch> committed;                     // as state machines read it
  std::vector<std::pair<Offset, std::string>> promised;  // said to be committed
  std::vector<std::string> wrongs;
  std::vector<Member> members;
  VoterSet voters;
  bool proposing = true;
  std::int32_t segment_bytes = 1 << 20;
  std::uint64_t proposals = 0;
  std::function<void(QuorumNodeOptions&)> adjust;
  sim::Simulation simulation;  // last: its fibers use the others to their end

 private:
  void run_node(runtime::World& world, std::size_t index);
  void follow(runtime::World& world, QuorumNode& quorum, std::size_t index);
  void propose(runtime::World& world, QuorumNode& quorum);
  void note(const CommittedBatch& batch, std::size_t index);
  [[nodiscard]] Offset end_of_committed() const;
};

// Accepts connections on the port, and serves the quorum's requests on each, until cancelled.
void serve_quorum(runtime::World& world, QuorumNode& quorum, std::uint16_t port);

inline constexpr std::string_view test_cluster_id = "MkU3OEVBNTcwNTJENDM2Qg";

}  // namespace squall::raft
