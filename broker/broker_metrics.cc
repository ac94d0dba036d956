#include "broker/broker_metrics.h"

#include <fmt/format.h>

#include "broker/handlers/handler.h"
#include "protocol/api.h"

namespace squall::broker {

BrokerMetrics::BrokerMetrics(runtime::Metrics& metrics)
    : errors{&metrics.counter("squall_broker_errors_total")},
      bytes_in{&metrics.counter("squall_broker_received_bytes_total")},
      bytes_out{&metrics.counter("squall_broker_sent_bytes_total")},
      records_bytes_in{&metrics.counter("squall_broker_produced_bytes_total")},
      records_bytes_out{&metrics.counter("squall_broker_fetched_bytes_total")},
      batches_in{&metrics.counter("squall_broker_produced_batches_total")},
      rejected{&metrics.counter("squall_broker_rejected_requests_total")},
      accepted{&metrics.counter("squall_broker_accepted_connections_total")},
      connections{&metrics.gauge("squall_broker_connections")},
      requests_waiting{&metrics.gauge("squall_broker_requests_in_purgatory")},
      request_memory{&metrics.gauge("squall_broker_request_memory_bytes")} {
  requests_.fill(&metrics.counter("squall_broker_requests_total{api=\"other\"}"));
  for (const ListenerKind kind : {ListenerKind::broker, ListenerKind::controller}) {
    for (const ApiHandler* handler : api_handlers(kind)) {
      const protocol::ApiInfo* info = protocol::api_info(handler->key);
      const std::string name =
          fmt::format("squall_broker_requests_total{{api=\"{}\"}}", info == nullptr ? "unknown" : info->name);
      requests_[index(handler->key)] = &metrics.counter(name);
    }
  }
}

}  // namespace squall::broker
