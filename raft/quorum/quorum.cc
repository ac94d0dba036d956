#include "raft/quorum/quorum.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace squall::raft {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

}  // namespace

Quorum::Quorum(QuorumConfig config, Random random, Restored restored)
    : config_{std::move(config)},
      random_{random},
      restored_election_{std::move(restored.election)},
      log_{std::move(restored.log)},
      voters_{std::move(restored.voters)},
      committed_before_{restored.committed} {}

void Quorum::start(Instant now, Effects& effects) {
  SQUALL_ASSERT(!persisted_, "a quorum starts once");
  out_ = &effects;
  restore(now);
  finish_step(now);
}

void Quorum::step(Instant now, const Event& event, Effects& effects) {
  SQUALL_ASSERT(persisted_, "a quorum is started before its first step");
  if (failed_) return;
  out_ = &effects;
  handle(now, event);
  finish_step(now);
}

Effects Quorum::step(Instant now, const Event& event) {
  Effects effects;
  step(now, event, effects);
  return effects;
}

void Quorum::finish_step(Instant now) {
  poll(now);
  refuse_strangers();
  const ElectionState state = election_state();
  if (persisted_ != state) {
    persisted_ = state;
    out_->election = state;
  }
  next_deadline_ = compute_deadline(now);
  failed_ = out_->fatal.has_value();
  out_ = nullptr;
  check_invariants();
}

void Quorum::handle(Instant now, const Event& event) {
  std::visit(Overloaded{
                 [](const Tick&) {},
                 [&](const RequestReceived& request) { handle_request(now, request.token, request.body); },
                 [&](const ResponseReceived& response) { handle_response(now, response.id, response.body); },
                 [&](const RequestFailed& failed) { requests_.fail(failed.id, now + config_.retry_backoff); },
                 [&](const Propose& proposal) { on_propose(proposal); },
                 [&](const Flushed& flushed) { on_flushed(flushed); },
                 [&](const SnapshotCreated& created) { on_snapshot_created(created); },
                 [&](const LogCleaned& cleaned) { on_log_cleaned(cleaned); },
                 [&](const SnapshotReady& ready) { on_snapshot_ready(ready); },
                 [&](const ResignRequested& resign) {
                   auto* leader = std::get_if<Leader>(&role_);
                   if (leader != nullptr && resign.epoch == epoch_) leader->resign = true;
                 },
                 [&](const UpgradeKRaftVersion&) { on_upgrade_kraft_version(); },
             },
             event);
}

void Quorum::handle_request(Instant now, RequestToken token, const RequestBody& body) {
  std::visit(Overloaded{
                 [&](const VoteRequest& request) { on_vote(now, token, request); },
                 [&](const BeginQuorumEpochRequest& request) { on_begin_epoch(now, token, request); },
                 [&](const EndQuorumEpochRequest& request) { on_end_epoch(now, token, request); },
                 [&](const FetchRequest& request) { on_fetch(now, token, request); },
                 [&](const FetchSnapshotRequest& request) { on_fetch_snapshot(now, token, request); },
                 [&](const ApiVersionsRequest&) {
                   respond(token, ApiVersionsResponse{.error = ErrorCode::none, .kraft_versions = config_.kraft_versions});
                 },
                 [&](const AddVoterRequest& request) { on_add_voter(now, token, request); },
                 [&](const RemoveVoterRequest& request) { on_remove_voter(now, token, request); },
                 [&](const UpdateVoterRequest& request) { on_update_voter(now, token, request); },
             },
             body);
}

void Quorum::handle_response(Instant now, RequestId id, const ResponseBody& body) {
  const auto from = requests_.finish(id, body.index());
  if (!from) return;  // asked before a change of role or epoch, or given up
  note_cluster_of(*from, body);
  const auto error_backs_off = [&](ErrorCode error) {
    if (error != ErrorCode::none) requests_.back_off(*from, now + config_.retry_backoff);
  };
  std::visit(Overloaded{
                 [&](const VoteResponse& response) { on_vote_response(now, *from, response); },
                 [&](const BeginQuorumEpochResponse& response) { on_begin_epoch_response(now, *from, response); },
                 [&](const EndQuorumEpochResponse& response) { on_end_epoch_response(now, *from, response); },
                 [&](const FetchResponse& response) { on_fetch_response(now, id, *from, response); },
                 [&](const FetchSnapshotResponse& response) { on_fetch_snapshot_response(now, id, *from, response); },
                 [&](const ApiVersionsResponse& response) { on_api_versions_response(now, *from, response); },
                 // What came of them is seen in the voter set; the next period asks again if need be.
                 [&](const AddVoterResponse& response) { error_backs_off(response.error); },
                 [&](const RemoveVoterResponse& response) { error_backs_off(response.error); },
                 [&](const UpdateVoterResponse& response) { on_update_voter_response(now, *from, response); },
             },
             body);
}

