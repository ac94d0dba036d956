#include "broker/controller_channel.h"

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include "protocol/messages/principal.h"
#include "protocol/writer.h"
#include "raft/shell/controller_requests.h"
#include "runtime/condition.h"
#include "runtime/mutex.h"

namespace squall::broker {
namespace {

using protocol::ErrorCode;
using Leader = raft::QuorumNode::LeaderAddress;

constexpr std::int16_t not_controller_code = protocol::to_wire(ErrorCode::not_controller);

bool says_not_controller(std::int16_t code) { return code == not_controller_code; }

// Whether an answer says, at its top or of a part of it, that its sender does not lead.
template <class Response>
bool is_not_controller(const Response& response) {
  const auto part = [](const auto& one) {
    if constexpr (requires { one.error_code; }) return says_not_controller(one.error_code);
    return false;
  };
  bool found = part(response);
  if constexpr (requires { response.topics.begin(); }) found = found || std::ranges::any_of(response.topics, part);
  if constexpr (requires { response.results.begin(); }) found = found || std::ranges::any_of(response.results, part);
  if constexpr (requires { response.responses.begin(); }) found = found || std::ranges::any_of(response.responses, part);
  return found;
}

}  // namespace

ByteBuffer encode_principal(const Principal& principal) {
  protocol::DefaultPrincipalData data;
  data.type = principal.type;
  data.name = principal.name;
  data.token_authenticated = principal.token_authenticated;
  ByteBuffer bytes;
  {
    protocol::Writer writer{bytes};
    writer.integer<std::int16_t>(0);
    (void)encode(writer, 0, data);
  }
  return bytes;
}

struct ControllerChannel::State {
  State(runtime::World& the_world, raft::QuorumNode& the_quorum, raft::ControllerNode* the_local,
        ControllerChannelOptions the_options)
      : world{the_world},
        quorum{the_quorum},
        local{the_local},
        options{std::move(the_options)},
        opening{the_world},
        news{the_world} {}

  runtime::World& world;
  raft::QuorumNode& quorum;
  raft::ControllerNode* local;
  ControllerChannelOptions options;
  std::shared_ptr<client::Connection> connection;
  NodeId connected_to = no_node;
  LeaderEpoch led_in = no_epoch;  // the last epoch in which somebody was seen to lead
  std::uint64_t reasons_to_retry = 0;
  runtime::Mutex opening;
  runtime::Condition news;
  runtime::FiberId watch;
  bool stopped = false;

  [[nodiscard]] ControllerResult<std::shared_ptr<client::Connection>> connect(const Leader& leader, Instant deadline);
  void look_at_leader();
  void retry_now() {
    ++reasons_to_retry;
    news.notify_all();
  }
  // `seen`: the reasons before the try that came to nothing.
  void back_off(Instant deadline, std::uint64_t seen) {
    const Instant until = std::min(deadline, world.now() + options.retry_backoff);
    (void)news.wait_until(until, [&] { return stopped || reasons_to_retry != seen; });
  }
  void stop() {
    if (stopped) return;
    stopped = true;
    world.cancel(watch);
    news.notify_all();
    if (connection) connection->close();
  }

