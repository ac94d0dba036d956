// Voters that change: AddRaftVoter, RemoveRaftVoter, UpdateRaftVoter (KIP-853), joining by oneself (KIP-1186), and the step
// from static voters to those in the log.
//
// One change at a time, so that any majority of the old set meets any majority of the new one. A change is in force when it is
// appended, and commits with the new majority.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "raft/quorum/quorum.h"

namespace squall::raft {
namespace {

// A replica that fetched within this time, and was once at the end of the log, is near enough to be added.
constexpr Duration caught_up_within = std::chrono::hours{1};

}  // namespace

// What every change of voters asks for first.
ErrorCode Quorum::check_voter_change(std::string& why) const {
  const auto* leader = std::get_if<Leader>(&role_);
  if (leader == nullptr) return ErrorCode::not_leader_or_follower;
  if (leader->operation) {
    why = "another change of voters is under way";
    return ErrorCode::request_timed_out;
  }
  // Before that, a change of an earlier leader may be neither committed nor dead.
  if (leader->high_watermark == no_offset) {
    why = "the leader has not committed a record of its epoch yet";
    return ErrorCode::request_timed_out;
  }
  if (kraft_version() < dynamic_voters_version) {
    why = fmt::format("kraft.version is {}: the voters are static", kraft_version());
    return ErrorCode::unsupported_version;
  }
  if (const Offset offset = voters_.sets.last().offset; offset >= leader->high_watermark) {
    why = fmt::format("the voters at offset {} are not committed yet", offset);
    return ErrorCode::request_timed_out;
  }
  return ErrorCode::none;
}

Offset Quorum::append_voters(VoterSet voters, std::optional<std::int16_t> version) {
  const Offset base = log_.end();
  if (version) voters_.append(base, *version);
  const Offset offset = base + (version ? 1 : 0);
  voters_.append(offset, std::move(voters));
  log_.append(epoch_, offset + 1);
  out_->log.emplace_back(AppendVoters{base, epoch_, version, voters_.sets.last().value});
  flush();
  follow_voter_change();
  // The new majority may be smaller.
  advance_high_watermark();
  return offset;
}

void Quorum::on_add_voter(Instant now, RequestToken token, const AddVoterRequest& request) {
  const auto refuse = [&](ErrorCode error, std::string why) { respond(token, AddVoterResponse{error, std::move(why)}); };
  if (is_leader() && (request.voter.id < NodeId{0} || !request.voter.has_directory() || request.endpoints.empty())) {
    return refuse(ErrorCode::invalid_request, "a voter has an id, a directory id and an endpoint");
  }
  std::string why;
  if (const ErrorCode error = check_voter_change(why); error != ErrorCode::none) return refuse(error, std::move(why));
  if (voters().find(request.voter.id) != nullptr) {
    return refuse(ErrorCode::duplicate_voter, fmt::format("node {} is a voter already", request.voter.id));
  }
  if (!requests_.ready(request.voter.id, now)) {
    return refuse(ErrorCode::request_timed_out, fmt::format("node {} takes no requests now", request.voter.id));
  }
  std::get<Leader>(role_).operation =
      VoterOperation{.is_add = true,
                     .token = token,
                     .voter = {.key = request.voter, .endpoints = request.endpoints, .kraft_versions = {}},
                     .ack_when_committed = request.ack_when_committed,
                     .offset = no_offset,
                     .deadline = now + std::min(config_.request_timeout, request.patience)};
  send(now, request.voter.id, ApiVersionsRequest{});
}

void Quorum::on_api_versions_response(Instant now, NodeId from, const ApiVersionsResponse& response) {
  auto* leader = std::get_if<Leader>(&role_);
  if (leader == nullptr || !leader->operation || !leader->operation->is_add) return;
  VoterOperation& operation = *leader->operation;
  if (operation.voter.key.id != from || operation.offset != no_offset) return;
  // It would not flush what it fetches, and what a crash can take would count (KAFKA-17332).
  if (response.error == ErrorCode::unsupported_version) {
    return end_operation(ErrorCode::invalid_request, fmt::format("node {} takes no votes: it is no controller", from));
  }
  if (response.error != ErrorCode::none)
    return end_operation(ErrorCode::request_timed_out, "the new voter did not tell its versions");
  if (!response.kraft_versions.contains(kraft_version())) {
    return end_operation(ErrorCode::invalid_request,
                         fmt::format("the new voter does not support kraft.version {}", kraft_version()));
  }
  const auto found = std::ranges::find(leader->replicas, operation.voter.key, &Replica::key);
  const bool caught_up =
      found != leader->replicas.end() && found->last_caught_up != Instant::min() && found->last_fetch + caught_up_within > now;
  if (!caught_up) return end_operation(ErrorCode::request_timed_out, "the new voter lags behind");
  operation.voter.kraft_versions = response.kraft_versions;
  // Nobody's fetches counted so far; from now on the newcomer's do.
  if (voters().is_only_voter(config_.local)) leader->check_quorum_deadline = now + config_.check_quorum_timeout();
  auto changed = voters().add(operation.voter);
  SQUALL_ASSERT(changed, "nobody else changes the voters while a change is under way");
  operation.offset = append_voters(*std::move(changed), std::nullopt);
  if (!operation.ack_when_committed) end_operation(ErrorCode::none, {});
}

void Quorum::on_remove_voter(Instant now, RequestToken token, const RemoveVoterRequest& request) {
  const auto refuse = [&](ErrorCode error, std::string why) { respond(token, RemoveVoterResponse{error, std::move(why)}); };
  std::string why;
  if (const ErrorCode error = check_voter_change(why); error != ErrorCode::none) return refuse(error, std::move(why));
  auto changed = voters().remove(request.voter);
  if (!changed)
    return refuse(ErrorCode::voter_not_found, fmt::format("node {} with that directory id is no voter", request.voter.id));
  if (changed->empty()) return refuse(ErrorCode::invalid_request, "the last voter cannot be removed");
  auto& operation = std::get<Leader>(role_).operation;
  operation = VoterOperation{.is_add = false,
                             .token = token,
                             .voter = {.key = request.voter, .endpoints = {}, .kraft_versions = {}},
                             .ack_when_committed = true,
                             .offset = log_.end(),
                             .deadline = now + config_.request_timeout};
  append_voters(*std::move(changed), std::nullopt);
}

void Quorum::on_update_voter(Instant, RequestToken token, const UpdateVoterRequest& request) {
  const auto answer = [&](ErrorCode error) {
    respond(token, UpdateVoterResponse{.error = error, .current = current_leader()});
  };
  if (const ErrorCode error = check_leader_request(request.epoch); error != ErrorCode::none) return answer(error);
  const Voter& voter = request.voter;
  if (voter.key.id < NodeId{0} || !voter.key.has_directory() || voter.endpoints.empty())
    return answer(ErrorCode::invalid_request);
  auto& leader = std::get<Leader>(role_);
  if (kraft_version() < dynamic_voters_version) {
    // There is no record to write it to; it is kept for the step to version 1.
    if (!voters().is_voter(voter.key)) return answer(ErrorCode::voter_not_found);
    std::erase_if(leader.told, [&](const Voter& one) { return one.key.id == voter.key.id; });
    leader.told.push_back(voter);
    return answer(ErrorCode::none);
  }
  std::string why;
  if (const ErrorCode error = check_voter_change(why); error != ErrorCode::none) return answer(error);
  if (!voter.kraft_versions.contains(kraft_version())) return answer(ErrorCode::invalid_request);
  auto changed = voters().update(voter);
  if (!changed) return answer(ErrorCode::voter_not_found);
  if (*changed != voters()) append_voters(*std::move(changed), std::nullopt);
  answer(ErrorCode::none);
}

void Quorum::on_update_voter_response(Instant now, NodeId from, const UpdateVoterResponse& response) {
  if (handle_common(now, from, response.error, response.current) == Common::done) return;
  if (auto* follower = std::get_if<Follower>(&role_)) follower->told_leader = true;
}

void Quorum::on_upgrade_kraft_version() {
  auto& answer = out_->kraft_upgrade;
  const auto* leader = std::get_if<Leader>(&role_);
  if (leader == nullptr) {
    answer = ErrorCode::not_leader_or_follower;
  } else if (kraft_version() >= dynamic_voters_version) {
    answer = ErrorCode::none;
  } else if (leader->high_watermark == no_offset) {
    answer = ErrorCode::request_timed_out;
  } else {
    std::vector<Voter> known;
    for (const Voter& voter : voters().voters()) {
      const bool ours = voter.key.id == config_.local.id;
      const auto told = std::ranges::find(leader->told, voter.key.id, [](const Voter& one) { return one.key.id; });
      if (!ours && told == leader->told.end()) break;
      known.push_back(ours ? Voter{config_.local, config_.endpoints, config_.kraft_versions} : *told);
      if (!known.back().key.has_directory() || !known.back().kraft_versions.contains(dynamic_voters_version)) break;
    }
    const bool complete = known.size() == voters().size() && std::ranges::all_of(known, [](const Voter& voter) {
                            return voter.key.has_directory() && voter.kraft_versions.contains(dynamic_voters_version);
                          });
    answer = complete ? ErrorCode::none : ErrorCode::invalid_update_version;
    if (complete) append_voters(VoterSet{std::move(known)}, dynamic_voters_version);
  }
}

void Quorum::end_operation(ErrorCode error, std::string message) {
  auto& operation = std::get<Leader>(role_).operation;
  SQUALL_ASSERT(operation, "there is an operation to end");
  const RequestToken token = operation->token;
  const bool is_add = operation->is_add;
  operation.reset();
  if (is_add) {
    respond(token, AddVoterResponse{error, std::move(message)});
  } else {
    respond(token, RemoveVoterResponse{error, std::move(message)});
  }
}

// The high watermark has moved.
void Quorum::complete_operation() {
  const auto& leader = std::get<Leader>(role_);
  if (leader.operation && leader.operation->offset != no_offset && leader.operation->offset < leader.high_watermark) {
    end_operation(ErrorCode::none, {});
  }
}

// What a follower has to tell its leader of itself.
std::optional<RequestBody> Quorum::membership_request() const {
  const auto& follower = std::get<Follower>(role_);
  const Voter ourselves{config_.local, config_.endpoints, config_.kraft_versions};
  if (!config_.local.has_directory() || config_.endpoints.empty()) return std::nullopt;
  if (is_voter()) {
    const bool changed =
        kraft_version() < dynamic_voters_version ? !follower.told_leader : *voters().find(config_.local.id) != ourselves;
    if (!changed) return std::nullopt;
    return UpdateVoterRequest{.epoch = epoch_, .voter = ourselves};
  }
  if (!config_.auto_join || !config_.may_vote || kraft_version() < dynamic_voters_version) return std::nullopt;
  // Our id votes with another directory: our disk was replaced, and the old one will not come back (KIP-1186).
  if (const Voter* former = voters().find(config_.local.id)) return RemoveVoterRequest{.voter = former->key};
  return AddVoterRequest{.voter = config_.local, .endpoints = config_.endpoints, .ack_when_committed = false};
}

}  // namespace squall::raft
