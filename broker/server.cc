#include "broker/server.h"

#include <fmt/format.h>

#include "base/assert.h"
#include "broker/broker_state.h"
#include "broker/connection_server.h"
#include "broker/control_plane.h"
#include "runtime/deadline.h"

namespace squall::broker {
namespace {

// Whether connecting to `host` makes sense only on the listening machine itself.
bool is_wildcard(std::string_view host) { return host.empty() || host == "0.0.0.0" || host == "::"; }

// What clients have the controller decide may be waited for as long as they like, and a stop cannot: it ends here, before the
// controller's other parts do.
void end_waits_for_controller(BrokerState& broker) {
  if (broker.controller_channel) broker.controller_channel->stop();
  if (broker.control_plane == nullptr) return;
  broker.control_plane->loader->stop();
  if (broker.control_plane->controller) broker.control_plane->controller->stop();
}

}  // namespace

Server::Server(BrokerState& broker, ListenerKind kind)
    : broker_{broker},
      kind_{kind},
      memory_{broker.world, broker.config.queued_max_request_bytes, *broker.metrics.request_memory},
      slots_{broker.world, broker.config.queued_max_requests},
      gate_{broker.world} {}

Server::~Server() = default;

std::expected<void, std::string> Server::bind() {
  const BrokerConfig& config = broker_.config;
  for (const ListenerConfig& listener : kind_ == ListenerKind::broker ? config.listeners : config.controller_listeners) {
    if (auto bound = bind_one(listener); !bound) return bound;
  }
  return {};
}

std::expected<void, std::string> Server::bind_one(const ListenerConfig& config) {
  auto socket = broker_.world.listen({config.host, config.port});
  if (!socket) {
    const bool taken = socket.error() == runtime::IoError::address_in_use;
    return std::unexpected(fmt::format(
        "cannot listen on {}://{}:{}: {}; {}", config.name, config.host, config.port, runtime::to_string(socket.error()),
        taken ? "choose another port or stop what uses it" : "listeners must name an address of this machine"));
  }
  ListenerState state{.kind = kind_, .config = config, .local = (*socket)->local(), .advertised_host = config.advertised_host};
  if (state.advertised_host.empty()) state.advertised_host = config.host;
  if (is_wildcard(state.advertised_host)) state.advertised_host = "localhost";
  state.advertised_port = config.advertised_port != 0 ? config.advertised_port : state.local.port;
  sockets_.push_back({std::move(*socket), broker_.listeners.size()});
  broker_.endpoints.push_back(state.local);
  broker_.listeners.push_back(std::move(state));
  return {};
}

void Server::start() {
  for (const Socket& socket : sockets_) {
    const ListenerState& listener = broker_.listeners[socket.listener];
    broker_.world.emit(runtime::EventName::listener_opened,
                       {{"host", listener.local.host}, {"port", static_cast<std::int64_t>(listener.local.port)}});
    auto inside = gate_.enter();
    SQUALL_ASSERT(inside.has_value(), "a server is started before it is stopped");
    broker_.world.spawn("accept",
                        [this, &socket, life = Life{broker_.shared_from_this(), std::move(*inside)}] { accept_from(socket); });
  }
}

void Server::accept_from(const Socket& socket) {
  constexpr Duration pause = std::chrono::milliseconds{50};
  while (true) {
    auto connection = socket.socket->accept();
    if (connection) {
      broker_.world.charge(runtime::Cost::connection, 1);
      admit(std::move(*connection), broker_.listeners[socket.listener]);
    } else if (connection.error() == runtime::IoError::closed) {
      return;
    } else {
      runtime::sleep_for(broker_.world, pause);  // out of descriptors, or a peer that was gone already: others may do better
    }
  }
}

// Counted from here, not from when its fiber first runs: a burst of connections is accepted before any of those does.
void Server::admit(std::unique_ptr<runtime::Connection> connection, const ListenerState& listener) {
  const std::string host = connection->peer().host;
  const auto from_host = per_host_.find(host);
  const bool too_many = admitted_ >= broker_.config.max_connections ||
                        (from_host != per_host_.end() && from_host->second >= broker_.config.max_connections_per_ip);
  auto inside = gate_.enter();
  if (too_many || !inside) {
    broker_.metrics.rejected->add();
    if (too_many) {
      broker_.world.emit(runtime::EventName::request_rejected, {{"reason", "too-many-connections"}, {"peer", host}});
    }
    connection->close();
    return;
  }
  broker_.metrics.accepted->add();
  const std::int64_t id = ++broker_.last_connection;
  broker_.world.spawn("connection", [this, &listener, id, life = Life{broker_.shared_from_this(), std::move(*inside)},
                                     counted = std::make_unique<Counted>(*this, host),
                                     socket = std::move(connection)]() mutable { serve(std::move(socket), listener, id); });
}

Server::Counted::Counted(Server& its_server, std::string its_host) : server{its_server}, host{std::move(its_host)} {
  ++server.admitted_;
  ++server.per_host_[host];
  server.broker_.metrics.connections->set(static_cast<std::int64_t>(server.admitted_));
}

Server::Counted::~Counted() {
  --server.admitted_;
  const auto at = server.per_host_.find(host);
  if (--at->second == 0) server.per_host_.erase(at);
  server.broker_.metrics.connections->set(static_cast<std::int64_t>(server.admitted_));
}

void Server::serve(std::unique_ptr<runtime::Connection> connection, const ListenerState& listener, std::int64_t id) {
  // Undone however the fiber ends.
  struct Entry {
    Server& server;
    std::list<ConnectionServer*>::iterator place;
    ~Entry() { server.connections_.erase(place); }
  };
  ConnectionServer served{broker_, *this, *connection, listener, id};
  const Entry entry{*this, connections_.insert(connections_.end(), &served)};
  if (gate_.closed()) served.stop_when_idle();
  broker_.world.emit(runtime::EventName::connection_opened, {{"connection", id}, {"peer", connection->peer().host}});
  const std::string_view reason = served.run();
  connection->close();
  broker_.world.emit(runtime::EventName::connection_closed, {{"connection", id}, {"reason", reason}});
}

void Server::stop(Instant deadline) {
  for (const Socket& socket : sockets_) socket.socket->close();
  gate_.close();
  for (ConnectionServer* connection : connections_) connection->stop_when_idle();
  if (gate_.close_and_wait_until(deadline)) return;
  for (ConnectionServer* connection : connections_) connection->stop_now();
  if (kind_ == ListenerKind::broker) end_waits_for_controller(broker_);
  gate_.close_and_wait();
}

}  // namespace squall::broker
