#include "raft/shell/peer.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "client/connection.h"
#include "raft/shell/wire.h"
#include "runtime/condition.h"
#include "runtime/deadline.h"
#include "runtime/gate.h"

namespace squall::raft {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

std::int32_t as_limit(std::size_t bytes) {
  return static_cast<std::int32_t>(std::min<std::size_t>(bytes, std::numeric_limits<std::int32_t>::max()));
}

}  // namespace

struct Peer::State : std::enable_shared_from_this<State> {
  struct Job {
    OutboundRequest request;
    runtime::Endpoint endpoint;
  };

  State(runtime::World& its_world, PeerOptions its_options, std::function<void(PeerReply)> its_on_reply)
      : world{its_world},
        options{std::move(its_options)},
        on_reply{std::move(its_on_reply)},
        work{its_world},
        fibers{its_world} {}

  void start_fiber();
  void give_up();
  void unreachable(const runtime::Endpoint& endpoint, std::string_view error);
  void serve(std::uint64_t its_turn);
  [[nodiscard]] std::shared_ptr<client::Connection> connect(const runtime::Endpoint& endpoint, std::uint64_t its_turn);
  [[nodiscard]] PeerReply exchange(const OutboundRequest& request, client::Connection& with);

  template <class Request, class Read>
  void call(client::Connection& with, const Request& message, Duration patience, PeerReply& reply, Read read_answer);

  runtime::World& world;
  PeerOptions options;
  std::function<void(PeerReply)> on_reply;
  runtime::Condition work;
  runtime::Gate fibers;
  std::optional<Job> next;
  std::shared_ptr<client::Connection> connection;
  std::optional<runtime::Endpoint> connecting;  // what a connection is being made to
  std::optional<Instant> told;                  // when it was last told to be unreachable
  runtime::FiberId fiber;
  std::uint64_t turn = 0;  // counts the fibers: one that was given up changes nothing here any more
  bool busy = false;       // with a request
  bool stopped = false;
};

void Peer::State::start_fiber() {
  auto inside = fibers.enter();
  if (!inside) return;
  // It leaves when the fiber ends, however that comes.
  fiber = world.spawn("quorum peer",
                      [self = shared_from_this(), leaves = *std::move(inside), its_turn = turn] { self->serve(its_turn); });
}

void Peer::State::give_up() {
  ++turn;
  busy = false;
  if (const auto silent = std::exchange(connecting, std::nullopt); silent && !stopped) unreachable(*silent, "timed out");
  if (auto broken = std::exchange(connection, nullptr)) broken->close();
  world.cancel(std::exchange(fiber, {}));
}

void Peer::State::unreachable(const runtime::Endpoint& endpoint, std::string_view error) {
  constexpr Duration interval = std::chrono::minutes{1};
  const Instant now = world.now();
  if (told && now - *told < interval) return;
  told = now;
  world.emit(
      runtime::EventName::voter_unreachable,
      {{"node_id", options.node.value()}, {"host", endpoint.host}, {"port", std::int64_t{endpoint.port}}, {"error", error}});
}

void Peer::State::serve(std::uint64_t its_turn) {
  while (turn == its_turn && !stopped) {
    if (!next) {
      work.wait();
      continue;
    }
    const Job job = *std::exchange(next, std::nullopt);
    busy = true;
    PeerReply reply{.id = job.request.id, .body = std::nullopt, .storage = {}, .bytes = {}};
    const std::shared_ptr<client::Connection> with = connect(job.endpoint, its_turn);
    if (turn != its_turn) return;
    if (with != nullptr) reply = exchange(job.request, *with);
    if (turn != its_turn) return;
    busy = false;
    on_reply(std::move(reply));
  }
}

