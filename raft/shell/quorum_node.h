// The shell of the quorum core: one node of the quorum, or an observer of it, with its log, its peers and its time.
//
// `step` of the core never waits; what it wants done is merged and carried out by one fiber, in the order of effects.h, while
// further steps may already be taken. A second fiber flushes, so that a sync holds up nothing but what waits for it; one sync
// stands for all that was asked for before it began. Each peer has a fiber that speaks to it.
//
// A failure of the log, and a log that contradicts the leader's, are final: `on_failure` is told once and nothing leaves this
// node any more.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/connection.h"
#include "log/file_range.h"
#include "raft/quorum/quorum.h"
#include "raft/shell/metadata_log.h"
#include "runtime/world.h"

namespace squall::raft {

struct QuorumNodeOptions {
  QuorumConfig quorum;
  std::string cluster_id;
  // The first of controller.listener.names: what the endpoints are called that peers answer with.
  std::string listener;
  std::vector<runtime::Endpoint> bootstrap_servers;  // of the ids -2, -3, ... of QuorumConfig::bootstrap_servers
  std::function<void(std::string reason)> on_failure;
  std::size_t fetch_bytes_max = std::size_t{8} << 20;  // of one Fetch, as in Kafka's KafkaRaftClient
};

// The core's answer, with the bytes that go with it.
struct QuorumAnswer {
  ResponseBody body;
  log::FileRange bytes;  // records of a Fetch, a piece of a FetchSnapshot; zero-length else
};

// What a lone voter does about a durable record that it finds damaged behind its last recovery point. `refuse`: its recovery
// point is on disk before the record counts as committed, so no start takes the record for a torn tail. `redo`: it may be cut
// off, for whoever caused it does so again after a start; that saves two syncs. A voter among others fetches either again.
enum class IfDamaged : std::uint8_t { refuse, redo };

class QuorumNode {
 public:
  QuorumNode(runtime::World& world, MetadataLog& log, QuorumNodeOptions options);
  ~QuorumNode();
  QuorumNode(const QuorumNode&) = delete;
  QuorumNode& operator=(const QuorumNode&) = delete;

  // Starts the fibers; the core's first step is taken before it returns.
  void start();
  // May wait. A leader takes no more proposals, waits until what it has is committed, resigns (EndQuorumEpoch) and votes until
  // another one leads, for at most `grace` in all; so what serves requests goes on until this returns. Then nothing is sent or
  // answered any more. To be called before the node is destroyed, unless its process has died.
  void stop(Duration grace);

  // ---- for who serves the quorum's requests ----
  // May wait until the core answers (a Fetch is parked for up to its `wait_max`). Nothing: this node stops or failed.
  // If the asking fiber is cancelled, the answer is dropped. Records are at most `bytes_max` bytes, or one batch.
  [[nodiscard]] std::optional<QuorumAnswer> ask(RequestBody request, std::uint64_t bytes_max = UINT64_MAX);

  // ---- for the controller ----
  // Appends one batch of `count` records. The bytes are a whole record batch whose base offset and epoch are filled in here.
  // Returns the offset of the first, at once; nothing if this node does not lead `epoch`. Committed when `high_watermark`
  // passes it in the same epoch.
  [[nodiscard]] std::optional<Offset> propose(LeaderEpoch epoch, ByteBuffer batch, std::int32_t count,
                                              IfDamaged if_damaged = IfDamaged::refuse);
  void resign(LeaderEpoch epoch);
  [[nodiscard]] ErrorCode upgrade_kraft_version();

  // ---- for everybody; never waits ----
  [[nodiscard]] const Quorum& core() const;
  // Everything below is committed, and can be read from `log()`: what state machines follow. Never falls. The core's high
  // watermark may be ahead of it, and of what is on the disk. No offset: nothing is known to be committed.
  [[nodiscard]] Offset committed() const;
  [[nodiscard]] bool failed() const;
  // The disk of the log is full: nothing is logged, sent or answered until it has room again. Then all of it is.
  [[nodiscard]] bool disk_is_full() const;
  [[nodiscard]] MetadataLog& log();
  // The leader and where it listens; nothing while it is not known. `self` is true if it is this node.
  struct LeaderAddress {
    NodeId id = no_node;
    LeaderEpoch epoch = no_epoch;
    Endpoints endpoints;
    bool self = false;
  };
  [[nodiscard]] std::optional<LeaderAddress> leader() const;
  // The shell's own snapshots and cleaning.
  void tell(const SnapshotCreated& created);
  void tell(const LogCleaned& cleaned);

  // ---- waiting ----
  // What there is to hear of. Each kind counts for those behind it, too; all are told when the node stops or fails.
  enum class Change : std::uint8_t {
    leadership,  // the role, the epoch, or who leads
    committed,   // `committed()`
    any,         // the core's high watermark, or the disk is full, or has room again
  };
  // How often there was such a change, or one that counts for it.
  [[nodiscard]] std::uint64_t changes(Change change) const;
  // May wait until `changes(change)` is not `seen`, or the deadline. False: the deadline.
  bool wait_for(Change change, std::uint64_t seen, Instant deadline = end_of_time);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace squall::raft
