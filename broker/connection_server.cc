#include "broker/connection_server.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "broker/broker_state.h"
#include "broker/handlers/handler.h"
#include "protocol/api.h"
#include "protocol/request.h"
#include "runtime/deadline.h"

namespace squall::broker {
namespace {

constexpr std::size_t size_bytes = 4;
constexpr std::size_t smallest_request = 8;  // api key, version, correlation id
constexpr std::int16_t api_versions_key = 18;
// A response buffer that grew beyond this is given up again, and the messages with it.
constexpr std::size_t kept_response_bytes = std::size_t{64} << 10;
// Nor are the decoded messages of a request longer than this: an element of theirs takes up to twelve times its bytes.
constexpr std::size_t kept_request_bytes = std::size_t{8} << 10;

std::string_view reason_of(runtime::IoError error) {
  switch (error) {
    case runtime::IoError::timed_out: return "idle";
    case runtime::IoError::closed: return "stopped";
    case runtime::IoError::connection_reset: return "reset";
    default: return "io-error";
  }
}

}  // namespace

ConnectionServer::ConnectionServer(BrokerState& broker, Server& server, runtime::Connection& connection,
                                   const ListenerState& listener, std::int64_t id)
    : broker_{broker}, server_{server}, connection_{connection}, info_{id, connection.peer().host, &listener} {}

ConnectionServer::~ConnectionServer() { server_.buffers().give_back(std::move(buffer_)); }

std::string_view ConnectionServer::run() {
  while (true) {
    if (stopping_) return "stopped";
    busy_ = false;
    auto frame = read_frame();
    if (!frame) return frame.error();
    busy_ = true;
    if (const Ended ended = handle(*frame)) return *ended;
    if (frame->bytes.size() > kept_request_bytes) scratch_ = {};
    begin_ += frame->bytes.size();
    shrink();
  }
}

void ConnectionServer::stop_when_idle() {
  stopping_ = true;
  if (!busy_) connection_.close();
}

void ConnectionServer::stop_now() {
  stopping_ = true;
  connection_.close();
}

// Moving the deadline at every request would cost a timer each: it is moved when an eighth of the idle time has gone, so that
// an idle connection lives for the configured time and at most an eighth more.
void ConnectionServer::refresh_deadline() {
  const Duration idle = broker_.config.connections_max_idle;
  const Instant now = broker_.world.now();
  if (deadline_is_set_ && now - deadline_set_ < idle / 8) return;
  deadline_is_set_ = true;
  deadline_set_ = now;
  connection_.set_deadline(runtime::later(now, idle + idle / 8));
}

// Until `wanted` bytes are in the buffer.
ConnectionServer::Ended ConnectionServer::fill(std::size_t wanted) {
  make_room(wanted);
  while (end_ - begin_ < wanted) {
    refresh_deadline();
    const auto got = connection_.read(buffer_.from(end_));
    if (!got) return reason_of(got.error());
    if (*got == 0) return end_ == begin_ ? std::string_view{"peer-closed"} : std::string_view{"truncated"};
    end_ += *got;
    broker_.metrics.bytes_in->add(*got);
  }
  return std::nullopt;
}

// Room for `wanted` bytes from `begin_` on.
void ConnectionServer::make_room(std::size_t wanted) {
  if (begin_ == end_) begin_ = end_ = 0;
  if (buffer_.capacity - begin_ >= wanted && buffer_.data != nullptr) return;
  if (buffer_.capacity >= wanted) {
    std::memmove(buffer_.data.get(), buffer_.data.get() + begin_, end_ - begin_);
  } else {
    Buffer larger = server_.buffers().take(wanted);
    if (end_ > begin_) std::memcpy(larger.data.get(), buffer_.data.get() + begin_, end_ - begin_);
    server_.buffers().give_back(std::exchange(buffer_, std::move(larger)));
  }
  end_ -= begin_;
  begin_ = 0;
}

// A connection that has nothing to do holds no large buffers.
void ConnectionServer::shrink() {
  if (begin_ != end_ || buffer_.capacity <= BufferPool::small_bytes) return;
  server_.buffers().give_back(std::exchange(buffer_, {}));
  begin_ = end_ = 0;
}

std::expected<ConnectionServer::Frame, std::string_view> ConnectionServer::read_frame() {
  if (const Ended ended = fill(size_bytes)) return std::unexpected(*ended);
  const auto size = load_be<std::int32_t>(buffer_.data.get() + begin_);
  if (size < static_cast<std::int32_t>(smallest_request) ||
      static_cast<std::size_t>(size) > broker_.config.socket_request_max_bytes) {
    return std::unexpected(*reject(size < 0 ? "negative-size" : size < 8 ? "undersize" : "oversize", -1, -1));
  }
  const auto length = static_cast<std::size_t>(size);
  RequestMemory::Held memory = server_.memory().take(length);
  if (const Ended ended = fill(size_bytes + length)) return std::unexpected(*ended);
  begin_ += size_bytes;
  return Frame{MutableBytes{buffer_.data.get() + begin_, length}, std::move(memory)};
}

ConnectionServer::Ended ConnectionServer::reject(std::string_view reason, std::int16_t api_key, std::int16_t version) {
  broker_.metrics.rejected->add();
  broker_.world.emit(runtime::EventName::request_rejected,
                     {{"connection", info_.id}, {"reason", reason}, {"api", api_key}, {"version", version}});
  return reason;
}

ConnectionServer::Ended ConnectionServer::handle(Frame& frame) {
  auto& slots = server_.slots();
  slots.acquire();
  runtime::SemaphoreUnits slot{slots, 1};
  protocol::Reader reader{frame.bytes};
  if (!protocol::decode_request_header(reader, header_)) return reject("malformed-header", -1, -1);
  response_.clear();
  files_.clear();
  protocol::Writer writer{response_};
  RequestContext context{.broker = broker_,
                         .connection = info_,
                         .api_key = header_.request_api_key,
                         .version = header_.request_api_version,
                         .correlation_id = header_.correlation_id,
                         .client_id = header_.client_id ? std::string_view{*header_.client_id} : std::string_view{},
                         .frame = frame.bytes,
                         .body = reader,
                         .response = writer,
                         .files = files_,
                         .scratch = scratch_,
                         .slot = slot};
  broker_.world.charge(runtime::Cost::request, 1);
  return dispatch(context);
}

ConnectionServer::Ended ConnectionServer::dispatch(RequestContext& context) {
  broker_.metrics.requests(context.api_key).add();
  const ApiHandler* handler = find_handler(info_.listener->kind, context.api_key);
  if (handler == nullptr) return reject("unknown-api", context.api_key, context.version);
  const bool known = context.version >= handler->min && context.version <= handler->max;
  if (!known && context.api_key != api_versions_key) return reject("unsupported-version", context.api_key, context.version);

  context.response.integer<std::int32_t>(0);  // the size, patched once it is known
  context.response.integer<std::int32_t>(context.correlation_id);
  if (known && protocol::response_header_version(context.api_key, context.version) > 0) context.response.unsigned_varint(0);
  const Disposition disposition = known ? handler->handle(context) : answer_unsupported_api_versions(context);
  switch (disposition) {
    case Disposition::respond:
      context.slot.release();  // the peer may take its time to read: that must hold up nobody else
      return send(context.response);
    case Disposition::no_response: return std::nullopt;
    case Disposition::unanswered: return "stopped";
    case Disposition::close: break;
  }
  return reject("malformed-body", context.api_key, context.version);
}

// A peer that reads slowly is not idle: each piece that it takes counts, as each that it sends does.
ConnectionServer::Ended ConnectionServer::send_bytes(ByteView bytes, runtime::More more) {
  while (!bytes.empty()) {
    refresh_deadline();
    const std::array<ByteView, 1> one{bytes};
    const auto taken = connection_.writev(one, more);
    if (!taken) return reason_of(taken.error());
    bytes = bytes.subspan(*taken);
  }
  return std::nullopt;
}

ConnectionServer::Ended ConnectionServer::send_range(const log::FileRange& range, runtime::More more) {
  for (std::uint64_t sent = 0; sent < range.bytes;) {
    refresh_deadline();
    const auto taken = connection_.send_file(*range.file, range.position + sent, range.bytes - sent, more);
    if (!taken) return reason_of(taken.error());
    if (*taken == 0) return reason_of(runtime::IoError::io_failure);  // the file is shorter than its index says
    sent += *taken;
  }
  return std::nullopt;
}

// The encoded pieces and, between them, file ranges that go from the page cache to the socket.
ConnectionServer::Ended ConnectionServer::send(const protocol::Writer& writer) {
  const std::size_t encoded = writer.position();
  const std::uint64_t total = encoded - size_bytes + writer.external_bytes();
  store_be<std::int32_t>(response_.data(), static_cast<std::int32_t>(total));
  std::size_t sent = 0;
  const ByteView bytes{response_.data(), encoded};
  const auto& splices = writer.splices();
  SQUALL_ASSERT(splices.size() == files_.size(), "every splice has its file range");
  for (std::size_t i = 0; i < splices.size(); ++i) {
    if (splices[i].position > sent) {
      if (const Ended ended = send_bytes(bytes.subspan(sent, splices[i].position - sent), runtime::More::yes)) return ended;
      sent = splices[i].position;
    }
    const log::FileRange& range = files_[i];
    SQUALL_ASSERT(range.bytes == splices[i].bytes, "a splice is as long as its file range");
    const bool last = i + 1 == splices.size() && sent == encoded;
    if (const Ended ended = send_range(range, last ? runtime::More::no : runtime::More::yes)) return ended;
  }
  if (const Ended ended = send_bytes(bytes.subspan(sent), runtime::More::no)) return ended;
  broker_.metrics.bytes_out->add(total + size_bytes);
  files_.clear();
  if (response_.capacity() > kept_response_bytes) {
    response_ = ByteBuffer{};
    scratch_ = {};
  }
  return std::nullopt;
}

}  // namespace squall::broker
