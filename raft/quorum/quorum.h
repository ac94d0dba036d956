// The quorum of the metadata log: who leads, what is committed, who votes. KRaft as of KIP-595, KIP-630, KIP-853, KIP-996,
// KIP-1166 and KIP-1186.
//
// A pure core: `step(now, event)` changes the state and says what is to be done; nothing is done here. One shell drives one
// core, from one place at a time. It carries out effects in the order of effects.h, tells what came of them as events, and
// steps a Tick at `next_deadline()`. Time is the node's own monotonic clock; a step may be late by any amount (a paused
// process), never early.
//
// The core orders the log: an append is an effect with offsets, and is part of the log index from then on. The leader's own
// vote for an offset is the Flushed event of its storage, never the append. A vote is asked for with the durable end of the
// log, so that a candidate that crashes and asks again in the same epoch cannot have less than it said.
//
// Copyable: an explorer of all interleavings forks it.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "raft/quorum/config.h"
#include "raft/quorum/effects.h"
#include "raft/quorum/events.h"
#include "raft/quorum/log_index.h"
#include "raft/quorum/requests.h"
#include "raft/quorum/roles.h"
#include "raft/quorum/voter_history.h"

namespace squall::raft {

// What a restart finds on disk.
struct Restored {
  std::optional<ElectionState> election;  // none: no quorum-state file
  LogIndex log;
  VoterHistory voters;  // static or bootstrap voters, and those of the newest snapshot and the log after it
  Offset committed{0};  // all below was known to be committed, and is in the log or the newest snapshot
};

// How a leader sees a replica; for DescribeQuorum.
struct ReplicaDescription {
  ReplicaKey key;
  Offset log_end = no_offset;
  std::optional<Instant> last_fetch;
  std::optional<Instant> last_caught_up;
  bool is_voter = false;
};

class Quorum {
 public:
  Quorum(QuorumConfig config, Random random, Restored restored);

  // The first step after construction; restart rules of KIP-595. Nothing else may come before.
  void start(Instant now, Effects& effects);
  // Adds to `effects`; see there for merging.
  void step(Instant now, const Event& event, Effects& effects);
  [[nodiscard]] Effects step(Instant now, const Event& event);
  // When a Tick is due; end_of_time: never.
  [[nodiscard]] Instant next_deadline() const { return next_deadline_; }

  [[nodiscard]] const Role& role() const { return role_; }
  [[nodiscard]] bool is_leader() const { return std::holds_alternative<Leader>(role_); }
  [[nodiscard]] LeaderEpoch epoch() const { return epoch_; }
  // The leader of `epoch()`, if known.
  [[nodiscard]] NodeId leader() const;
  [[nodiscard]] Endpoints leader_endpoints() const;
  [[nodiscard]] Endpoints endpoints_of(NodeId id) const;
  // Everything below is committed; no_offset: not known. Never falls.
  [[nodiscard]] Offset high_watermark() const { return high_watermark_; }
  // All that was committed at this instant is below `high_watermark()`. A follower has it from its leader, as of when it asked;
  // a leader from a majority of voters, which came back to it in its epoch after that. So who was frozen knows how old its
  // knowledge is. A follower of a leader that was frozen with it may be deceived until that leader resigns. Instant::min():
  // nothing is known to be committed.
  [[nodiscard]] Instant committed_as_of(Instant now) const;
  [[nodiscard]] const LogIndex& log() const { return log_; }
  // Where this leader's epoch begins: its state machine is told of the leadership when it has read past.
  [[nodiscard]] std::optional<Offset> epoch_start() const;
  [[nodiscard]] const VoterSet& voters() const { return voters_.voters(); }
  [[nodiscard]] const VoterHistory& voter_history() const { return voters_; }
  [[nodiscard]] std::int16_t kraft_version() const { return voters_.kraft_version(); }
  [[nodiscard]] bool is_voter() const { return voters().is_voter(config_.local); }
  [[nodiscard]] const QuorumConfig& config() const { return config_; }
  [[nodiscard]] const Requests& requests() const { return requests_; }
  // What `role` and `epoch` mean for quorum-state. After a step it is durable or among its effects.
  [[nodiscard]] ElectionState election_state() const;
  // Empty unless this node leads. Ourselves first.
  [[nodiscard]] std::vector<ReplicaDescription> describe_replicas(Instant now) const;
  // The whole state but for time and request ids: equal texts behave alike, once any timer may fire.
  [[nodiscard]] std::string describe() const;

