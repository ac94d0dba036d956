// The metrics of a node in Prometheus' text format.
#pragma once

#include <string>

#include "runtime/metrics.h"

namespace squall::broker {

// A name may carry labels (`name{api="Fetch"}`); the type is told once for all that share a name.
[[nodiscard]] std::string metrics_text(const runtime::Metrics& metrics);

}  // namespace squall::broker
