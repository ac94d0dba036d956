#include "client/connection.h"

#include <algorithm>
#include <deque>
#include <span>
#include <utility>

#include "base/assert.h"
#include "protocol/error_code.h"
#include "runtime/deadline.h"

namespace squall::client {

namespace {

constexpr std::size_t receive_bytes_min = 4096;
constexpr std::size_t length_bytes = 4;
constexpr std::size_t correlation_bytes = 4;
constexpr std::size_t idle_buffer_bytes_max = std::size_t{1} << 20;

}  // namespace

// Shared with the reader fiber and with fibers that write or wait, so that the handle may go at any time.
struct Connection::State : std::enable_shared_from_this<State> {
  struct Pending {
    std::int32_t correlation = 0;
    bool flexible = false;
    ResponseHandler* handler = nullptr;  // null: forgotten
    Instant deadline = end_of_time;
  };
  class Arrived final : public ArrivedResponse {
   public:
    Arrived(State& state, std::size_t begin, std::size_t end) : state_{state}, begin_{begin}, end_{end} {}
    [[nodiscard]] ByteView body() const override { return ByteView{state_.incoming}.subspan(begin_, end_ - begin_); }
    void claim(ResponseBody& into) override {
      const ByteView bytes = body();
      if (end_ != state_.filled) {
        into.storage.assign(bytes.begin(), bytes.end());
        into.bytes = into.storage;
        return;
      }
      std::swap(state_.incoming, into.storage);
      into.bytes = bytes;
      state_.parsed = state_.filled = 0;
      claimed = true;
    }
    bool claimed = false;

   private:
    State& state_;
    std::size_t begin_;
    std::size_t end_;
  };

  State(runtime::World& its_world, runtime::Endpoint its_endpoint, ConnectionOptions its_options)
      : world{its_world}, endpoint{std::move(its_endpoint)}, options{std::move(its_options)} {}

  void read_answers();
  void read_more();
  bool take_frame();
  void flush();
  bool write_once(std::size_t& at);
  void arm(Instant deadline);
  // What a time-out of the stream means: false if a request has really waited too long.
  bool rearm();
  void fail(const Error& with);
  void forget(const ResponseHandler& handler);

