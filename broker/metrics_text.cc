#include "broker/metrics_text.h"

#include <fmt/format.h>

#include <iterator>
#include <string_view>

namespace squall::broker {
namespace {

template <class Values>
void render(std::string& out, const Values& values, std::string_view type) {
  std::string_view family;
  for (const auto& [name, metric] : values) {
    const std::string_view bare = std::string_view{name}.substr(0, name.find('{'));
    if (bare != family) {
      family = bare;
      fmt::format_to(std::back_inserter(out), "# TYPE {} {}\n", family, type);
    }
    fmt::format_to(std::back_inserter(out), "{} {}\n", name, metric.value);
  }
}

}  // namespace

std::string metrics_text(const runtime::Metrics& metrics) {
  std::string out;
  render(out, metrics.counters(), "counter");
  render(out, metrics.gauges(), "gauge");
  return out;
}

}  // namespace squall::broker
