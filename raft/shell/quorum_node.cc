#include "raft/shell/quorum_node.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "protocol/record_batch.h"
#include "raft/shell/quorum_driver.h"
#include "runtime/deadline.h"

namespace squall::raft {

QuorumNode::QuorumNode(runtime::World& world, MetadataLog& log, QuorumNodeOptions options)
    : state_{std::make_shared<State>(world, log, std::move(options))} {}

QuorumNode::~QuorumNode() {
  if (!state_->ended()) state_->end();
}

void QuorumNode::start() {
  state_->start_core();
  state_->start_fibers();
}

void QuorumNode::stop(Duration grace) {
  const std::shared_ptr<State> state = state_;
  if (!state->started) return;
  if (!state->ended() && state->core.is_leader()) {
    const Instant deadline = runtime::deadline_in(state->world, grace);
    const Instant drained_by = runtime::deadline_in(state->world, grace / 2);
    // A successor that lacks what we have on our disk would not be voted for by us.
    state->draining = true;
    (void)state->any.told.wait_until(drained_by, [&] {
      return state->ended() || !state->core.is_leader() || state->core.high_watermark() >= state->core.log().end();
    });
    state->step(ResignRequested{state->core.epoch()});
    // Whoever follows may need our vote: those that followed us until now deny pre-votes until they stand themselves.
    (void)state->any.told.wait_until(
        deadline, [&] { return state->ended() || leader() || state->core.voters().is_only_voter(state->core.config().local); });
  }
  if (!state->ended()) state->end();
  state->fibers.wait();
  for (const auto& [id, peer] : state->peers) peer->wait();
}

std::optional<QuorumAnswer> QuorumNode::ask(RequestBody request, std::uint64_t bytes_max) {
  const std::shared_ptr<State> state = state_;
  if (!state->started || state->ended()) return std::nullopt;
  State::Asker asker{state->world};
  const RequestToken token{++state->last_token};
  struct Place {
    State& state;
    RequestToken token;
    ~Place() { state.askers.erase(token); }
  };
  const Place place{*state, token};
  state->askers[token] = &asker;
  state->step(RequestReceived{token, std::move(request)});
  while (!asker.answer && !state->ended()) asker.told.wait();
  if (!asker.answer || state->failed) return std::nullopt;
  QuorumAnswer answer{.body = *std::move(asker.answer), .bytes = {}};
  state->add_bytes(answer, std::min<std::uint64_t>(bytes_max, state->options.fetch_bytes_max));
  if (state->failed) return std::nullopt;
  return answer;
}

void QuorumNode::State::add_bytes(QuorumAnswer& answer, std::uint64_t bytes_max) {
  if (const auto* fetch = std::get_if<FetchResponse>(&answer.body)) {
    if (fetch->error == ErrorCode::none && fetch->records_from < fetch->records_end) add_records(answer, *fetch, bytes_max);
    return;
  }
  auto* piece = std::get_if<FetchSnapshotResponse>(&answer.body);
  if (piece == nullptr || piece->error != ErrorCode::none) return;
  if (auto range = log.snapshot_range(piece->id, piece->position, static_cast<std::int64_t>(bytes_max))) {
    piece->bytes = static_cast<std::int64_t>(range->bytes);
    answer.bytes = *std::move(range);
  } else {  // freed since the core answered
    piece->error = ErrorCode::snapshot_not_found;
  }
}

// A leader does not cut its log in its epoch; once there is another, the log may change under this, and before it: then there
// are no records, and the follower, who will hear of the epoch, asks again.
void QuorumNode::State::add_records(QuorumAnswer& answer, const FetchResponse& fetch, std::uint64_t bytes_max) {
  const auto can_be_read = [&] {
    return core.epoch() == fetch.current.epoch && fetch.records_from >= log.log_start() && fetch.records_from < log.log_end();
  };
  if (!can_be_read()) return;
  auto range = log.read(fetch.records_from, std::min(fetch.records_end, log.log_end()), bytes_max);
  if (!can_be_read()) return;  // any more
  if (range) {
    answer.bytes = *std::move(range);
  } else {
    fail(range.error());
  }
}

std::optional<Offset> QuorumNode::propose(LeaderEpoch epoch, ByteBuffer batch, std::int32_t count, IfDamaged if_damaged) {
  State& state = *state_;
  if (!state.started || state.draining || state.ended()) return std::nullopt;
  SQUALL_ASSERT(batch.size() >= protocol::batch_header_bytes, "a proposal is a whole batch");
  SQUALL_ASSERT(protocol::RecordBatchView{batch}.last_offset_delta() == count - 1, "a batch holds as many records as it says");
  const ProposalId id{++state.last_proposal};
  state.step(Propose{.id = id, .epoch = epoch, .count = count});
  std::erase(state.pending.refused, id);
  // The newest proposal stands at the end, with its Flush behind it.
  const auto is_ours = [id](const LogOperation& one) {
    const auto* append = std::get_if<AppendProposal>(&one);
    return append != nullptr && append->id == id;
  };
  auto& operations = state.pending.log;
  const auto found = std::find_if(operations.rbegin(), operations.rend(), is_ours);
  if (found == operations.rend()) return std::nullopt;
  const auto& append = std::get<AppendProposal>(*found);
  protocol::set_base_offset(batch, append.base);
  protocol::set_partition_leader_epoch(batch, append.epoch);
  state.proposals.emplace(id, std::move(batch));
  if (if_damaged == IfDamaged::refuse) state.owe_recovery_point(append.base + count);
  return append.base;
}

void QuorumNode::resign(LeaderEpoch epoch) {
  if (state_->started) state_->step(ResignRequested{epoch});
}

ErrorCode QuorumNode::upgrade_kraft_version() {
  State& state = *state_;
  if (!state.started || state.ended()) return ErrorCode::not_controller;
  state.step(UpgradeKRaftVersion{});
  return std::exchange(state.pending.kraft_upgrade, std::nullopt).value_or(ErrorCode::not_controller);
}

const Quorum& QuorumNode::core() const { return state_->core; }
Offset QuorumNode::committed() const { return state_->committed; }
bool QuorumNode::failed() const { return state_->failed; }
bool QuorumNode::disk_is_full() const { return state_->disk_full; }
MetadataLog& QuorumNode::log() { return state_->log; }

std::optional<QuorumNode::LeaderAddress> QuorumNode::leader() const {
  const Quorum& core = state_->core;
  const NodeId id = core.leader();
  const bool self = core.is_leader();
  // Who has resigned leads no more, though nobody else does yet.
  if (id == no_node || (id == core.config().local.id && !self)) return std::nullopt;
  return LeaderAddress{.id = id, .epoch = core.epoch(), .endpoints = core.endpoints_of(id), .self = self};
}

void QuorumNode::tell(const SnapshotCreated& created) {
  if (state_->started) state_->step(created);
}
void QuorumNode::tell(const LogCleaned& cleaned) {
  if (state_->started) state_->step(cleaned);
}

std::uint64_t QuorumNode::changes(Change change) const { return state_->news(change).count; }

bool QuorumNode::wait_for(Change change, std::uint64_t seen, Instant deadline) {
  const std::shared_ptr<State> state = state_;
  State::News& news = state->news(change);
  return news.told.wait_until(deadline, [&] { return news.count != seen; });
}

}  // namespace squall::raft
