// The inside of a QuorumNode: its core, what the core wants done, and the three fibers that do it.
//
//   driver   carries out effects: election, log operations, then what may leave
//   flusher  syncs the log; one sync stands for all wishes that came before it began
//   timer    steps a Tick when one is due
//
// Shared by the handle, the fibers and whoever waits, so that a dead node unwinds in any order.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "raft/shell/peer.h"
#include "raft/shell/quorum_node.h"
#include "runtime/condition.h"
#include "runtime/wait_group.h"

namespace squall::raft {

struct QuorumNode::State : std::enable_shared_from_this<State> {
  // Whoever waits for the answer of the core.
  struct Asker {
    explicit Asker(runtime::World& world) : told{world} {}
    runtime::Condition told;
    std::optional<ResponseBody> answer;
  };
  // What was fetched, until it is written: `bytes` lies in `storage`.
  struct Fetched {
    ByteBuffer storage;
    ByteView bytes;
  };

  // What others wait for.
  struct News {
    explicit News(runtime::World& world) : told{world} {}
    void tell() {
      ++count;
      told.notify_all();
    }
    std::uint64_t count = 0;
    runtime::Condition told;
  };

  State(runtime::World& its_world, MetadataLog& its_log, QuorumNodeOptions its_options);

  // ---- steps; none of these waits ----
  void start_core();
  void step(const Event& event);
  void receive(PeerReply reply);
  // Both end all work; `reason` is told.
  void fail(std::string reason);
  void end();
  [[nodiscard]] bool ended() const { return stopping || failed; }

  // ---- the fibers ----
  void start_fibers();
  template <class Body>
  void start_fiber(std::string_view name, Body body);
  void drive();
  void keep_time();
  void keep_flushing();

  // ---- effects; may wait; false: nothing more is to be done ----
  bool carry_out(Effects effects, Offset high_watermark);
  bool carry_out_log(std::vector<LogOperation>& operations);
  bool carry_out_one(const LogOperation& operation);
  // The batches that an append adds; nothing if the operation is none.
  [[nodiscard]] std::optional<ByteBuffer> batches_of(const LogOperation& operation);
  [[nodiscard]] ByteBuffer take_fetched(const AppendFetched& append);
  bool store(const ElectionState& election);
  bool append(ByteBuffer batches);
  // Until it is worth another try.
  void wait_for_room();
  void note_room();
  bool replace_log(const LogOperation& operation);
  bool finish_snapshot(const FinishSnapshot& finish);
  void owe_recovery_point(Offset end);
  [[nodiscard]] MetadataLogResult<Offset> flush(Offset end);
  bool succeeded(const MetadataLogResult<void>& result);
  void send(OutboundRequest request);
  void answer(OutboundResponse response);
  // In the asker's own fiber: what the answer says that it carries.
  void add_bytes(QuorumAnswer& answer, std::uint64_t bytes_max);
  void add_records(QuorumAnswer& answer, const FetchResponse& fetch, std::uint64_t bytes_max);
  [[nodiscard]] std::optional<runtime::Endpoint> endpoint_of(NodeId to) const;
  [[nodiscard]] Peer& peer(NodeId to);

  runtime::World& world;
  MetadataLog& log;
  QuorumNodeOptions options;
  Quorum core;
  Effects pending;  // of steps that the driver has not taken up
  std::map<RequestId, Fetched> fetched;
  std::map<ProposalId, ByteBuffer> proposals;
  std::map<RequestToken, Asker*> askers;
  std::map<NodeId, std::unique_ptr<Peer>> peers;
  std::optional<Flush> flush_wish;
  bool flushing = false;
  // Ends of records that a lone voter must never cut off, of which no recovery point on disk says so: the first and the last.
  std::optional<std::pair<Offset, Offset>> owed;
  Instant armed = end_of_time;   // when the timer wakes
  Offset committed = no_offset;  // and in the log
  std::uint64_t last_token = 0;
  std::uint64_t last_proposal = 0;
  bool started = false;
  bool draining = false;  // takes no proposals any more
  bool stopping = false;
  bool failed = false;
  bool disk_full = false;     // the driver waits for room
  runtime::Condition work;    // for the driver
  runtime::Condition time;    // for the timer
  runtime::Condition wishes;  // for the flusher, and from it
  News leadership;
  News commits;
  News any;
  runtime::WaitGroup fibers;

  [[nodiscard]] News& news(Change change) {
    return change == Change::leadership ? leadership : change == Change::committed ? commits : any;
  }
  // Each kind counts for those behind it.
  void tell(Change change) {
    if (change == Change::leadership) leadership.tell();
    if (change != Change::any) commits.tell();
    any.tell();
  }
  // For the driver.
  [[nodiscard]] bool has_work() const;

 private:
  struct Seen {
    std::size_t role = 0;
    LeaderEpoch epoch{};
    NodeId leader{};
    Offset high_watermark{};
    bool operator==(const Seen&) const = default;
  };
  [[nodiscard]] Seen look() const;
  void note(const Seen& before);
};

}  // namespace squall::raft
