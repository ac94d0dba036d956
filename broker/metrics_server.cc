#include "broker/metrics_server.h"

#include <fmt/format.h>

#include <array>

#include "base/assert.h"
#include "broker/metrics_text.h"
#include "runtime/deadline.h"

namespace squall::broker {
namespace {

constexpr Duration patience = std::chrono::seconds{2};

}  // namespace

runtime::Result<std::shared_ptr<MetricsServer>> MetricsServer::open(runtime::World& world, const runtime::Endpoint& endpoint) {
  auto listener = world.listen(endpoint);
  if (!listener) return std::unexpected(listener.error());
  auto server = std::make_shared<MetricsServer>(world, std::move(*listener));
  server->start();
  return server;
}

MetricsServer::MetricsServer(runtime::World& world, std::unique_ptr<runtime::Listener> listener)
    : world_{world}, listener_{std::move(listener)}, gate_{world} {}

void MetricsServer::start() {
  auto inside = gate_.enter();
  SQUALL_ASSERT(inside.has_value(), "the gate of a new server is open");
  world_.spawn("metrics-accept", [life = Life{shared_from_this(), std::move(*inside)}] { life.server->accept(); });
}

void MetricsServer::stop() {
  listener_->close();
  gate_.close_and_wait();
}

void MetricsServer::accept() {
  while (true) {
    auto connection = listener_->accept();
    if (!connection) {
      if (connection.error() == runtime::IoError::closed) return;
      runtime::sleep_for(world_, std::chrono::milliseconds{50});
      continue;
    }
    auto inside = gate_.enter();
    if (!inside) return;
    world_.spawn("metrics", [life = Life{shared_from_this(), std::move(*inside)}, socket = std::move(*connection)] {
      life.server->answer(*socket);
    });
  }
}

void MetricsServer::answer(runtime::Connection& connection) {
  connection.set_deadline(runtime::deadline_in(world_, patience));
  std::array<std::uint8_t, 2048> bytes{};
  std::size_t used = 0;
  std::string_view request;
  while (!request.contains("\r\n\r\n") && used < bytes.size()) {
    const auto got = connection.read(MutableBytes{bytes}.subspan(used));
    if (!got || *got == 0) return;
    used += *got;
    request = as_text(ByteView{bytes}.first(used));
  }
  const bool known = request.starts_with("GET /metrics ") || request.starts_with("GET / ");
  const std::string body = known ? metrics_text(world_.metrics()) : std::string{"look at /metrics\n"};
  const std::string response =
      fmt::format("HTTP/1.1 {}\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}",
                  known ? "200 OK" : "404 Not Found", body.size(), body);
  if (runtime::write_all(connection, as_bytes(response))) (void)connection.shutdown(runtime::ShutdownSide::write);
  connection.close();
}

}  // namespace squall::broker
