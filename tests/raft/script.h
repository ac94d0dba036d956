// One quorum core, alone: what it is told, and what it wants done, as text.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "raft/quorum/quorum.h"
#include "tests/raft/cluster.h"

namespace squall::raft::testing {

using std::chrono::milliseconds;

[[nodiscard]] inline Uuid directory(std::int32_t id) { return {0, static_cast<std::uint64_t>(100 + id)}; }
[[nodiscard]] inline ReplicaKey key(std::int32_t id) { return {NodeId{id}, directory(id)}; }
[[nodiscard]] inline Endpoints endpoints(std::int32_t id) {
  return {{"CONTROLLER", "node" + std::to_string(id), static_cast<std::uint16_t>(9090 + id)}};
}
[[nodiscard]] inline Voter voter(std::int32_t id) { return {key(id), endpoints(id), {0, 1}}; }
[[nodiscard]] inline VoterSet voters(std::initializer_list<std::int32_t> ids) {
  std::vector<Voter> all;
  for (const auto id : ids) all.push_back(voter(id));
  return VoterSet{std::move(all)};
}
[[nodiscard]] inline OffsetAndEpoch at(std::int64_t offset, std::int32_t epoch) { return {LeaderEpoch{epoch}, Offset{offset}}; }

// Node 1, unless told otherwise. Time stands still but for `pass`.
class Script {
 public:
  struct Setup {
    std::int32_t id = 1;
    VoterSet voters = testing::voters({1, 2, 3});
    std::int16_t kraft_version = dynamic_voters_version;
    Offset voters_at{0};  // where their record stands; no_offset: in the bootstrap snapshot
    std::optional<ElectionState> election{};
    LogIndex log{Offset{0}, Offset{1}, {{LeaderEpoch{1}, Offset{0}}}, {}};
    bool may_vote = true;
    bool auto_join = false;
    std::vector<NodeId> bootstrap_servers{};
    Offset committed{0};
  };

  explicit Script(Setup setup) : quorum{config(setup), Random{1}, restored(std::move(setup))} {
    Effects effects;
    quorum.start(now, effects);
    asked = effects.requests;
    started = to_text(effects);
  }

  // What the step wants done, and nothing else.
  std::string step(const Event& event) {
    const Effects effects = quorum.step(now, event);
    for (const OutboundRequest& request : effects.requests) asked.push_back(request);
    return to_text(effects);
  }
  std::string receives(RequestBody body) { return step(RequestReceived{RequestToken{++last_token}, std::move(body)}); }
  // The response to the latest request to `node`.
  std::string answered(std::int32_t node, ResponseBody body) {
    for (auto request = asked.rbegin(); request != asked.rend(); ++request) {
      if (request->to == NodeId{node}) return step(ResponseReceived{request->id, std::move(body)});
    }
    return "nothing was asked";
  }
  std::string flushed() { return step(Flushed{quorum.epoch(), quorum.log().end()}); }
  std::string pass(Duration time) {
    now += time;
    return step(Tick{});
  }
  std::string expire() {
    now = std::max(now, quorum.next_deadline());
    return step(Tick{});
  }

  [[nodiscard]] std::string role() const { return role_name(quorum.role()); }
  [[nodiscard]] std::int64_t high_watermark() const { return quorum.high_watermark().value(); }
  [[nodiscard]] CurrentLeader led_by(std::int32_t leader, std::int32_t epoch) const {
    return {NodeId{leader}, LeaderEpoch{epoch}, leader < 0 ? Endpoints{} : endpoints(leader)};
  }

  // Stands for election and wins with the vote of node 2, in the epoch above; its first record is not flushed.
  std::string elect() {
    if (role() != "prospective") until_prospective();
    const std::int32_t epoch = quorum.epoch().value();
    const auto voter =
        quorum.voters().voters()[quorum.voters().voters()[0].key.id == quorum.config().local.id ? 1 : 0].key.id.value();
    answered(voter, VoteResponse{ErrorCode::none, led_by(-1, epoch), true});
    return answered(voter, VoteResponse{ErrorCode::none, led_by(-1, epoch + 1), true});
  }
  // And has asked for votes.
  void until_prospective() {
    const auto asks = [this] { return !asked.empty() && std::holds_alternative<VoteRequest>(asked.back().body); };
    for (int i = 0; i < 20 && (role() != "prospective" || !asks()); ++i) expire();
  }
  // A fetch that acknowledges all below `offset`.
  std::string fetched_by(std::int32_t node, std::int64_t offset, std::int32_t epoch, Duration wait = milliseconds{500},
                         Offset high_watermark = high_watermark_not_stated) {
    return receives(FetchRequest{key(node), quorum.epoch(), at(offset, epoch), high_watermark, wait});
  }
  // Elected, its first record at 1 flushed and fetched by node 2: the high watermark is 2.
  void lead() {
    elect();
    flushed();
    fetched_by(2, 2, quorum.epoch().value(), Duration{0});
  }

  Instant now{std::chrono::seconds{100}};
  Quorum quorum;
  std::string started;
  std::vector<OutboundRequest> asked;
  std::uint64_t last_token = 0;

 private:
  static QuorumConfig config(const Setup& setup) {
    QuorumConfig config;
    config.local = key(setup.id);
    config.endpoints = endpoints(setup.id);
    config.may_vote = setup.may_vote;
    config.auto_join = setup.auto_join;
    config.bootstrap_servers = setup.bootstrap_servers;
    return config;
  }
  static Restored restored(Setup setup) {
    VoterHistory history{setup.voters_at == no_offset ? setup.voters : VoterSet{}, setup.kraft_version};
    if (setup.voters_at != no_offset) history.append(setup.voters_at, setup.voters);
    return {setup.election, std::move(setup.log), std::move(history), setup.committed};
  }
};

[[nodiscard]] inline ElectionState election(std::int32_t epoch, std::int32_t leader, std::int32_t voted) {
  return {LeaderEpoch{epoch}, NodeId{leader}, voted < 0 ? ReplicaKey{} : key(voted)};
}

}  // namespace squall::raft::testing
