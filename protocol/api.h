// Kafka's APIs: keys, versions, who serves them, and the header versions that go with them.
//
// The table is made from protocol/schemas, which hold the versions of Kafka 4.2 (and, for the four APIs of ZooKeeper mode,
// of 3.9).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "protocol/messages/api_key.h"

namespace squall::protocol {

enum class ListenerKind : std::uint8_t { broker, controller, zookeeper_broker };

struct VersionRange {
  std::int16_t min = 0;
  std::int16_t max = 0;
  [[nodiscard]] constexpr bool contains(std::int16_t version) const { return min <= version && version <= max; }
  bool operator==(const VersionRange&) const = default;
};

struct ApiInfo {
  ApiKey key{};
  std::string_view name;
  std::int16_t request_min = 0;
  std::int16_t request_max = 0;
  std::int16_t first_flexible = 0;           // of the request; above request_max if none is
  std::int16_t response_first_flexible = 0;  // likewise
  bool latest_unstable = false;              // request_max is under development: known, but not served or claimed
  bool on_broker = false;
  bool on_controller = false;
  bool on_zookeeper_broker = false;

  // The versions that are served.
  [[nodiscard]] constexpr VersionRange served() const {
    return {request_min, static_cast<std::int16_t>(latest_unstable ? request_max - 1 : request_max)};
  }
  [[nodiscard]] constexpr bool on(ListenerKind listener) const {
    switch (listener) {
      case ListenerKind::broker: return on_broker;
      case ListenerKind::controller: return on_controller;
      case ListenerKind::zookeeper_broker: return on_zookeeper_broker;
    }
    return false;
  }
};

// By key, without gaps: all_apis()[k].key == k.
[[nodiscard]] std::span<const ApiInfo> all_apis();
// nullptr for an unknown key.
[[nodiscard]] const ApiInfo* api_info(std::int16_t key);
[[nodiscard]] inline const ApiInfo& api_info(ApiKey key) { return *api_info(static_cast<std::int16_t>(key)); }
[[nodiscard]] inline std::string_view to_string(ApiKey key) { return api_info(key).name; }

// What ApiVersions claims. It differs from what is served in one place: Produce is claimed from 0 on brokers, because
// librdkafka takes a higher minimum for "cannot compress" (KAFKA-18659); versions below `served` are then refused.
[[nodiscard]] VersionRange advertised(const ApiInfo& api, ListenerKind listener);

// The version of the header before a request or a response of the version `version`. Known keys only.
// The response to ApiVersions never has a flexible header: a client reads it before it knows what the broker speaks (KIP-511).
[[nodiscard]] std::int16_t request_header_version(std::int16_t key, std::int16_t version);
[[nodiscard]] std::int16_t response_header_version(std::int16_t key, std::int16_t version);
[[nodiscard]] inline std::int16_t request_header_version(ApiKey key, std::int16_t version) {
  return request_header_version(static_cast<std::int16_t>(key), version);
}
[[nodiscard]] inline std::int16_t response_header_version(ApiKey key, std::int16_t version) {
  return response_header_version(static_cast<std::int16_t>(key), version);
}

}  // namespace squall::protocol
