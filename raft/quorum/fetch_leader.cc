// The leader's side of Fetch (KIP-595, KIP-1166): a fetch offset is an acknowledgement of all below it.
#include <algorithm>
#include <utility>

#include "raft/quorum/quorum.h"

namespace squall::raft {

ErrorCode Quorum::check_leader_request(LeaderEpoch epoch) const {
  if (epoch < epoch_) return ErrorCode::fenced_leader_epoch;
  if (epoch > epoch_) return ErrorCode::unknown_leader_epoch;
  return is_leader() ? ErrorCode::none : ErrorCode::not_leader_or_follower;
}

void Quorum::on_fetch(Instant now, RequestToken token, const FetchRequest& request) {
  const auto refuse = [&](ErrorCode error) { respond(token, FetchResponse{.error = error, .current = current_leader()}); };
  if (request.position.offset < Offset{0} || request.position.epoch < LeaderEpoch{0} ||
      request.position.epoch > request.epoch || request.wait_max < Duration{0}) {
    return refuse(ErrorCode::invalid_request);
  }
  if (const ErrorCode error = check_leader_request(request.epoch); error != ErrorCode::none) return refuse(error);

  const FetchPosition position = log_.compare(request.position.offset, request.position.epoch);
  if (position.kind != FetchPosition::Kind::valid) {
    // A position that is not ours is no acknowledgement (KAFKA-13141), but a sign of life.
    record_contact(now, request.replica);
    FetchResponse response = fetch_answer(log_.end());
    (position.kind == FetchPosition::Kind::diverging ? response.diverging : response.snapshot) = position.id;
    return respond(token, std::move(response));
  }
  record_fetch(now, request.replica, request.position.offset);
  const auto& leader = std::get<Leader>(role_);
  const bool news = request.position.offset < log_.end() || leader.high_watermark > request.high_watermark;
  if (news || request.wait_max == Duration{0}) return respond(token, fetch_answer(request.position.offset));
  std::get<Leader>(role_).parked.push_back({.token = token,
                                            .offset = request.position.offset,
                                            .high_watermark = request.high_watermark,
                                            .deadline = now + request.wait_max});
}

FetchResponse Quorum::fetch_answer(Offset offset) const {
  const auto& leader = std::get<Leader>(role_);
  return {.error = ErrorCode::none,
          .current = current_leader(),
          .high_watermark = leader.high_watermark,
          .log_start = log_.start(),
          .diverging = std::nullopt,
          .snapshot = std::nullopt,
          .records_from = offset,
          .records_end = log_.end(),
          .batches = {},
          .changes = {}};
}

// Under static voters a voter is whoever has the id; else (id, directory) tells.
Replica& Quorum::replica(const ReplicaKey& key) {
  auto& leader = std::get<Leader>(role_);
  const Voter* voter = voters().find(key.id);
  const ReplicaKey known = voter != nullptr && !voter->key.has_directory() ? voter->key : key;
  const auto found = std::ranges::find(leader.replicas, known, &Replica::key);
  return found != leader.replicas.end() ? *found : leader.replicas.emplace_back(Replica{.key = known});
}

void Quorum::record_contact(Instant now, const ReplicaKey& key) {
  if (key.id < NodeId{0} || key.id == config_.local.id) return;
  Replica& from = replica(key);
  from.fetch_before = from.last_fetch;
  from.last_fetch = now;
  from.begin_due = now + config_.begin_epoch_interval();
  if (!voters().is_voter(from.key)) return;
  auto& leader = std::get<Leader>(role_);
  if (std::ranges::find(leader.fetched, key.id) == leader.fetched.end()) leader.fetched.push_back(key.id);
  if (leader.fetched.size() + (is_voter() ? 1 : 0) < voters().majority()) return;
  leader.fetched.clear();
  leader.check_quorum_deadline = now + config_.check_quorum_timeout();
}

void Quorum::record_fetch(Instant now, const ReplicaKey& key, Offset offset) {
  if (key.id < NodeId{0} || key.id == config_.local.id) return;
  Replica& from = replica(key);
  if (offset >= log_.end()) {
    from.last_caught_up = now;
  } else if (from.leader_end_at_fetch != no_offset && offset >= from.leader_end_at_fetch) {
    from.last_caught_up = std::max(from.last_caught_up, from.last_fetch);
  }
  from.leader_end_at_fetch = log_.end();
  from.end = offset;
  record_contact(now, key);
  advance_high_watermark();
}

void Quorum::answer_parked(Instant now) {
  auto& leader = std::get<Leader>(role_);
  std::erase_if(leader.parked, [&](const ParkedFetch& fetch) {
    const bool news = fetch.offset < log_.end() || leader.high_watermark > fetch.high_watermark;
    if (!news && fetch.deadline > now) return false;
    respond(fetch.token, fetch_answer(fetch.offset));
    return true;
  });
}

}  // namespace squall::raft
