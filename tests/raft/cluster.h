// A cluster of quorum cores without machines: disks are values, the network is a bag of messages, time is each node's own and
// moves when it is told to. Whoever drives it chooses what happens next; after every step the safety of Raft is checked.
//
// Copyable and cheap to copy (nodes and messages are shared until they change), so that all interleavings can be explored.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "raft/quorum/quorum.h"

namespace squall::raft::testing {

struct Record {
  LeaderEpoch epoch{};
  std::int64_t value = 0;  // unique to the append; 0 for control records
  VoterSetPtr voters{};
  std::optional<std::int16_t> kraft_version{};
  // Where the append that it came from ends: a batch, cut nowhere but there.
  Offset batch_end{};
};

struct SnapshotFile {
  Snapshot snapshot;
  VoterSetPtr voters{};  // null under static voters
  std::int16_t kraft_version = 0;
};

// What survives a crash, but for the records from `flushed` on.
struct Disk {
  std::optional<ElectionState> election{};
  Offset start{0};
  std::vector<Record> records{};  // from `start`
  Offset flushed{0};
  std::vector<SnapshotFile> snapshots{};

  [[nodiscard]] Offset end() const { return start + static_cast<std::int64_t>(records.size()); }
  [[nodiscard]] const Record& at(Offset offset) const { return records[static_cast<std::size_t>(offset - start)]; }
};

struct Message {
  std::size_t from = 0;
  std::size_t to = 0;
  std::uint32_t asker_life = 0;  // of the node that asked: its connections die with it
  RequestId id{};
  std::optional<RequestBody> request{};
  std::optional<ResponseBody> response{};
  std::vector<Record> records{};           // of a fetch response
  std::optional<SnapshotFile> snapshot{};  // of a snapshot response
  std::uint64_t digest = 0;
};

// A sync under way. It covers what was written when it was asked for: what replaces that later is another matter.
struct PendingFlush {
  Flush flush;
  Offset covers;
};

struct Node {
  QuorumConfig config;
  VoterSet initial_voters{};
  std::int16_t initial_version = 0;
  std::optional<Quorum> quorum{};  // none: down
  Disk disk;
  std::uint32_t life = 0;
  Instant now{};
  std::vector<PendingFlush> flushes{};                            // oldest first
  std::optional<SnapshotFile> fetched{};                          // being downloaded
  std::optional<FinishSnapshot> finishing{};                      // SnapshotReady is to come
  std::map<std::uint64_t, std::shared_ptr<const Message>> asked;  // requests without a response yet, by token
  std::uint64_t last_token = 0;
  std::uint64_t digest = 0;
};

// What has ever been true, to compare with.
struct Memory {
  std::map<LeaderEpoch, std::size_t> leaders;
  std::vector<std::pair<LeaderEpoch, std::int64_t>> committed{};  // epoch and value by offset
  // What stands at (offset, epoch) stands there in every log, after the same record (log matching).
  std::map<std::pair<Offset, LeaderEpoch>, std::pair<std::int64_t, LeaderEpoch>> written;
  std::uint64_t elections = 0;
  std::uint64_t voter_changes = 0;
  std::uint64_t snapshots_installed = 0;
  std::uint64_t truncations = 0;
};

struct ClusterOptions {
  std::size_t voters = 3;
  std::size_t observers = 0;
  std::int16_t kraft_version = static_voters_version;
  std::uint64_t seed = 1;
  std::function<void(QuorumConfig&)> adjust;
  bool keep_written = true;
  std::int64_t fetch_records_max = 3;
  std::uint64_t torn_installs = 0;  // one in so many installations of a snapshot is cut short by a crash
};

class Cluster {
 public:
  explicit Cluster(const ClusterOptions& options);

  [[nodiscard]] std::size_t size() const { return nodes_.size(); }
  [[nodiscard]] const Node& node(std::size_t index) const { return *nodes_[index]; }
  [[nodiscard]] bool up(std::size_t index) const { return nodes_[index]->quorum.has_value(); }
  [[nodiscard]] const Quorum& quorum(std::size_t index) const { return *nodes_[index]->quorum; }
  [[nodiscard]] const std::vector<std::shared_ptr<const Message>>& bag() const { return bag_; }
  [[nodiscard]] const Memory& memory() const { return *memory_; }
  // The first broken property; the cluster is of no use after it.
  [[nodiscard]] const std::optional<std::string>& failure() const { return failure_; }
  // Equal digests: nodes, messages and memory are alike, but for time.
  [[nodiscard]] std::pair<std::uint64_t, std::uint64_t> digest() const;
  // The last steps in words, if they are kept.
  void keep_story() { keep_story_ = true; }
  [[nodiscard]] std::string story() const;

  void step(std::size_t index, const Event& event);
  void tick(std::size_t index, Instant now);
  // Removes the message from the bag, unless it is to come again.
  void deliver(std::size_t message, bool again = false);
  void drop(std::size_t message);
  // The request is lost, and its sender learns it.
  void fail(std::size_t message);
  void flush(std::size_t index);
  void snapshot_ready(std::size_t index);
  void propose(std::size_t index, std::int32_t count = 1);
  // `kept` of the unflushed records survive.
  void crash(std::size_t index, std::size_t kept = 0);
  void start(std::size_t index);
  // A snapshot of all that this node knows to be committed; false if there is nothing new.
  bool snapshot(std::size_t index);
  // Frees what lies before the newest snapshot.
  bool clean(std::size_t index);
  // An operator's request, whose answer nobody waits for.
  void ask(std::size_t index, RequestBody body);

  // Everything works: messages arrive, disks flush, all nodes run, timers fire in their order. For so many messages.
  void heal(std::size_t messages);

 private:
  Node& change(std::size_t index);
  Memory& change_memory();
  void fail_check(std::string what);
  void apply(std::size_t index, const Message* cause, Effects effects);
  void apply_log(std::size_t index, const Message* cause, const LogOperation& operation);
  void append(std::size_t index, Record record);
  void respond(std::size_t index, OutboundResponse response);
  void check(std::size_t index, Offset high_watermark_before);
  void check_leader(std::size_t index);
  void commit(std::size_t index, Offset end);
  [[nodiscard]] Restored restore(Node& node) const;
  bool tears_install(std::size_t index);
  void put(Message message);
  void digest_node(Node& node) const;
  void tell(std::string line);

  ClusterOptions options_;
  std::vector<std::shared_ptr<Node>> nodes_{};
  std::vector<std::shared_ptr<const Message>> bag_{};
  std::shared_ptr<Memory> memory_{};
  std::int64_t last_value_ = 0;
  std::optional<std::string> failure_{};
  bool keep_story_ = false;
  std::vector<std::string> story_{};
};

// One line a message or an event; for stories and transcripts.
[[nodiscard]] std::string to_text(const RequestBody& body);
[[nodiscard]] std::string to_text(const ResponseBody& body);
[[nodiscard]] std::string to_text(const LogOperation& operation);
[[nodiscard]] std::string to_text(const Event& event);
// Everything that is to be done, a line each, in order.
[[nodiscard]] std::string to_text(const Effects& effects);

}  // namespace squall::raft::testing
