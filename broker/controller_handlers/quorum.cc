// The requests that quorum nodes send to each other; and those that change its voters.
#include "broker/broker_state.h"
#include "broker/control_plane.h"
#include "broker/controller_handlers/controller_handlers.h"
#include "raft/shell/wire.h"

namespace squall::broker {
namespace {

using protocol::ErrorCode;

raft::WireContext wire_context(const RequestContext& context) {
  return {.cluster_id = context.broker.cluster_id,
          .version = context.version,
          .local = context.broker.config.node_id,
          .listener = context.connection.listener->config.name};
}

// Takes a piece of a file as the external bytes of the answer.
void attach(RequestContext& context, log::FileRange&& range) {
  if (range.bytes > 0) context.files.push_back(std::move(range));
}

template <class Answer>
Disposition answer_with(RequestContext& context, const Answer& answer, log::FileRange&& range) {
  const raft::WireContext wire = wire_context(context);
  if constexpr (std::is_same_v<Answer, raft::FetchResponse> || std::is_same_v<Answer, raft::FetchSnapshotResponse>) {
    const std::uint64_t bytes = range.bytes;
    attach(context, std::move(range));
    return context.answer(raft::write(answer, wire, bytes));
  } else {
    return context.answer(raft::write(answer, wire));
  }
}

template <class Answer>
Disposition refuse_with(RequestContext& context, ErrorCode code) {
  context.broker.metrics.error(wire(code));
  Answer refusal;
  refusal.error = code;
  return answer_with(context, refusal, {});
}

// `Answer` is the core's message of the same kind.
template <class Request, class Answer>
Disposition serve(RequestContext& context) {
  Request message;
  if (!context.decode_body(message)) return Disposition::close;
  context.slot.release();
  auto request = raft::read(message, wire_context(context));
  if (!request) return refuse_with<Answer>(context, request.error());
  std::uint64_t bytes_max = UINT64_MAX;
  if constexpr (requires { raft::bytes_wanted(message); }) bytes_max = raft::bytes_wanted(message);
  auto answered = context.broker.control_plane->quorum->ask(std::move(*request), bytes_max);
  if (!answered) return Disposition::unanswered;  // the node stops
  const Answer& answer = std::get<Answer>(answered->body);
  context.broker.metrics.error(wire(answer.error));
  context.not_controller = answer.error == ErrorCode::not_leader_or_follower;
  return answer_with(context, answer, std::move(answered->bytes));
}

template <class Request, class Answer>
Disposition refuse(RequestContext& context, ErrorCode code) {
  Request message;
  if (!context.decode_body(message)) return Disposition::close;
  return refuse_with<Answer>(context, code);
}

template <class Request, class Answer>
constexpr ApiHandler quorum_handler(std::int16_t min, std::int16_t max) {
  return {.key = Request::api_key,
          .min = min,
          .max = max,
          .advertised_min = min,
          .handle = &serve<Request, Answer>,
          .refuse = &refuse<Request, Answer>};
}

}  // namespace

const ApiHandler quorum_fetch_handler = quorum_handler<protocol::FetchRequest, raft::FetchResponse>(12, 18);
const ApiHandler vote_handler = quorum_handler<protocol::VoteRequest, raft::VoteResponse>(0, 2);
const ApiHandler begin_quorum_epoch_handler =
    quorum_handler<protocol::BeginQuorumEpochRequest, raft::BeginQuorumEpochResponse>(0, 1);
const ApiHandler end_quorum_epoch_handler = quorum_handler<protocol::EndQuorumEpochRequest, raft::EndQuorumEpochResponse>(0, 1);
const ApiHandler fetch_snapshot_handler = quorum_handler<protocol::FetchSnapshotRequest, raft::FetchSnapshotResponse>(0, 1);
const ApiHandler add_raft_voter_handler = quorum_handler<protocol::AddRaftVoterRequest, raft::AddVoterResponse>(0, 1);
const ApiHandler remove_raft_voter_handler = quorum_handler<protocol::RemoveRaftVoterRequest, raft::RemoveVoterResponse>(0, 0);
const ApiHandler update_raft_voter_handler = quorum_handler<protocol::UpdateRaftVoterRequest, raft::UpdateVoterResponse>(0, 0);

}  // namespace squall::broker