  // Asserts; at the end of every step.
  void check_invariants() const;

  // Effects::fatal was told because this node does not belong here: a majority of the voters is of another cluster, or the
  // leader was elected among other voters.
  [[nodiscard]] bool is_stranger() const { return is_stranger_; }

 private:
  // How far a response is dealt with by what all responses have in common.
  enum class Common : std::uint8_t { done, go_on };

  // dispatch (quorum.cc)
  void handle(Instant now, const Event& event);
  void handle_request(Instant now, RequestToken token, const RequestBody& body);
  void handle_response(Instant now, RequestId id, const ResponseBody& body);
  void respond(RequestToken token, ResponseBody body);
  bool send(Instant now, NodeId to, RequestBody body);
  void finish_step(Instant now);

  // changes of state (transitions.cc)
  void restore(Instant now);
  void leave_role();
  void enter_epoch(LeaderEpoch epoch);
  void become_unattached(Instant now, LeaderEpoch epoch, NodeId leader = no_node);
  void become_voted(Instant now, const ReplicaKey& candidate);
  void become_prospective(Instant now);
  void become_candidate(Instant now);
  void become_leader(Instant now);
  void become_follower(Instant now, LeaderEpoch epoch, NodeId leader, Endpoints endpoints);
  void become_resigned(Instant now);
  [[nodiscard]] bool may_stand() const;
  [[nodiscard]] Instant election_deadline(Instant now);
  [[nodiscard]] Duration election_stagger();
  [[nodiscard]] Instant resigned_deadline(Instant now);
  [[nodiscard]] Instant remaining_election_deadline(Instant now);

  // what others say of the leader (epoch.cc)
  [[nodiscard]] CurrentLeader current_leader() const;
  [[nodiscard]] bool consistent(NodeId leader, LeaderEpoch epoch) const;
  void learn_leader(Instant now, NodeId leader, LeaderEpoch epoch, Endpoints endpoints);
  Common handle_common(Instant now, NodeId from, ErrorCode error, const CurrentLeader& current);
  [[nodiscard]] bool is_for_us(const ReplicaKey& voter) const;
  ErrorCode hear_leader(Instant now, NodeId leader, LeaderEpoch epoch, const Endpoints& endpoints);
  void on_begin_epoch(Instant now, RequestToken token, const BeginQuorumEpochRequest& request);
  void on_begin_epoch_response(Instant now, NodeId from, const BeginQuorumEpochResponse& response);
  void on_end_epoch(Instant now, RequestToken token, const EndQuorumEpochRequest& request);
  void on_end_epoch_response(Instant now, NodeId from, const EndQuorumEpochResponse& response);

  // votes (vote.cc)
  [[nodiscard]] ErrorCode check_vote(const VoteRequest& request) const;
  [[nodiscard]] bool can_grant(const VoteRequest& request) const;
  void on_vote(Instant now, RequestToken token, const VoteRequest& request);
  void on_vote_response(Instant now, NodeId from, const VoteResponse& response);
  void give_way(Instant now);
  void ask_for_votes(Instant now, const Tally& votes, bool pre_vote);

  // the leader's side of Fetch (fetch_leader.cc)
  [[nodiscard]] ErrorCode check_leader_request(LeaderEpoch epoch) const;
  void on_fetch(Instant now, RequestToken token, const FetchRequest& request);
  void record_fetch(Instant now, const ReplicaKey& key, Offset offset);
  void record_contact(Instant now, const ReplicaKey& key);
  Replica& replica(const ReplicaKey& key);
  [[nodiscard]] FetchResponse fetch_answer(Offset offset) const;
  void answer_parked(Instant now);

