// One connection to one Kafka node: requests go out one behind the other without waiting for answers, answers come back in the
// same order and are matched by correlation id.
//
// A connection is opened with its versions negotiated (ApiVersions, KIP-35, and KIP-511's step down to version 0). Any fiber of
// the node may send on it; requests that meet while one is being written leave in one write. A reader fiber of its own takes
// the answers. A request that is not answered by its deadline breaks the connection, as in Kafka's own clients: the answers
// behind it could not be told apart any more. A broken connection fails all that is pending and stays broken.
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
  Duration request_timeout = std::chrono::seconds{30};  // request.timeout.ms, where a call names no deadline
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
  // Moves the body to `into`, without a copy where nothing arrived behind it.
  virtual void claim(ResponseBody& into) = 0;

 protected:
  ~ArrivedResponse() = default;
};

// What to do with an answer. Called once, from the connection's reader fiber (or from whoever closes it); must not wait, and
// must not close or destroy the connection.
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
  [[nodiscard]] std::size_t pending() const;
  [[nodiscard]] const runtime::Endpoint& endpoint() const;

  // ---- pipelined ----
  // Encodes `request` in `version`, queues it, and writes it unless another fiber is writing already (may wait for the peer to
  // take it). `handler` hears of the answer, once, unless this call fails; null for requests that have no answer (acks=0).
  template <class Request>
  [[nodiscard]] Result<void> send(const Request& request, std::int16_t version, ResponseHandler* handler, Instant deadline);
  // The handler will not be called any more; its answer, if it comes, is dropped.
  void forget(const ResponseHandler& handler);

  // ---- blocking ----
  // May wait. Chooses the highest version that both sides have, at most `version_max`. Records in the response point into
  // `body`, which the caller keeps. If the calling fiber is cancelled meanwhile, the answer is dropped when it comes.
  template <class Request>
  [[nodiscard]] Result<typename Api<Request>::Response> call(const Request& request, ResponseBody& body,
                                                             Instant deadline = end_of_time,
                                                             std::int16_t version_max = INT16_MAX);
  template <class Request>
  [[nodiscard]] Result<typename Api<Request>::Response> call(const Request& request, Instant deadline = end_of_time) {
    ResponseBody body;
    return call(request, body, deadline);
  }

 private:
  struct State;
  explicit Connection(std::shared_ptr<State> state);

  // The frame that a request is encoded into; its header has been written.
  [[nodiscard]] protocol::Writer& begin_request(protocol::ApiKey key, std::int16_t version);
  [[nodiscard]] Result<void> finish_request(const protocol::EncodeResult& encoded, protocol::ApiKey key, std::int16_t version,
                                            ResponseHandler* handler, Instant deadline);
  // Waits for the answer of a request whose handler is `waiter`.
  class Waiter;

  std::shared_ptr<State> state_;
};

}  // namespace squall::client
