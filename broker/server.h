// Accepts connections on the listeners of one role and serves them, each on a fiber of its own. What clients do to a broker
// takes nothing from the controller beside it.
//
// Of one connection, one request is handled at a time, and its response is sent before the next is begun: Kafka's rule (it
// mutes the channel), which is what keeps responses in order, and the in-flight cap. What a client sends ahead stays in the
// socket, or in the connection's buffer, until then.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "broker/buffer_pool.h"
#include "broker/config.h"
#include "broker/listener_kind.h"
#include "broker/request_memory.h"
#include "runtime/gate.h"
#include "runtime/io.h"
#include "runtime/semaphore.h"

namespace squall::broker {

struct BrokerState;
struct ListenerState;
class ConnectionServer;

class Server {
 public:
  Server(BrokerState& broker, ListenerKind kind);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // May wait. Binds the listeners of its role into `BrokerState::listeners`; fails with one clear line.
  [[nodiscard]] std::expected<void, std::string> bind();
  // Begins to accept.
  void start();
  // Accepts nothing more; waits for requests in flight until `deadline`, closes all connections, and waits for their fibers.
  void stop(Instant deadline);

  [[nodiscard]] RequestMemory& memory() { return memory_; }
  [[nodiscard]] BufferPool& buffers() { return buffers_; }
  [[nodiscard]] runtime::Semaphore& slots() { return slots_; }
  [[nodiscard]] std::size_t connections() const { return admitted_; }

 private:
  struct Socket {
    std::unique_ptr<runtime::Listener> socket;
    std::size_t listener;  // in BrokerState::listeners
  };

  [[nodiscard]] std::expected<void, std::string> bind_one(const ListenerConfig& config);
  void accept_from(const Socket& socket);
  void admit(std::unique_ptr<runtime::Connection> connection, const ListenerState& listener);
  void serve(std::unique_ptr<runtime::Connection> connection, const ListenerState& listener, std::int64_t id);

  // What a fiber of the server holds while it lives; the gate is left before the broker goes.
  struct Life {
    std::shared_ptr<BrokerState> broker;
    runtime::Gate::Inside inside;
  };

  // A connection that counts for the limits, from its admission to the end of its fiber.
  struct Counted {
    Counted(Server& its_server, std::string its_host);
    ~Counted();
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
    Server& server;
    std::string host;
  };

  BrokerState& broker_;
  ListenerKind kind_;
  RequestMemory memory_;
  BufferPool buffers_;
  runtime::Semaphore slots_;  // queued.max.requests
  std::vector<Socket> sockets_;
  std::list<ConnectionServer*> connections_;
  std::size_t admitted_ = 0;
  std::map<std::string, std::size_t, std::less<>> per_host_;
  runtime::Gate gate_;
};

}  // namespace squall::broker