  // the leader's log (leader.cc)
  void on_propose(const Propose& proposal);
  void on_flushed(const Flushed& flushed);
  void advance_high_watermark();
  void follow_voter_change();
  [[nodiscard]] std::vector<NodeId> candidates_by_offset() const;

  // the follower's side of Fetch (fetch_follower.cc)
  [[nodiscard]] bool must_flush() const { return config_.may_vote || is_voter(); }
  [[nodiscard]] bool may_fetch() const;
  [[nodiscard]] FetchRequest fetch_request() const;
  void on_fetch_response(Instant now, RequestId id, NodeId from, const FetchResponse& response);
  bool truncate_diverging(OffsetAndEpoch diverging);
  void append_fetched(RequestId id, const FetchResponse& response);
  void raise_high_watermark(Offset offset);

  // snapshots (snapshot.cc)
  void on_fetch_snapshot(Instant now, RequestToken token, const FetchSnapshotRequest& request);
  void on_fetch_snapshot_response(Instant now, RequestId id, NodeId from, const FetchSnapshotResponse& response);
  bool begin_download(OffsetAndEpoch id);
  void discard_download();
  void on_snapshot_ready(const SnapshotReady& ready);
  void on_snapshot_created(const SnapshotCreated& created);
  void on_log_cleaned(const LogCleaned& cleaned);

  // voters (voters.cc)
  void on_add_voter(Instant now, RequestToken token, const AddVoterRequest& request);
  void on_api_versions_response(Instant now, NodeId from, const ApiVersionsResponse& response);
  void on_remove_voter(Instant now, RequestToken token, const RemoveVoterRequest& request);
  void on_update_voter(Instant now, RequestToken token, const UpdateVoterRequest& request);
  void on_update_voter_response(Instant now, NodeId from, const UpdateVoterResponse& response);
  void on_upgrade_kraft_version();
  [[nodiscard]] ErrorCode check_voter_change(std::string& why) const;
  Offset append_voters(VoterSet voters, std::optional<std::int16_t> version);
  void end_operation(ErrorCode error, std::string message);
  void complete_operation();
  [[nodiscard]] std::optional<RequestBody> membership_request() const;

  // what time and state ask for (poll.cc). True: the role changed.
  void poll(Instant now);
  bool poll_role(Instant now, Unattached& unattached);
  bool poll_role(Instant now, Prospective& prospective);
  bool poll_role(Instant now, Candidate& candidate);
  bool poll_role(Instant now, Leader& leader);
  bool poll_role(Instant now, Follower& follower);
  bool poll_role(Instant now, Resigned& resigned);
  void fetch_from_anyone(Instant now);
  [[nodiscard]] std::vector<NodeId> other_voters() const;
  [[nodiscard]] std::vector<NodeId> anyone() const;
  [[nodiscard]] Instant compute_deadline(Instant now) const;

  void flush();
  // No cluster holds so many elections between two words of a peer: such an epoch is an error or worse, and to take it would
  // use up the epochs there are.
  [[nodiscard]] bool is_believable(LeaderEpoch epoch) const;
  void compare_electorate(const Electorate& electorate);
  void note_cluster_of(NodeId from, const ResponseBody& body);
  void refuse_strangers();

  QuorumConfig config_;
  Random random_;
  std::optional<ElectionState> restored_election_;
  LogIndex log_;
  VoterHistory voters_;
  Role role_ = Unattached{};
  LeaderEpoch epoch_{0};
  Offset high_watermark_ = no_offset;
  Offset committed_before_;                   // the start, as far as the disk tells
  std::set<NodeId> strangers_;                // who last said that it is of another cluster
  Instant committed_as_of_ = Instant::min();  // as a follower
  std::optional<ElectionState> persisted_;    // as told by the last Effects::election
  Requests requests_;
  Instant next_deadline_ = end_of_time;
  bool failed_ = false;       // Effects::fatal was told
  bool is_stranger_ = false;  // see is_stranger()
  Effects* out_ = nullptr;    // of the step under way
};

// "leader", "follower", ...: for events and tests.
[[nodiscard]] const char* role_name(const Role& role);

}  // namespace squall::raft
