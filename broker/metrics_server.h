// The HTTP page that shows the node's metrics to Prometheus (`squall.metrics.port`): GET /metrics, one request a connection.
#pragma once

#include <memory>

#include "runtime/gate.h"
#include "runtime/io.h"
#include "runtime/world.h"

namespace squall::broker {

class MetricsServer : public std::enable_shared_from_this<MetricsServer> {
 public:
  // May wait.
  [[nodiscard]] static runtime::Result<std::shared_ptr<MetricsServer>> open(runtime::World& world,
                                                                            const runtime::Endpoint& endpoint);
  MetricsServer(runtime::World& world, std::unique_ptr<runtime::Listener> listener);
  [[nodiscard]] runtime::Endpoint local() const { return listener_->local(); }
  // May wait, at most as long as a slow reader is waited for.
  void stop();

 private:
  // What a fiber of the server holds while it lives.
  struct Life {
    std::shared_ptr<MetricsServer> server;
    runtime::Gate::Inside inside;
  };

  void start();
  void accept();
  void answer(runtime::Connection& connection);

  runtime::World& world_;
  std::unique_ptr<runtime::Listener> listener_;
  runtime::Gate gate_;
};

}  // namespace squall::broker