  runtime::World& world;
  runtime::Endpoint endpoint;
  ConnectionOptions options;
  std::unique_ptr<runtime::Connection> io;
  ApiVersions versions;
  std::deque<Pending> pending;  // in the order of sending, which is that of the answers
  ByteBuffer outgoing;          // whole frames, not yet taken by the writer
  ByteBuffer writing;
  ByteBuffer incoming;  // [parsed, filled) has been read and not been taken
  std::size_t parsed = 0;
  std::size_t filled = 0;
  std::int32_t next_correlation = 0;
  Instant armed = end_of_time;
  std::optional<Error> broken;
  bool writer_active = false;
};

void Connection::State::fail(const Error& with) {
  if (broken) return;
  broken = with;
  if (io != nullptr) io->close();
  while (!pending.empty()) {
    ResponseHandler* const handler = pending.front().handler;
    pending.pop_front();
    if (handler != nullptr) handler->on_failure(with);
  }
}

void Connection::State::forget(const ResponseHandler& handler) {
  for (Pending& request : pending) {
    if (request.handler == &handler) request.handler = nullptr;
  }
}

void Connection::State::arm(Instant deadline) {
  if (deadline >= armed) return;
  armed = deadline;
  io->set_deadline(deadline);
}

// The stream's deadline is only moved when it must be earlier, or has been found to be too early: not with each request.
bool Connection::State::rearm() {
  Instant earliest = end_of_time;
  for (const Pending& request : pending) earliest = std::min(earliest, request.deadline);
  if (runtime::has_passed(world, earliest)) return false;
  armed = earliest;
  io->set_deadline(earliest);
  return true;
}

bool Connection::State::write_once(std::size_t& at) {
  const ByteView rest = ByteView{writing}.subspan(at);
  const auto taken = io->writev(std::span{&rest, 1});
  if (broken) return false;
  if (taken) {
    at += *taken;
    return true;
  }
  if (taken.error() == runtime::IoError::timed_out && rearm()) return true;
  fail(failed_by(taken.error()));
  return false;
}

void Connection::State::flush() {
  if (writer_active) return;
  writer_active = true;
  try {
    while (!outgoing.empty() && !broken) {
      std::swap(outgoing, writing);
      std::size_t at = 0;
      while (at < writing.size() && write_once(at)) {
      }
      writing.clear();
      if (writing.capacity() > idle_buffer_bytes_max) writing = {};
    }
  } catch (...) {  // cancelled in the middle of a frame
    writer_active = false;
    fail({.failure = Failure::disconnected, .detail = "the writing fiber was cancelled"});
    throw;
  }
  writer_active = false;
}

bool Connection::State::take_frame() {
  if (filled - parsed < length_bytes) return false;
  const auto length = load_be<std::int32_t>(incoming.data() + parsed);
  if (length < static_cast<std::int32_t>(correlation_bytes) || static_cast<std::size_t>(length) > options.response_bytes_max) {
    fail({.failure = Failure::malformed, .detail = "a response of an impossible length"});
    return false;
  }
  const std::size_t begin = parsed + length_bytes;
  const std::size_t end = begin + static_cast<std::size_t>(length);
  if (end > filled) return false;
  protocol::Reader reader{ByteView{incoming}.subspan(begin, end - begin)};
  if (pending.empty() || reader.integer<std::int32_t>() != pending.front().correlation) {
    fail({.failure = Failure::malformed, .detail = "a response that was not asked for"});
    return false;
  }
  if (pending.front().flexible) reader.skip_tagged_fields();
  if (reader.failed()) {
    fail({.failure = Failure::malformed, .detail = "a response without a header"});
    return false;
  }
  ResponseHandler* const handler = pending.front().handler;
  pending.pop_front();
  Arrived arrived{*this, begin + reader.position(), end};
  if (handler != nullptr) handler->on_response(arrived);
  if (!arrived.claimed) parsed = end;
  return !broken;
}

void Connection::State::read_more() {
  if (parsed == filled) {
    parsed = filled = 0;
    if (incoming.size() > idle_buffer_bytes_max) incoming = {};
  }
  std::size_t wanted = filled + 1;
  if (filled - parsed >= length_bytes) {
    wanted = parsed + length_bytes + static_cast<std::size_t>(load_be<std::int32_t>(incoming.data() + parsed));
  }
  if (wanted > incoming.size() && parsed > 0) {
    std::copy(incoming.begin() + static_cast<std::ptrdiff_t>(parsed), incoming.begin() + static_cast<std::ptrdiff_t>(filled),
              incoming.begin());
    wanted -= parsed;
    filled -= parsed;
    parsed = 0;
  }
  if (wanted > incoming.size()) incoming.resize(std::max({wanted, incoming.capacity(), receive_bytes_min}));
  const auto got = io->read(MutableBytes{incoming}.subspan(filled));
  if (broken) return;
  if (!got) {
    if (got.error() == runtime::IoError::timed_out && rearm()) return;
    fail(failed_by(got.error()));
  } else if (*got == 0) {
    fail({.failure = Failure::disconnected, .detail = "the peer has closed the connection"});
  } else {
    filled += *got;
  }
}

void Connection::State::read_answers() {
  try {
    while (!broken) {
      while (take_frame()) {
      }
      if (!broken) read_more();
    }
  } catch (...) {
    fail({.failure = Failure::closed, .detail = "the reading fiber was cancelled"});
    throw;
  }
}

// ---- the handle ----

Connection::Connection(std::shared_ptr<State> state) : state_{std::move(state)} {}

Connection::~Connection() { close(); }

Result<std::shared_ptr<Connection>> Connection::open(runtime::World& world, const runtime::Endpoint& endpoint,
                                                     const ConnectionOptions& options, Instant deadline) {
  deadline = std::min(deadline, runtime::deadline_in(world, options.setup_timeout));
  auto io = world.connect(endpoint, deadline);
  if (!io) return std::unexpected{failed_by(io.error())};
  auto state = std::make_shared<State>(world, endpoint, options);
  state->io = std::move(*io);
  std::shared_ptr<Connection> connection{new Connection{state}};
  world.spawn("client connection", [state] { state->read_answers(); });
  if (auto negotiated = connection->negotiate(deadline); !negotiated) return std::unexpected{negotiated.error()};
  return connection;
}

// KIP-511: whoever does not know our version answers in version 0, with UNSUPPORTED_VERSION and what it does know.
Result<void> Connection::negotiate(Instant deadline) {
  using protocol::ApiVersionsRequest;
  const ApiVersionsRequest request{.client_software_name = "squall", .client_software_version = "0.1"};
  ResponseBody body;
  for (std::int16_t version = ApiVersionsRequest::version_max;;) {
    Waiter waiter{*this, body};
    if (auto sent = send(request, version, &waiter, deadline); !sent) return sent;
    if (auto answered = waiter.wait(deadline); !answered) return answered;
    protocol::Reader peek{body.bytes};
    const auto code = static_cast<protocol::ErrorCode>(peek.integer<std::int16_t>());
    const bool stepped_down = code == protocol::ErrorCode::unsupported_version && version > 0;
    protocol::ApiVersionsResponse response;
    protocol::Reader reader{body.bytes};
    if (auto decoded = decode(reader, stepped_down ? std::int16_t{0} : version, response); !decoded) {
      return std::unexpected{malformed(decoded.error())};
    }
    if (!stepped_down && code != protocol::ErrorCode::none) return std::unexpected{refused_with(code, "ApiVersions")};
    if (!stepped_down) {
      for (const auto& api : response.api_keys) state_->versions.set(api.api_key_, api.min_version, api.max_version);
      return {};
    }
    std::int16_t known = 0;
    for (const auto& api : response.api_keys) {
      if (api.api_key_ == ApiVersionsRequest::api_key) known = api.max_version;
    }
    version = std::clamp<std::int16_t>(known, 0, static_cast<std::int16_t>(version - 1));
  }
}

const ApiVersions& Connection::versions() const { return state_->versions; }
bool Connection::broken() const { return state_->broken.has_value(); }
void Connection::close() { state_->fail({.failure = Failure::closed}); }
std::size_t Connection::pending() const { return state_->pending.size(); }
const runtime::Endpoint& Connection::endpoint() const { return state_->endpoint; }
void Connection::forget(const ResponseHandler& handler) { state_->forget(handler); }
Error Connection::failure() const { return state_->broken.value_or(Error{.failure = Failure::closed}); }

Instant Connection::answer_deadline() const { return runtime::deadline_in(state_->world, state_->options.request_timeout); }

Error Connection::malformed(const protocol::DecodeError& error) {
  const Error failed{.failure = Failure::malformed, .detail = error.what};
  state_->fail(failed);
  return failed;
}

Connection::Frame Connection::begin_frame(std::int16_t key, std::int16_t version, bool flexible) {
  State& state = *state_;
  Frame frame{.buffer = &state.outgoing, .begin = state.outgoing.size(), .correlation = state.next_correlation};
  protocol::Writer writer{state.outgoing};
  writer.integer(std::int32_t{0});  // the length, once it is known
  writer.integer(key);
  writer.integer(version);
  writer.integer(frame.correlation);
  writer.string(state.options.client_id, false, "client_id");
  if (flexible) writer.unsigned_varint(0);  // tagged fields: none
  return frame;
}

Result<void> Connection::refuse_frame(const Frame& frame, const protocol::EncodeError& error) {
  frame.buffer->resize(frame.begin);
  return std::unexpected{Error{.failure = Failure::unsupported, .detail = error.field}};
}

Result<void> Connection::finish_frame(const Frame& frame, ResponseHandler* handler, Instant deadline) {
  const std::shared_ptr<State> state = state_;  // the handle may go while this fiber writes
  const std::size_t length = frame.buffer->size() - frame.begin - length_bytes;
  store_be(frame.buffer->data() + frame.begin, static_cast<std::int32_t>(length));
  state->next_correlation = (frame.correlation + 1) & INT32_MAX;
  if (handler != nullptr) {
    state->pending.push_back(
        {.correlation = frame.correlation, .flexible = frame.flexible_response, .handler = handler, .deadline = deadline});
    state->arm(deadline);
  }
  state->flush();
  return {};
}

Connection::Waiter::Waiter(Connection& connection, ResponseBody& body)
    : state_{connection.state_}, body_{body}, fiber_{state_->world.current_fiber()} {}

Connection::Waiter::~Waiter() {
  if (!done_) state_->forget(*this);
}

void Connection::Waiter::wake() {
  done_ = true;
  state_->world.unpark(fiber_);
}

void Connection::Waiter::on_response(ArrivedResponse& response) {
  response.claim(body_);
  wake();
}

void Connection::Waiter::on_failure(const Error& error) {
  error_ = error;
  wake();
}

Result<void> Connection::Waiter::wait(Instant deadline) {
  while (!done_) {
    if (state_->world.park_until(deadline) == runtime::Wake::deadline && !done_) {
      return std::unexpected{Error{.failure = Failure::timed_out, .detail = "no answer before the deadline"}};
    }
  }
  if (error_) return std::unexpected{*error_};
  return {};
}

}  // namespace squall::client