  // Calls `here` if this node leads, or `there` with a connection to who does, until one gives an answer that counts:
  // NOT_CONTROLLER asks again.
  template <class Response, class Here, class There>
  ControllerResult<Response> retry(Instant deadline, Here here, There there) {
    ErrorCode last = ErrorCode::request_timed_out;
    while (!stopped && world.now() < deadline) {
      const std::uint64_t seen = reasons_to_retry;
      const auto leader = quorum.leader();
      ControllerResult<Response> answer = std::unexpected(ErrorCode::not_controller);
      if (leader && leader->self) {
        answer = here();
      } else if (leader) {
        auto peer = connect(*leader, deadline);
        if (peer) answer = there(**peer);
      }
      const bool final =
          answer || (answer.error() != ErrorCode::not_controller && answer.error() != ErrorCode::request_timed_out);
      if (final) return answer;
      last = answer.error();
      back_off(deadline, seen);
    }
    return std::unexpected(stopped ? ErrorCode::not_controller : last);
  }
};

// The answers of a connection that breaks are asked for again, as Kafka's brokers do.
ErrorCode code_of(const client::Error& error) {
  switch (error.failure) {
    case client::Failure::unsupported: return ErrorCode::unsupported_version;
    case client::Failure::invalid:
    case client::Failure::too_large: return ErrorCode::invalid_request;
    case client::Failure::timed_out: return ErrorCode::request_timed_out;
    default: return ErrorCode::not_controller;
  }
}

ControllerResult<std::shared_ptr<client::Connection>> ControllerChannel::State::connect(const Leader& leader,
                                                                                        Instant deadline) {
  if (leader.endpoints.empty()) return std::unexpected(ErrorCode::not_controller);
  const runtime::Endpoint endpoint{.host = leader.endpoints.front().host, .port = leader.endpoints.front().port};
  const auto fits = [&] {
    return connection && !connection->broken() && connected_to == leader.id && connection->endpoint() == endpoint;
  };
  if (fits()) return connection;
  if (!opening.lock_until(deadline)) return std::unexpected(ErrorCode::request_timed_out);
  const std::lock_guard lock{opening, std::adopt_lock};
  if (stopped) return std::unexpected(ErrorCode::not_controller);
  if (fits()) return connection;
  if (connection) connection->close();
  connection.reset();
  const Instant patience = std::min(deadline, world.now() + options.connect_timeout);
  auto opened = client::Connection::open(world, endpoint, options.connection, patience);
  // Another may lead since, and who does not lead any more may be as good as dead.
  const auto leads_now = quorum.leader();
  if (!opened || stopped || !leads_now || leads_now->id != leader.id) return std::unexpected(ErrorCode::not_controller);
  connection = std::move(*opened);
  connected_to = leader.id;
  return connection;
}

// Another leads: what the old one was asked, it may never answer.
void ControllerChannel::State::look_at_leader() {
  const auto leader = quorum.leader();
  if (!leader) return;
  if (leader->epoch != led_in) retry_now();
  led_in = leader->epoch;
  if (!connection || leader->id == connected_to) return;
  const auto stale = std::exchange(connection, nullptr);
  stale->close();
}

ControllerChannel::ControllerChannel(runtime::World& world, raft::QuorumNode& quorum, raft::ControllerNode* local,
                                     ControllerChannelOptions options)
    : state_{std::make_shared<State>(world, quorum, local, std::move(options))} {}

ControllerChannel::~ControllerChannel() { state_->stop(); }

void ControllerChannel::start() {
  const auto state = state_;
  state->watch = state->world.spawn("controller-channel", [state] {
    while (!state->stopped) {
      const std::uint64_t seen = state->quorum.changes(raft::QuorumNode::Change::leadership);
      state->look_at_leader();
      (void)state->quorum.wait_for(raft::QuorumNode::Change::leadership, seen);
    }
  });
}

void ControllerChannel::retry_now() { state_->retry_now(); }

void ControllerChannel::stop() { state_->stop(); }

template <class Request>
ControllerResult<typename client::Api<Request>::Response> ControllerChannel::ask(const Request& request, Instant deadline) {
  using Response = typename client::Api<Request>::Response;
  const auto state = state_;
  const auto here = [&]() -> ControllerResult<Response> {
    if (state->local == nullptr) return std::unexpected(ErrorCode::not_controller);
    return state->local->submit(request, deadline);
  };
  const auto there = [&](client::Connection& peer) -> ControllerResult<Response> {
    auto answer = peer.call(request, deadline);
    if (!answer) return std::unexpected(code_of(answer.error()));
    if (is_not_controller(*answer)) return std::unexpected(ErrorCode::not_controller);
    return std::move(*answer);
  };
  return state->retry<Response>(deadline, here, there);
}

ControllerResult<ByteBuffer> ControllerChannel::forward(ByteView request, const Principal& principal, ByteView client_address,
                                                        Instant deadline) {
  const auto state = state_;
  protocol::EnvelopeRequest envelope;
  const auto here = [&]() -> ControllerResult<ByteBuffer> {
    if (!state->options.serve) return std::unexpected(ErrorCode::not_controller);
    return state->options.serve(request, principal, client_address, deadline);
  };
  const auto there = [&](client::Connection& peer) -> ControllerResult<ByteBuffer> {
    if (envelope.request_data.empty()) {
      envelope.request_data.assign(request.begin(), request.end());
      envelope.request_principal = encode_principal(principal);
      envelope.client_host_address.assign(client_address.begin(), client_address.end());
    }
    auto answer = peer.call(envelope, deadline);
    if (!answer) return std::unexpected(code_of(answer.error()));
    if (answer->error_code != 0) return std::unexpected(static_cast<ErrorCode>(answer->error_code));
    if (!answer->response_data) return std::unexpected(ErrorCode::unknown_server_error);
    return std::move(*answer->response_data);
  };
  return state->retry<ByteBuffer>(deadline, here, there);
}

#define SQUALL_CONTROLLER_API(name) \
  template ControllerResult<protocol::name##Response> ControllerChannel::ask(const protocol::name##Request&, Instant);
SQUALL_CONTROLLER_REQUESTS(SQUALL_CONTROLLER_API)
#undef SQUALL_CONTROLLER_API

}  // namespace squall::broker
