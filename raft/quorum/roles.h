// The six states of a replica and what each remembers (KIP-595, KIP-996). Plain data: the Quorum alone changes it.
//
//   Unattached   knows no leader that it can reach; may have voted
//   Prospective  asks whether it could win an election, before it disturbs anyone (pre-vote); its epoch does not change
//   Candidate    asks for votes in an epoch of its own
//   Leader       orders the log; commits when a majority has flushed
//   Follower     fetches from the leader
//   Resigned     led this epoch, and will not again: a restarted leader may have lost records that it handed out
//
// Observers are Unattached or Follower only, but for a voter whose removal is not committed (Quorum::may_stand).
#pragma once

#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "base/time.h"
#include "raft/quorum/messages.h"
#include "raft/quorum/voter_set.h"

namespace squall::raft {

// The votes of one election, among the voters as they were when it began.
class Tally {
 public:
  enum class Vote : std::uint8_t { unknown, granted, rejected };

  Tally() = default;
  explicit Tally(const VoterSet& voters);
  // A vote that is not asked for, or that came before, changes nothing.
  void record(NodeId id, bool granted);
  [[nodiscard]] bool won() const { return count(Vote::granted) >= votes_.size() / 2 + 1; }
  // A majority is out of reach.
  [[nodiscard]] bool lost() const { return votes_.size() - count(Vote::rejected) < votes_.size() / 2 + 1; }
  [[nodiscard]] const std::vector<std::pair<ReplicaKey, Vote>>& votes() const { return votes_; }
  [[nodiscard]] std::vector<ReplicaKey> granting() const;

 private:
  [[nodiscard]] std::size_t count(Vote vote) const;
  std::vector<std::pair<ReplicaKey, Vote>> votes_{};  // by id
};

struct Unattached {
  NodeId leader = no_node;  // elected, but its endpoints are not known
  ReplicaKey voted{};
  Instant election_deadline = end_of_time;
};

struct Prospective {
  NodeId leader = no_node;
  Endpoints leader_endpoints{};
  ReplicaKey voted{};
  Tally votes{};
  Instant election_deadline{};
  Instant asks_at = Instant::min();  // for votes, not before
  bool gave_way = false;             // to another one's turn; once
};

struct Candidate {
  Tally votes{};
  Instant election_deadline{};
};

struct SnapshotDownload {
  OffsetAndEpoch id{};
  std::int64_t position = 0;
  bool finishing = false;  // all bytes are there; SnapshotReady is awaited
};

struct Follower {
  NodeId leader{};
  Endpoints leader_endpoints{};
  ReplicaKey voted{};
  Instant fetch_deadline{};
  Instant update_deadline{};  // when to see whether the leader must be told of a change of ours
  bool has_fetched = false;   // with success, in this epoch: such a follower denies pre-votes
  bool told_leader = false;   // of endpoints and versions, under static voters
  bool leader_left = false;   // it told who is to follow it, and when (EndQuorumEpoch)
  std::optional<SnapshotDownload> download{};
};

// A replica as the leader sees it.
struct Replica {
  ReplicaKey key{};
  Offset end = no_offset;  // it has flushed all below; no_offset: not heard of in this epoch
  Instant last_fetch = Instant::min();
  Instant fetch_before = Instant::min();  // it came back in this epoch after it had the answer to that fetch
  Instant last_caught_up = Instant::min();
  Offset leader_end_at_fetch = no_offset;
  Instant begin_due = Instant::min();  // when to tell it (again) who leads; voters only
};

struct ParkedFetch {
  RequestToken token{};
  Offset offset{};
  Offset high_watermark{};
  Instant deadline{};
};

// An AddRaftVoter or RemoveRaftVoter under way. One at a time.
struct VoterOperation {
  bool is_add = false;
  RequestToken token{};
  Voter voter{};
  bool ack_when_committed = true;
  Offset offset = no_offset;  // of the voters record, once it is appended
  Instant deadline{};
};

struct Leader {
  Offset epoch_start{};               // of the LeaderChange record
  Offset high_watermark = no_offset;  // known once a record of this epoch is committed
  std::vector<Replica> replicas{};    // voters and observers, ourselves not among them
  std::vector<NodeId> fetched{};      // voters that fetched since the check-quorum deadline was set
  Instant check_quorum_deadline = end_of_time;
  std::vector<ParkedFetch> parked{};
  std::optional<VoterOperation> operation{};
  std::vector<Voter> told{};  // what voters said of themselves under static voters
  bool resign = false;        // at the end of this step
};

struct Resigned {
  std::vector<ReplicaKey> preferred_candidates{};
  std::vector<NodeId> unacknowledged{};
  Instant election_deadline{};
};

using Role = std::variant<Unattached, Prospective, Candidate, Leader, Follower, Resigned>;

}  // namespace squall::raft