std::shared_ptr<client::Connection> Peer::State::connect(const runtime::Endpoint& endpoint, std::uint64_t its_turn) {
  if (connection != nullptr && !connection->broken() && connection->endpoint() == endpoint) return connection;
  if (auto old = std::exchange(connection, nullptr)) old->close();
  client::ConnectionOptions how;
  how.client_id = options.client_id;
  how.setup_timeout = options.request_timeout;
  how.request_timeout = options.request_timeout + options.fetch_wait_max;
  connecting = endpoint;
  auto opened = client::Connection::open(world, endpoint, how, runtime::deadline_in(world, options.request_timeout));
  if (turn != its_turn) return nullptr;
  connecting.reset();
  if (!opened) unreachable(endpoint, opened.error().to_string());
  if (!opened) return nullptr;
  connection = *std::move(opened);
  return connection;
}

// The answer is waited for as long as the request may take; then the connection is of no use any more.
template <class Request, class Read>
void Peer::State::call(client::Connection& with, const Request& message, Duration patience, PeerReply& reply,
                       Read read_answer) {
  client::ResponseBody body;
  auto response = with.call(message, body, runtime::deadline_in(world, patience));
  if (!response) {
    if (response.error().failure != client::Failure::unsupported) with.close();
    return;
  }
  if (auto answer = read_answer(*response)) {
    reply.body = *std::move(answer);
    reply.storage = std::move(body.storage);
  } else {
    reply.bytes = {};
  }
}

PeerReply Peer::State::exchange(const OutboundRequest& request, client::Connection& with) {
  PeerReply reply{.id = request.id, .body = std::nullopt, .storage = {}, .bytes = {}};
  const std::string& cluster = options.cluster_id;
  const std::int32_t limit = as_limit(options.fetch_bytes_max);
  const Duration patience = options.request_timeout;
  const auto plain = [&](const auto& message) {
    call(with, message, patience, reply, [](const auto& response) { return read(response); });
  };
  const auto telling = [&](const auto& message) {
    call(with, message, patience, reply, [&](const auto& response) { return read(response, options.listener); });
  };
  const auto carrying = [&](const auto& message, Duration wait_max) {
    call(with, message, patience + wait_max, reply,
         [&](const auto& response) { return read(response, options.listener, &reply.bytes); });
  };
  std::visit(Overloaded{
                 [&](const VoteRequest& body) { telling(write(body, cluster)); },
                 [&](const BeginQuorumEpochRequest& body) { telling(write(body, cluster)); },
                 [&](const EndQuorumEpochRequest& body) { telling(write(body, cluster)); },
                 [&](const FetchRequest& body) { carrying(write(body, cluster, limit), body.wait_max); },
                 [&](const FetchSnapshotRequest& body) { carrying(write(body, cluster, limit), Duration{0}); },
                 [&](const ApiVersionsRequest&) {
                   plain(protocol::ApiVersionsRequest{.client_software_name = "squall", .client_software_version = "0.1"});
                 },
                 [&](const AddVoterRequest& body) {
                   plain(write(body, cluster, static_cast<std::int32_t>(to_ms(options.request_timeout))));
                 },
                 [&](const RemoveVoterRequest& body) { plain(write(body, cluster)); },
                 [&](const UpdateVoterRequest& body) { telling(write(body, cluster)); },
             },
             request.body);
  return reply;
}

// ---- the handle ----

Peer::Peer(runtime::World& world, PeerOptions options, std::function<void(PeerReply)> on_reply)
    : state_{std::make_shared<State>(world, std::move(options), std::move(on_reply))} {}

Peer::~Peer() { stop(); }

void Peer::send(OutboundRequest request, const runtime::Endpoint& endpoint) {
  State& state = *state_;
  if (state.stopped) return;
  if (state.busy) state.give_up();
  state.next = State::Job{.request = std::move(request), .endpoint = endpoint};
  if (!state.fiber) state.start_fiber();
  state.work.notify_all();
}

void Peer::stop() {
  State& state = *state_;
  if (state.stopped) return;
  state.stopped = true;
  state.give_up();
  state.next.reset();
}

void Peer::wait() {
  const std::shared_ptr<State> state = state_;
  state->fibers.close_and_wait();
}

}  // namespace squall::raft
