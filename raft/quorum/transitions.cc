// The one place that changes role and epoch.
#include <algorithm>
#include <limits>
#include <utility>

#include "base/assert.h"
#include "raft/quorum/quorum.h"

namespace squall::raft {

// What quorum-state says decides what we start as (KIP-595). A leader is never leader again in its epoch: records that it
// handed out unflushed may be lost, and another record may not take their offset under the same epoch (KAFKA-10527).
void Quorum::restore(Instant now) {
  const ElectionState election = restored_election_.value_or(ElectionState{});
  persisted_ = restored_election_;
  epoch_ = election.epoch;
  if (const auto snapshot = log_.latest_snapshot()) high_watermark_ = snapshot->id.offset;
  const bool voted_for_us = election.voted.id == config_.local.id && config_.local.id != no_node &&
                            (!election.voted.has_directory() || election.voted.directory == config_.local.directory);
  if (election.epoch < log_.last().epoch) {
    epoch_ = log_.last().epoch;
    role_ = Unattached{.election_deadline = election_deadline(now)};
  } else if (election.leader != no_node && election.leader == config_.local.id) {
    role_ = Resigned{.preferred_candidates = {}, .unacknowledged = other_voters(), .election_deadline = resigned_deadline(now)};
  } else if (election.leader != no_node) {
    const Voter* voter = voters().find(election.leader);
    if (voter != nullptr && !voter->endpoints.empty()) {
      become_follower(now, epoch_, election.leader, voter->endpoints);
      std::get<Follower>(role_).voted = election.voted;
    } else {
      role_ = Unattached{.leader = election.leader, .voted = election.voted, .election_deadline = election_deadline(now)};
    }
  } else if (voted_for_us && may_stand()) {
    Candidate candidate{.votes = Tally{voters()}, .election_deadline = election_deadline(now)};
    candidate.votes.record(config_.local.id, true);
    role_ = std::move(candidate);
  } else {
    role_ = Unattached{.voted = election.voted, .election_deadline = election_deadline(now)};
  }
  // Alone, there is nobody to wait for.
  if (voters().is_only_voter(config_.local) && !std::holds_alternative<Candidate>(role_)) become_prospective(now);
}

// A voter; or who is removed by a record that may not be committed. It may be the only one that has the record, and then nobody
// without it gets its vote. It does not count itself, and resigns once the record is committed (Raft dissertation, 4.2.2).
bool Quorum::is_believable(LeaderEpoch epoch) const {
  constexpr std::int64_t leap_max = 1 << 20;
  return std::int64_t{epoch.value()} - epoch_.value() <= leap_max;
}

bool Quorum::may_stand() const {
  if (epoch_.value() == std::numeric_limits<std::int32_t>::max()) return false;  // the last there is
  const auto& last = voters_.sets.last();
  return is_voter() || (last.offset >= high_watermark_ && voters_.sets.at(last.offset).value->is_voter(config_.local));
}

Instant Quorum::election_deadline(Instant now) {
  const Duration timeout = config_.election_timeout;
  const Duration extra = timeout > Duration{1} ? random_.between(Duration{0}, timeout - Duration{1}) : Duration{0};
  return may_stand() ? now + timeout + extra : end_of_time;
}

Duration Quorum::election_stagger() {
  const Duration most = config_.election_stagger_max;
  return most > Duration{0} ? random_.between(Duration{0}, most) : Duration{0};
}

// A leader that removed itself leaves its epoch too, as an observer.
Instant Quorum::resigned_deadline(Instant now) { return may_stand() ? election_deadline(now) : now + config_.election_timeout; }

// A node that was about to stand for election keeps its place in the queue when it learns of a higher epoch.
Instant Quorum::remaining_election_deadline(Instant now) {
  if (!may_stand()) return end_of_time;
  if (const auto* role = std::get_if<Unattached>(&role_); role != nullptr && role->election_deadline != end_of_time) {
    return role->election_deadline;
  }
  if (const auto* role = std::get_if<Candidate>(&role_)) return role->election_deadline;
  if (const auto* role = std::get_if<Prospective>(&role_); role != nullptr && !role->votes.lost())
    return role->election_deadline;
  if (const auto* role = std::get_if<Resigned>(&role_)) return role->election_deadline;
  return election_deadline(now);
}

// Requests of the old role find nobody; whoever waits for the old role is told.
void Quorum::leave_role() {
  requests_.forget_all();
  if (auto* leader = std::get_if<Leader>(&role_)) {
    for (const ParkedFetch& fetch : leader->parked) {
      respond(fetch.token, FetchResponse{.error = ErrorCode::not_leader_or_follower, .current = {.epoch = epoch_}});
    }
    leader->parked.clear();
    if (leader->operation)
      end_operation(ErrorCode::not_leader_or_follower, "the leader resigned before the change was committed");
  }
  discard_download();
}

void Quorum::enter_epoch(LeaderEpoch epoch) {
  SQUALL_ASSERT(epoch >= epoch_, "epochs only rise");
  if (epoch == epoch_) return;
  epoch_ = epoch;
  // A flush of the old epoch may complete after this one cut the log: it will not be believed, so ask again.
  flush();
}

void Quorum::become_unattached(Instant now, LeaderEpoch epoch, NodeId leader) {
  const auto deadline = remaining_election_deadline(now);
  // Within an epoch, a vote stays given.
  const ReplicaKey voted = epoch == epoch_ ? election_state().voted : ReplicaKey{};
  leave_role();
  enter_epoch(epoch);
  role_ = Unattached{.leader = leader, .voted = voted, .election_deadline = deadline};
}

void Quorum::become_voted(Instant now, const ReplicaKey& candidate) {
  SQUALL_ASSERT(election_state().voted.id == no_node, "one vote an epoch");
  SQUALL_ASSERT(leader() == no_node, "no vote once there is a leader");
  // The candidate has as good a chance as we have: give it time.
  const auto deadline = election_deadline(now);
  leave_role();
  role_ = Unattached{.voted = candidate, .election_deadline = deadline};
}

void Quorum::become_prospective(Instant now) {
  SQUALL_ASSERT(may_stand(), "only voters stand for election");
  Prospective prospective{.leader = leader(),
                          .leader_endpoints = leader_endpoints(),
                          .voted = election_state().voted,
                          .votes = Tally{voters()},
                          .election_deadline = election_deadline(now)};
  leave_role();
  prospective.votes.record(config_.local.id, true);
  role_ = std::move(prospective);
}

void Quorum::become_candidate(Instant now) {
  SQUALL_ASSERT(may_stand(), "only voters stand for election");
  SQUALL_ASSERT(!is_leader(), "a leader does not stand for election");
  Candidate candidate{.votes = Tally{voters()}, .election_deadline = election_deadline(now)};
  candidate.votes.record(config_.local.id, true);
  leave_role();
  enter_epoch(epoch_ + 1);
  role_ = std::move(candidate);
}

void Quorum::become_leader(Instant now) {
  const auto* candidate = std::get_if<Candidate>(&role_);
  SQUALL_ASSERT(candidate != nullptr && candidate->votes.won(), "leaders are elected");
  AppendEpochStart start{.base = log_.end(),
                         .epoch = epoch_,
                         .leader = config_.local.id,
                         .voters = {},
                         .granting_voters = candidate->votes.granting(),
                         .kraft_version = std::nullopt,
                         .voter_set = nullptr};
  for (const Voter& voter : voters().voters()) start.voters.push_back(voter.key);
  leave_role();
  Leader leader{.epoch_start = log_.end()};
  leader.check_quorum_deadline = now + config_.check_quorum_timeout();
  role_ = std::move(leader);
  follow_voter_change();
  // The high watermark moves only with a record of this epoch, so one is written at once.
  Offset end = start.base + 1;
  if (kraft_version() >= dynamic_voters_version && voters_.sets.last().offset == no_offset) {
    start.kraft_version = kraft_version();
    voters_.append(end, kraft_version());
    auto updated = voters().update({config_.local, config_.endpoints, config_.kraft_versions});
    voters_.append(end + 1, updated ? *std::move(updated) : voters());
    start.voter_set = voters_.sets.last().value;
    end += 2;
  }
  log_.append(epoch_, end);
  out_->log.emplace_back(std::move(start));
  flush();
}

void Quorum::become_follower(Instant now, LeaderEpoch epoch, NodeId leader, Endpoints endpoints) {
  SQUALL_ASSERT(leader != config_.local.id, "nobody follows itself");
  SQUALL_ASSERT(!endpoints.empty(), "a follower can reach its leader");
  const ReplicaKey voted = epoch == epoch_ ? election_state().voted : ReplicaKey{};
  leave_role();
  enter_epoch(epoch);
  role_ = Follower{.leader = leader,
                   .leader_endpoints = std::move(endpoints),
                   .voted = voted,
                   .fetch_deadline = now + config_.fetch_timeout,
                   .update_deadline = now + config_.update_voter_period(),
                   .has_fetched = false,
                   .told_leader = false,
                   .download = std::nullopt};
}

// Soft state: quorum-state says "leader" already, and that restarts as resigned.
void Quorum::become_resigned(Instant now) {
  SQUALL_ASSERT(is_leader(), "only leaders resign");
  Resigned resigned{.preferred_candidates = {}, .unacknowledged = other_voters(), .election_deadline = resigned_deadline(now)};
  for (const NodeId id : candidates_by_offset()) resigned.preferred_candidates.push_back(voters().find(id)->key);
  leave_role();
  role_ = std::move(resigned);
}

}  // namespace squall::raft
