// What time and state ask for, at the end of every step: elections, time-outs, requests that are due.
#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "raft/quorum/quorum.h"

namespace squall::raft {

void Quorum::poll(Instant now) {
  requests_.expire(now, config_.retry_backoff);
  // Each change of role leads nearer to a rest: prospective, candidate, leader is the longest way.
  for (int changes = 0; std::visit([&](auto& role) { return poll_role(now, role); }, role_); ++changes) {
    SQUALL_ASSERT(changes < 8, "a step comes to rest");
  }
}

bool Quorum::poll_role(Instant now, Unattached& unattached) {
  if (may_stand() && now >= unattached.election_deadline) {
    become_prospective(now);
    return true;
  }
  if (!is_voter() || !config_.bootstrap_servers.empty()) fetch_from_anyone(now);
  return false;
}

bool Quorum::poll_role(Instant now, Prospective& prospective) {
  if (prospective.votes.won()) {
    become_candidate(now);
    return true;
  }
  if (prospective.votes.lost() || now >= prospective.election_deadline) {
    if (prospective.leader != no_node && !prospective.leader_endpoints.empty()) {
      const NodeId leader = prospective.leader;
      Endpoints endpoints = std::move(prospective.leader_endpoints);
      become_follower(now, epoch_, leader, std::move(endpoints));
    } else {
      become_unattached(now, epoch_, prospective.leader);
    }
    return true;
  }
  if (now >= prospective.asks_at) ask_for_votes(now, prospective.votes, true);
  return false;
}

// A candidate that lost waits like one that hears nothing: its random time-out keeps two of them apart (KAFKA-18345).
bool Quorum::poll_role(Instant now, Candidate& candidate) {
  if (candidate.votes.won()) {
    become_leader(now);
    return true;
  }
  if (now >= candidate.election_deadline) {
    become_prospective(now);
    return true;
  }
  if (!candidate.votes.lost()) ask_for_votes(now, candidate.votes, false);
  return false;
}

bool Quorum::poll_role(Instant now, Leader& leader) {
  // Removed, and that is committed: the others go on without us. Else only alone is a leader safe without fetches.
  const bool removed = !is_voter() && voters_.sets.last().offset < leader.high_watermark;
  const bool alone = voters().is_only_voter(config_.local);
  if (leader.resign || removed || (!alone && now >= leader.check_quorum_deadline)) {
    become_resigned(now);
    return true;
  }
  if (leader.operation && now >= leader.operation->deadline) {
    end_operation(ErrorCode::request_timed_out, "the change was not committed in time; it may be yet");
  }
  answer_parked(now);
  std::erase_if(leader.replicas, [&](const Replica& one) {
    return !voters().is_voter(one.key) && one.last_fetch != Instant::min() && one.last_fetch + config_.observer_session <= now;
  });
  for (Replica& one : leader.replicas) {
    if (one.begin_due > now || !voters().is_voter(one.key)) continue;
    const bool sent =
        send(now, one.key.id,
             BeginQuorumEpochRequest{
                 .voter = one.key, .leader = config_.local.id, .epoch = epoch_, .leader_endpoints = config_.endpoints});
    if (sent) one.begin_due = now + config_.begin_epoch_interval();
  }
  return false;
}

bool Quorum::poll_role(Instant now, Follower& follower) {
  if (may_stand() && now >= follower.fetch_deadline) {
    const Duration wait = follower.leader_left ? Duration{0} : election_stagger();
    become_prospective(now);
    std::get<Prospective>(role_).asks_at = now + wait;
    return true;
  }
  // An observer does not stand for election; but the leader is silent, or the snapshot cannot be read.
  if (now >= follower.fetch_deadline) discard_download();
  if (follower.download) {
    if (!follower.download->finishing) {
      send(
          now, follower.leader,
          FetchSnapshotRequest{
              .replica = config_.local, .epoch = epoch_, .id = follower.download->id, .position = follower.download->position});
    }
    return false;
  }
  if (now >= follower.update_deadline) {
    auto request = membership_request();
    if (!request || send(now, follower.leader, *std::move(request)))
      follower.update_deadline = now + config_.update_voter_period();
  }
  if (now >= follower.fetch_deadline) {
    fetch_from_anyone(now);
  } else if (may_fetch()) {
    send(now, follower.leader, fetch_request());
  }
  return false;
}

bool Quorum::poll_role(Instant now, Resigned& resigned) {
  if (now >= resigned.election_deadline) {
    // Whoever led does not vote in the epoch any more; in the next it may.
    become_unattached(now, epoch_ + 1);
    return true;
  }
  for (const NodeId id : resigned.unacknowledged) {
    send(now, id,
         EndQuorumEpochRequest{.leader = config_.local.id,
                               .epoch = epoch_,
                               .preferred_candidates = resigned.preferred_candidates,
                               .leader_endpoints = config_.endpoints});
  }
  return false;
}

std::vector<NodeId> Quorum::other_voters() const {
  std::vector<NodeId> ids;
  for (const Voter& voter : voters().voters()) {
    if (voter.key.id != config_.local.id) ids.push_back(voter.key.id);
  }
  return ids;
}

// Also the leader that fell silent: it may have been cut off from us alone.
std::vector<NodeId> Quorum::anyone() const {
  std::vector<NodeId> ids = config_.bootstrap_servers.empty() ? other_voters() : config_.bootstrap_servers;
  const auto* follower = std::get_if<Follower>(&role_);
  if (follower != nullptr && std::ranges::find(ids, follower->leader) == ids.end()) ids.push_back(follower->leader);
  return ids;
}

// Whoever answers knows the leader, or the next one asked does.
void Quorum::fetch_from_anyone(Instant now) {
  if (!may_fetch() || requests_.any_in_flight()) return;
  std::vector<NodeId> ready = anyone();
  std::erase_if(ready, [&](NodeId id) { return !requests_.ready(id, now); });
  if (ready.empty()) return;
  const NodeId to = ready[random_.below(ready.size())];
  send(now, to, fetch_request());
}

Instant Quorum::compute_deadline(Instant now) const {
  Instant next = requests_.next_timeout();
  const auto at = [&](Instant when) { next = std::min(next, when); };
  // A request that is due leaves when its peer is free, which is in the future or it would have left.
  const auto when_free = [&](NodeId peer, Instant due) {
    if (const Instant when = std::max(due, requests_.ready_at(peer)); when > now) at(when);
  };
  if (const auto* unattached = std::get_if<Unattached>(&role_)) {
    if (may_stand()) at(unattached->election_deadline);
    if ((!is_voter() || !config_.bootstrap_servers.empty()) && !requests_.any_in_flight()) {
      for (const NodeId id : anyone()) when_free(id, now);
    }
  } else if (const auto* prospective = std::get_if<Prospective>(&role_)) {
    at(prospective->election_deadline);
    for (const auto& [key, vote] : prospective->votes.votes()) when_free(key.id, prospective->asks_at);
  } else if (const auto* candidate = std::get_if<Candidate>(&role_)) {
    at(candidate->election_deadline);
    for (const auto& [key, vote] : candidate->votes.votes()) when_free(key.id, now);
  } else if (const auto* leader = std::get_if<Leader>(&role_)) {
    if (!voters().is_only_voter(config_.local)) at(leader->check_quorum_deadline);
    if (leader->operation) at(leader->operation->deadline);
    for (const ParkedFetch& fetch : leader->parked) at(fetch.deadline);
    for (const Replica& one : leader->replicas) {
      if (voters().is_voter(one.key)) {
        when_free(one.key.id, one.begin_due);
      } else if (one.last_fetch != Instant::min()) {
        at(one.last_fetch + config_.observer_session);
      }
    }
  } else if (const auto* follower = std::get_if<Follower>(&role_)) {
    if (may_stand() || follower->fetch_deadline > now) at(follower->fetch_deadline);
    if (follower->update_deadline > now) at(follower->update_deadline);
    when_free(follower->leader, now);
    if (follower->fetch_deadline <= now) {
      for (const NodeId id : anyone()) when_free(id, now);
    }
  } else if (const auto* resigned = std::get_if<Resigned>(&role_)) {
    at(resigned->election_deadline);
    for (const NodeId id : resigned->unacknowledged) when_free(id, now);
  }
  return next;
}

}  // namespace squall::raft
