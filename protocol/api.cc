#include "protocol/api.h"

#include <array>

#include "base/assert.h"

namespace squall::protocol {
namespace {

constexpr std::array table = std::to_array<ApiInfo>({
#include "protocol/messages/api_table.inc"
});

constexpr bool without_gaps() {
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (static_cast<std::size_t>(table[i].key) != i) return false;
  }
  return true;
}
static_assert(without_gaps());

const ApiInfo& known(std::int16_t key) {
  const ApiInfo* api = api_info(key);
  SQUALL_ASSERT(api != nullptr, "the API is known");
  return *api;
}

}  // namespace

std::span<const ApiInfo> all_apis() { return table; }

const ApiInfo* api_info(std::int16_t key) {
  if (key < 0 || static_cast<std::size_t>(key) >= table.size()) return nullptr;
  return &table[static_cast<std::size_t>(key)];
}

VersionRange advertised(const ApiInfo& api, ListenerKind listener) {
  VersionRange range = api.served();
  if (api.key == ApiKey::produce && listener == ListenerKind::broker) range.min = 0;
  return range;
}

std::int16_t request_header_version(std::int16_t key, std::int16_t version) {
  return version >= known(key).first_flexible ? 2 : 1;
}

std::int16_t response_header_version(std::int16_t key, std::int16_t version) {
  if (key == static_cast<std::int16_t>(ApiKey::api_versions)) return 0;
  return version >= known(key).response_first_flexible ? 1 : 0;
}

}  // namespace squall::protocol
