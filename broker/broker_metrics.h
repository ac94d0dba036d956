// The counters of one broker, looked up once. Names are Prometheus names.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "runtime/metrics.h"

namespace squall::broker {

struct BrokerMetrics {
  explicit BrokerMetrics(runtime::Metrics& metrics);

  // Of one API by key; keys that are not served share one counter.
  runtime::Counter& requests(std::int16_t key) { return *requests_[index(key)]; }
  // An error code told to a client.
  void error(std::int16_t code) {
    if (code != 0) errors->add();
  }

  runtime::Counter* errors;
  runtime::Counter* bytes_in;
  runtime::Counter* bytes_out;
  runtime::Counter* records_bytes_in;
  runtime::Counter* records_bytes_out;
  runtime::Counter* batches_in;
  runtime::Counter* rejected;
  runtime::Counter* accepted;
  runtime::Gauge* connections;
  runtime::Gauge* requests_waiting;
  runtime::Gauge* request_memory;

 private:
  static constexpr std::size_t key_count = 96;
  static std::size_t index(std::int16_t key) {
    return key >= 0 && static_cast<std::size_t>(key) < key_count ? static_cast<std::size_t>(key) : key_count;
  }
  std::array<runtime::Counter*, key_count + 1> requests_{};
};

}  // namespace squall::broker
