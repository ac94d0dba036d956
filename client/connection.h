// One connection to one Kafka node: requests go out one behind the other without waiting for answers, answers come back in the
// same order and are matched by correlation id.
//
// A connection is opened with its versions negotiated (ApiVersions, KIP-35, and KIP-511's step down to version 0). Any fiber of
// the node may send on it; requests that meet while one is being written leave in one write. A reader fiber of its own takes
// the answers. A request that is not answered in time breaks the connection, as in Kafka's own clients: the answers behind it
// could not be told apart any more. A broken connection fails all that is pending and stays broken.
//
// Lifetime: the handle may be destroyed at any time, from any fiber; that closes the connection and never waits.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/time.h"
#include "client/error.h"
#include "client/versions.h"
#include "protocol/reader.h"
#include "protocol/writer.h"
#include "runtime/world.h"

namespace squall::client {

struct ConnectionOptions {
  std::string client_id = "squall";
  Duration setup_timeout = std::chrono::seconds{10};    // socket.connection.setup.timeout.ms, and ApiVersions
  Duration request_timeout = std::chrono::seconds{30};  // request.timeout.ms of blocking calls
  std::size_t response_bytes_max = std::size_t{256} << 20;
};

// The bytes of one answer, after its header, and the memory that holds them. Reuse one for many answers: its memory is kept.
struct ResponseBody {
  ByteBuffer storage;
  ByteView bytes;
};

// The answer in the hands of the reader fiber. Gone when `on_response` returns.
class ArrivedResponse {
 public:
  // After the header.
  [[nodiscard]] virtual ByteView body() const = 0;
  // Moves the body to `into`, without a copy where nothing arrived behind it. At most once.
  virtual void claim(ResponseBody& into) = 0;

 protected:
  ~ArrivedResponse() = default;
};

// What to do with an answer. Called once, from the connection's reader fiber or from whoever breaks or closes the connection;
// must not wait.
class ResponseHandler {
 public:
  virtual void on_response(ArrivedResponse& response) = 0;
  virtual void on_failure(const Error& error) = 0;

 protected:
  ~ResponseHandler() = default;
};

class Connection {
 public:
  // May wait, until `deadline` or the set-up timeout.
  [[nodiscard]] static Result<std::shared_ptr<Connection>> open(runtime::World& world, const runtime::Endpoint& endpoint,
                                                                const ConnectionOptions& options,
                                                                Instant deadline = end_of_time);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] const ApiVersions& versions() const;
  [[nodiscard]] bool broken() const;
  // Fails everything that is pending with `closed`, before it returns. Calling it again does nothing.
  void close();
  // Requests whose answers have not come.
  [[nodiscard]] std::size_t pending() const;
  [[nodiscard]] const runtime::Endpoint& endpoint() const;

  // ---- pipelined ----
  // Encodes `request` in `version`, queues it, and writes it unless another fiber is writing already (may wait for the peer to
  // take it). Unless this call fails, `handler` hears of the answer or the failure, once, perhaps before this call returns.
  // Null for requests that have no answer (acks=0). Not answered by `deadline`, the request breaks the connection.
  template <class Request>
  [[nodiscard]] Result<void> send(const Request& request, std::int16_t version, ResponseHandler* handler, Instant deadline) {
    if (broken()) return std::unexpected{failure()};
    Frame frame = begin_frame(Request::api_key, version, version >= Request::flexible_min);
    frame.flexible_response =
        Request::api_key != protocol::ApiVersionsRequest::api_key && version >= Api<Request>::Response::flexible_min;
    const protocol::EncodeResult encoded = [&] {
      protocol::Writer writer{*frame.buffer};
      return encode(writer, version, request);
    }();
    if (!encoded) return refuse_frame(frame, encoded.error());
    return finish_frame(frame, handler, deadline);
  }
  // The handler will not be called any more; its answer, if it comes, is dropped.
  void forget(const ResponseHandler& handler);

  // ---- blocking ----
  // May wait, until the answer, `deadline` (the answer is then dropped when it comes), or the request timeout (which breaks the
  // connection). Chooses the highest version that both sides have, at most `version_max`. Records in the response point into
  // `body`, which the caller keeps. If the calling fiber is cancelled meanwhile, the answer is dropped when it comes.
  template <class Request>
  [[nodiscard]] Result<typename Api<Request>::Response> call(const Request& request, ResponseBody& body,
                                                             Instant deadline = end_of_time,
                                                             std::int16_t version_max = INT16_MAX) {
    const std::optional<std::int16_t> version = versions().template choose<Request>(version_max);
    if (!version) return std::unexpected{Error{.failure = Failure::unsupported, .detail = "no version in common"}};
    Waiter waiter{*this, body};
    if (auto sent = send(request, *version, &waiter, answer_deadline()); !sent) return std::unexpected{sent.error()};
    if (auto answered = waiter.wait(deadline); !answered) return std::unexpected{answered.error()};
    Result<typename Api<Request>::Response> response{std::in_place};
    protocol::Reader reader{body.bytes};
    if (const auto decoded = decode(reader, *version, *response); !decoded) return std::unexpected{malformed(decoded.error())};
    return response;
  }
  template <class Request>
  [[nodiscard]] Result<typename Api<Request>::Response> call(const Request& request, Instant deadline = end_of_time) {
    ResponseBody body;
    return call(request, body, deadline);
  }
  // Breaks the connection: the peer does not speak as it should. Gives the error to return.
  Error malformed(const protocol::DecodeError& error);

 private:
  struct State;
  struct Frame {
    ByteBuffer* buffer = nullptr;
    std::size_t begin = 0;
    std::int32_t correlation = 0;
    bool flexible_response = false;
  };
  // Waits for the answer to one request.
  class Waiter final : public ResponseHandler {
   public:
    Waiter(Connection& connection, ResponseBody& body);
    ~Waiter();
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;
    void on_response(ArrivedResponse& response) override;
    void on_failure(const Error& error) override;
    [[nodiscard]] Result<void> wait(Instant deadline);

   private:
    void wake();
    std::shared_ptr<State> state_;
    ResponseBody& body_;
    runtime::FiberId fiber_;
    std::optional<Error> error_;
    bool done_ = false;
  };

  explicit Connection(std::shared_ptr<State> state);
  [[nodiscard]] Result<void> negotiate(Instant deadline);
  [[nodiscard]] Instant answer_deadline() const;
  [[nodiscard]] Error failure() const;
  [[nodiscard]] Frame begin_frame(std::int16_t key, std::int16_t version, bool flexible);
  [[nodiscard]] Result<void> refuse_frame(const Frame& frame, const protocol::EncodeError& error);
  [[nodiscard]] Result<void> finish_frame(const Frame& frame, ResponseHandler* handler, Instant deadline);

  std::shared_ptr<State> state_;
};

}  // namespace squall::client
