// One request on its way through the broker: what a handler is given and where it leaves its answer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "log/file_range.h"
#include "protocol/error_code.h"
#include "protocol/messages/fetch.h"
#include "protocol/messages/produce.h"
#include "protocol/reader.h"
#include "protocol/writer.h"
#include "runtime/semaphore.h"

namespace squall::broker {

struct BrokerState;
struct ListenerState;

enum class Disposition : std::uint8_t {
  respond,      // send what the context holds
  no_response,  // Produce with acks=0
  unanswered,   // the connection is closed without an answer that nobody is at fault for lacking: the node stops
  close,        // the connection cannot go on: malformed, or an error that acks=0 cannot tell
};

// The connection's own numbers; they outlive its requests.
struct ConnectionInfo {
  std::int64_t id = 0;
  std::string peer_host;
  const ListenerState* listener = nullptr;
};

// Messages of the requests that come all the time. A connection decodes and builds them in the same place again and again, so
// that their memory is used again.
struct RequestScratch {
  protocol::ProduceRequest produce_request;
  protocol::ProduceResponse produce_response;
  protocol::FetchRequest fetch_request;
  protocol::FetchResponse fetch_response;
};

struct RequestContext {
  BrokerState& broker;
  const ConnectionInfo& connection;
  std::int16_t api_key = 0;
  std::int16_t version = 0;
  std::int32_t correlation_id = 0;
  std::string_view client_id;
  // The frame, writable: records are stamped in place before they go to the log.
  MutableBytes frame;
  protocol::Reader& body;
  // The answer: encoded bytes, and one file range per splice of the writer, in order.
  protocol::Writer& response;
  std::vector<log::FileRange>& files;
  RequestScratch& scratch;
  // Given back early by a handler that will wait for long.
  runtime::SemaphoreUnits& slot;
  // Told by a controller's handler: the answer says that this node does not lead, so somebody else is to be asked.
  bool not_controller = false;

  // The part of the writable frame that `view` points at.
  [[nodiscard]] MutableBytes writable(ByteView view) const;

  // Decodes the body. False: malformed, close the connection.
  template <class Request>
  [[nodiscard]] bool decode_body(Request& request) {
    return decode(body, version, request).has_value();
  }
  // Encodes the answer. `close` if it cannot be carried by the version, which is a bug that must not take the node down.
  template <class Response>
  [[nodiscard]] Disposition answer(const Response& message) {
    const auto done = encode(response, version, message);
    if (done) return Disposition::respond;
    note_unencodable(done.error().field, done.error().what);
    return Disposition::close;
  }

 private:
  void note_unencodable(std::string_view field, std::string_view what);
};

[[nodiscard]] constexpr std::int16_t wire(protocol::ErrorCode code) { return static_cast<std::int16_t>(code); }

}  // namespace squall::broker