void Quorum::note_cluster_of(NodeId from, const ResponseBody& body) {
  if (std::visit([](const auto& response) { return response.error; }, body) == ErrorCode::inconsistent_cluster_id) {
    strangers_.insert(from);
  } else {
    strangers_.erase(from);
  }
}

// One alone may be the stranger itself.
void Quorum::refuse_strangers() {
  if (strangers_.empty() || out_->fatal) return;
  // A leader may be known from before the start; who leads, or has fetched, has found its cluster.
  const auto* follower = std::get_if<Follower>(&role_);
  if (is_leader() || (follower != nullptr && follower->has_fetched)) return;
  const bool by_address = voters().empty();
  const std::size_t all = by_address ? config_.bootstrap_servers.size() : voters().size();
  const auto counts = [&](NodeId id) { return by_address ? id < no_node : voters().find(id) != nullptr; };
  if (static_cast<std::size_t>(std::ranges::count_if(strangers_, counts)) * 2 <= all) return;
  is_stranger_ = true;
  out_->fatal =
      "a majority of the voters belongs to another cluster than this node; point controller.quorum.voters or "
      "controller.quorum.bootstrap.servers at its own cluster, or empty its log directories and format it for theirs";
}

void Quorum::respond(RequestToken token, ResponseBody body) { out_->responses.push_back({token, std::move(body)}); }

bool Quorum::send(Instant now, NodeId to, RequestBody body) {
  if (!requests_.ready(to, now)) return false;
  const RequestId id = requests_.start(to, body.index(), now, now + config_.request_timeout);
  out_->requests.push_back({id, to, std::move(body)});
  return true;
}

void Quorum::flush() {
  if (log_.flushed_end() < log_.end()) out_->log.emplace_back(Flush{epoch_, log_.end()});
}

NodeId Quorum::leader() const {
  return std::visit(Overloaded{
                        [](const Unattached& role) { return role.leader; },
                        [](const Prospective& role) { return role.leader; },
                        [](const Candidate&) { return no_node; },
                        [&](const Leader&) { return config_.local.id; },
                        [](const Follower& role) { return role.leader; },
                        [&](const Resigned&) { return config_.local.id; },
                    },
                    role_);
}

Endpoints Quorum::leader_endpoints() const {
  return std::visit(Overloaded{
                        [](const Unattached&) { return Endpoints{}; },
                        [](const Prospective& role) { return role.leader_endpoints; },
                        [](const Candidate&) { return Endpoints{}; },
                        [&](const Leader&) { return config_.endpoints; },
                        [](const Follower& role) { return role.leader_endpoints; },
                        [&](const Resigned&) { return config_.endpoints; },
                    },
                    role_);
}

Endpoints Quorum::endpoints_of(NodeId id) const {
  if (const auto* leader = std::get_if<Leader>(&role_); leader != nullptr && leader->operation) {
    if (leader->operation->is_add && leader->operation->voter.key.id == id) return leader->operation->voter.endpoints;
  }
  if (id == this->leader()) {
    if (Endpoints endpoints = leader_endpoints(); !endpoints.empty()) return endpoints;
  }
  const Voter* voter = voters().find(id);
  return voter == nullptr ? Endpoints{} : voter->endpoints;
}

std::optional<Offset> Quorum::epoch_start() const {
  const auto* leader = std::get_if<Leader>(&role_);
  if (leader == nullptr) return std::nullopt;
  return leader->epoch_start;
}

ElectionState Quorum::election_state() const {
  const ReplicaKey voted = std::visit(Overloaded{
                                          [](const Unattached& role) { return role.voted; },
                                          [](const Prospective& role) { return role.voted; },
                                          [](const Follower& role) { return role.voted; },
                                          [&](const auto&) { return config_.local; },
                                      },
                                      role_);
  return {.epoch = epoch_, .leader = leader(), .voted = voted};
}

const char* role_name(const Role& role) {
  static constexpr const char* names[] = {"unattached", "prospective", "candidate", "leader", "follower", "resigned"};
  return names[role.index()];
}

}  // namespace squall::raft
