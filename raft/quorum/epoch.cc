// Who leads: BeginQuorumEpoch, EndQuorumEpoch, and what every response says of it (KIP-595, KIP-853).
#include <algorithm>
#include <utility>

#include "raft/quorum/quorum.h"

namespace squall::raft {

CurrentLeader Quorum::current_leader() const {
  return {.leader = leader(), .epoch = epoch_, .endpoints = leader() == no_node ? Endpoints{} : endpoints_of(leader())};
}

// Two leaders of one epoch cannot be. Whoever speaks of another one than we know is not believed.
bool Quorum::consistent(NodeId leader, LeaderEpoch epoch) const {
  if (leader == no_node) return true;
  if (leader == config_.local.id) return epoch == epoch_ && this->leader() == leader;
  return epoch != epoch_ || this->leader() == no_node || this->leader() == leader;
}

// `epoch` is not below ours, and consistent.
void Quorum::learn_leader(Instant now, NodeId leader, LeaderEpoch epoch, Endpoints endpoints) {
  if (endpoints.empty() && leader != no_node) {
    if (const Voter* voter = voters().find(leader)) endpoints = voter->endpoints;
  }
  const bool reachable = leader != no_node && leader != config_.local.id && !endpoints.empty();
  if (epoch > epoch_) {
    if (reachable) {
      become_follower(now, epoch, leader, std::move(endpoints));
    } else {
      become_unattached(now, epoch, leader == config_.local.id ? no_node : leader);
    }
  } else if (reachable && (this->leader() == no_node || endpoints.size() > leader_endpoints().size())) {
    become_follower(now, epoch, leader, std::move(endpoints));
  }
}

Quorum::Common Quorum::handle_common(Instant now, NodeId from, ErrorCode error, const CurrentLeader& current) {
  const auto give_up = [&] {
    requests_.back_off(from, now + config_.retry_backoff);
    return Common::done;
  };
  if (current.epoch < epoch_ || error == ErrorCode::unknown_leader_epoch) return give_up();
  if (!is_believable(current.epoch) || !consistent(current.leader, current.epoch)) return give_up();
  const LeaderEpoch epoch_before = epoch_;
  const std::size_t role_before = role_.index();
  learn_leader(now, current.leader, current.epoch, current.endpoints);
  if (epoch_ != epoch_before) return Common::done;
  if (error == ErrorCode::none) return Common::go_on;
  return role_.index() == role_before ? give_up() : Common::done;
}

bool Quorum::is_for_us(const ReplicaKey& voter) const {
  if (voter.id == no_node) return true;
  return voter.id == config_.local.id && (!voter.has_directory() || voter.directory == config_.local.directory);
}

// A leader speaks of its own epoch, to begin or to end it.
ErrorCode Quorum::hear_leader(Instant now, NodeId leader, LeaderEpoch epoch, const Endpoints& endpoints) {
  if (epoch < epoch_) return ErrorCode::fenced_leader_epoch;
  if (leader < NodeId{0} || !is_believable(epoch) || !consistent(leader, epoch)) return ErrorCode::invalid_request;
  learn_leader(now, leader, epoch, endpoints);
  return ErrorCode::none;
}

void Quorum::on_begin_epoch(Instant now, RequestToken token, const BeginQuorumEpochRequest& request) {
  ErrorCode error = hear_leader(now, request.leader, request.epoch, request.leader_endpoints);
  if (error == ErrorCode::none && !is_for_us(request.voter)) error = ErrorCode::invalid_voter_key;
  respond(token, BeginQuorumEpochResponse{.error = error, .current = current_leader()});
}

void Quorum::on_begin_epoch_response(Instant now, NodeId from, const BeginQuorumEpochResponse& response) {
  // An acknowledgement counts for nothing: only fetches show that a voter follows.
  (void)handle_common(now, from, response.error, response.current);
}

void Quorum::on_end_epoch(Instant now, RequestToken token, const EndQuorumEpochRequest& request) {
  const ErrorCode error = hear_leader(now, request.leader, request.epoch, request.leader_endpoints);
  respond(token, EndQuorumEpochResponse{.error = error, .current = current_leader()});
  auto* follower = std::get_if<Follower>(&role_);
  if (error != ErrorCode::none || follower == nullptr || follower->leader != request.leader) return;
  // The preferred successor stands at once; each next one waits twice as long, so that they do not split the vote.
  const auto ours = std::ranges::find_if(request.preferred_candidates,
                                         [&](const ReplicaKey& key) { return key.id == config_.local.id && is_for_us(key); });
  const auto position = ours - request.preferred_candidates.begin();
  const auto total = static_cast<std::ptrdiff_t>(request.preferred_candidates.size());
  Duration wait{0};
  if (position > 0) {
    const auto shift = [](std::ptrdiff_t by) { return std::int64_t{1} << std::min<std::ptrdiff_t>(by, 30); };
    wait = std::min(config_.election_backoff_max, config_.election_backoff_max / shift(total - 1) * shift(position - 1));
  }
  follower->fetch_deadline = now + wait;
  follower->leader_left = true;
}

void Quorum::on_end_epoch_response(Instant now, NodeId from, const EndQuorumEpochResponse& response) {
  if (handle_common(now, from, response.error, response.current) == Common::done) return;
  if (auto* resigned = std::get_if<Resigned>(&role_)) std::erase(resigned->unacknowledged, from);
}

}  // namespace squall::raft
