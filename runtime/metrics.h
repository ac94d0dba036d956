// Metrics of one node: named counters and gauges. In production they are shown to Prometheus; in the virtual world they are
// sampled over virtual time. A handle is looked up once and then costs one addition.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace squall::runtime {

struct Counter {
  std::uint64_t value = 0;
  void add(std::uint64_t count = 1) { value += count; }
};

struct Gauge {
  std::int64_t value = 0;
  void set(std::int64_t now) { value = now; }
  void add(std::int64_t change) { value += change; }
};

class Metrics {
 public:
  // Names are Prometheus names (`squall_broker_requests_total`). References stay valid as long as the Metrics.
  Counter& counter(std::string_view name) { return counters_[std::string{name}]; }
  Gauge& gauge(std::string_view name) { return gauges_[std::string{name}]; }

  [[nodiscard]] const std::map<std::string, Counter, std::less<>>& counters() const { return counters_; }
  [[nodiscard]] const std::map<std::string, Gauge, std::less<>>& gauges() const { return gauges_; }

 private:
  std::map<std::string, Counter, std::less<>> counters_;
  std::map<std::string, Gauge, std::less<>> gauges_;
};

}  // namespace squall::runtime
