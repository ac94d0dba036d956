// Vote, with and without pre-vote (KIP-595, KIP-853, KIP-996).
#include <utility>

#include "base/assert.h"
#include "raft/quorum/quorum.h"

namespace squall::raft {

ErrorCode Quorum::check_vote(const VoteRequest& request) const {
  const bool last_epoch_possible = request.pre_vote ? request.last.epoch <= request.epoch : request.last.epoch < request.epoch;
  if (request.last.offset < Offset{0} || request.last.epoch < LeaderEpoch{0} || !last_epoch_possible)
    return ErrorCode::invalid_request;
  if (request.epoch < epoch_) return ErrorCode::fenced_leader_epoch;
  if (!is_believable(request.epoch)) return ErrorCode::invalid_request;
  if (request.candidate.id < NodeId{0}) return ErrorCode::invalid_request;
  return ErrorCode::none;
}

// The epoch is ours. Each role has one line in this table:
//
//   role                 pre-vote                                        vote
//   Unattached           up to date                                      up to date, no leader known, not voted or voted for it
//   Prospective          up to date                                      the same
//   Candidate, Resigned  up to date                                      no
//   Follower             up to date, and never fetched in this epoch     no
//   Leader               no                                              no
bool Quorum::can_grant(const VoteRequest& request) const {
  const bool up_to_date = request.last >= log_.durable();
  if (is_leader()) return false;
  if (request.pre_vote) {
    const auto* follower = std::get_if<Follower>(&role_);
    return up_to_date && (follower == nullptr || !follower->has_fetched);
  }
  if (!std::holds_alternative<Unattached>(role_) && !std::holds_alternative<Prospective>(role_)) return false;
  const ReplicaKey voted = election_state().voted;
  if (leader() != no_node) return false;
  if (voted.id == no_node) return up_to_date;
  return voted.id == request.candidate.id && (!voted.has_directory() || voted.directory == request.candidate.directory);
}

void Quorum::on_vote(Instant now, RequestToken token, const VoteRequest& request) {
  ErrorCode error = check_vote(request);
  bool granted = false;
  if (error == ErrorCode::none) {
    if (request.epoch > epoch_) become_unattached(now, request.epoch);
    if (!is_for_us(request.voter)) {
      error = ErrorCode::invalid_voter_key;
    } else {
      granted = can_grant(request);
    }
  }
  if (granted && request.pre_vote) give_way(now);
  if (granted && !request.pre_vote && election_state().voted.id == no_node) become_voted(now, request.candidate);
  respond(token, VoteResponse{.error = error, .current = current_leader(), .granted = granted});
}

// Whoever has our pre-vote may win with it. If we have asked nobody yet, our turn comes when it has had its time.
void Quorum::give_way(Instant now) {
  auto* prospective = std::get_if<Prospective>(&role_);
  if (prospective == nullptr || prospective->asks_at <= now || prospective->gave_way) return;
  prospective->gave_way = true;
  prospective->asks_at = now + config_.election_stagger_max;
}

void Quorum::on_vote_response(Instant now, NodeId from, const VoteResponse& response) {
  if (response.error == ErrorCode::unsupported_version && std::holds_alternative<Prospective>(role_)) {
    // A voter that does not know pre-votes: do without.
    become_candidate(now);
    return;
  }
  if (handle_common(now, from, response.error, response.current) == Common::done) return;
  if (auto* prospective = std::get_if<Prospective>(&role_)) prospective->votes.record(from, response.granted);
  if (auto* candidate = std::get_if<Candidate>(&role_)) candidate->votes.record(from, response.granted);
}

void Quorum::ask_for_votes(Instant now, const Tally& votes, bool pre_vote) {
  for (const auto& [key, vote] : votes.votes()) {
    if (vote != Tally::Vote::unknown || key.id == config_.local.id) continue;
    send(now, key.id,
         VoteRequest{.voter = key, .epoch = epoch_, .candidate = config_.local, .last = log_.durable(), .pre_vote = pre_vote});
  }
}

}  // namespace squall::raft
