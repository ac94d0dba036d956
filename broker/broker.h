// One node of the cluster, a broker, a controller or both: what `squall-broker` runs and what a simulated node runs.
//
//   Broker broker{world, config};
//   if (auto started = broker.start(); !started) fatal(started.error().code, started.error().message);
//   ...
//   broker.stop();
//
// Everything it does, it does through the World: fibers, files, sockets, clock. It owns its fibers; `start` and `stop` are
// called from a fiber of the same World. When its virtual node dies, its fibers are unwound and destroying it waits for
// nothing.
#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/assert.h"
#include "base/uuid.h"
#include "broker/config.h"
#include "runtime/world.h"

namespace squall::raft {
struct MetadataImage;
class VoterSet;
}  // namespace squall::raft

namespace squall::broker {

struct BrokerState;

struct StartError {
  ExitCode code = ExitCode::internal_error;
  std::string message;  // names the file, what is wrong with it, and what to do
};

class Broker {
 public:
  Broker(runtime::World& world, BrokerConfig config);
  // The broker has been stopped, has never been started, or its node has died.
  ~Broker();
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  // May wait. Formats empty log directories, recovers the logs, replays the metadata, opens the listeners. When it returns,
  // clients are served. Fails, too, when `stop` or a failure of the node comes meanwhile. After a failure, `stop` as ever.
  [[nodiscard]] std::expected<void, StartError> start();
  // May wait. At any time, also while `start` waits for its cluster in another fiber. Accepts nothing new, lets requests in
  // flight finish for at most `squall.shutdown.grace.ms`, closes the connections, flushes and checkpoints the logs and marks
  // the directories clean. Does nothing the second time.
  void stop();
  // Waits until the broker cannot go on by itself (all log directories have failed), then says why; nothing after `stop`.
  [[nodiscard]] std::optional<StartError> wait_until_failed();

  // ---- for who looks at the node from outside; never waits ----
  // What the node knows of the quorum; nothing before it takes part in it.
  struct Standing {
    LeaderEpoch epoch = no_epoch;
    NodeId leader = no_node;
    bool is_active_controller = false;
    Offset high_watermark = no_offset;
    Offset log_end = no_offset;
    Offset committed = no_offset;  // everything below is committed, and can be read from its log
    Offset log_start = no_offset;
  };
  [[nodiscard]] std::optional<Standing> standing() const;
  // The epoch of the record of its metadata log before `offset`; no_epoch before it takes part in the quorum.
  [[nodiscard]] LeaderEpoch metadata_epoch_before(Offset offset) const;
  // Where the metadata log's files are.
  [[nodiscard]] std::string metadata_log_path() const;
  // The replicas that it holds and that are online, by topic name and number. Costs O(replicas).
  struct ReplicaStanding {
    std::string topic;
    std::int32_t partition = 0;
    bool leads = false;
    LeaderEpoch leader_epoch = no_epoch;
    Offset log_start = no_offset;
    Offset high_watermark = no_offset;
    Offset log_end = no_offset;
    std::string path;  // of its log's files
  };
  [[nodiscard]] std::vector<ReplicaStanding> replicas() const;
  // The newest published image; null before the node takes part in the quorum.
  [[nodiscard]] std::shared_ptr<const raft::MetadataImage> image() const;

  // Who votes, as far as this node's log says; null before the node takes part in the quorum.
  [[nodiscard]] std::shared_ptr<const raft::VoterSet> voters() const;
  // The id of the directory that holds the metadata log: with the node id, the replica's (KIP-853). Zero before it is open.
  [[nodiscard]] Uuid metadata_directory() const;

  // Where it listens, in the order of `listeners`, with the ports that the world chose. After `start`.
  [[nodiscard]] const std::vector<runtime::Endpoint>& endpoints() const;
  [[nodiscard]] const BrokerConfig& config() const;

 private:
  std::shared_ptr<BrokerState> state_;  // held by its fibers, too: on a dead node they are unwound in any order
};

}  // namespace squall::broker
