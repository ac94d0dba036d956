// One connection: reads frames, hands them to the handlers, writes the responses.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "broker/buffer_pool.h"
#include "broker/request_context.h"
#include "broker/request_memory.h"
#include "log/file_range.h"
#include "protocol/messages/headers.h"
#include "runtime/io.h"

namespace squall::broker {

class Server;

class ConnectionServer {
 public:
  ConnectionServer(BrokerState& broker, Server& server, runtime::Connection& connection, const ListenerState& listener,
                   std::int64_t id);
  ~ConnectionServer();
  ConnectionServer(const ConnectionServer&) = delete;
  ConnectionServer& operator=(const ConnectionServer&) = delete;

  // Serves until the peer leaves, misbehaves or is idle too long, or until told to stop. Why it ended (a literal).
  std::string_view run();

  // Ends after the response under way; at once if none is.
  void stop_when_idle();
  // Closes the connection under whatever is going on.
  void stop_now();

 private:
  using Ended = std::optional<std::string_view>;  // why the connection ends; nothing: it goes on

  struct Frame {
    MutableBytes bytes;  // without the size in front
    RequestMemory::Held memory;
  };
  std::expected<Frame, std::string_view> read_frame();
  Ended fill(std::size_t wanted);
  void make_room(std::size_t wanted);
  void shrink();
  void refresh_deadline();
  Ended handle(Frame& frame);
  Ended dispatch(RequestContext& context);
  Ended send(const protocol::Writer& writer);
  Ended send_bytes(ByteView bytes, runtime::More more);
  Ended send_range(const log::FileRange& range, runtime::More more);
  Ended reject(std::string_view reason, std::int16_t api_key, std::int16_t version);

  BrokerState& broker_;
  Server& server_;
  runtime::Connection& connection_;
  ConnectionInfo info_;

  Buffer buffer_;  // bytes [begin_, end_) have been read and not handled
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  Instant deadline_set_{};  // when the connection's deadline was last moved
  bool deadline_is_set_ = false;

  protocol::RequestHeader header_;
  ByteBuffer response_;
  std::vector<log::FileRange> files_;
  RequestScratch scratch_;
  bool busy_ = false;
  bool stopping_ = false;
};

}  // namespace squall::broker
