// Any text as server.properties: a configuration or one clear line, never anything else.
#include <cstdlib>

#include "base/bytes.h"
#include "broker/config.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = squall::as_text({data, size});
  const auto parsed = squall::broker::parse_broker_config(
      {.file = "server.properties", .text = std::string{text}, .overrides = {}, .working_dir = "/"});
  if (!parsed) {
    if (parsed.error().empty()) std::abort();
    return 0;
  }
  const auto& config = parsed->config;
  if (config.log_dirs.empty() || !(config.is_broker || config.is_controller)) std::abort();
  if (config.is_broker != !config.listeners.empty()) std::abort();
  if (config.is_controller && config.controller_listeners.empty() && !config.is_alone()) std::abort();
  for (const auto& dir : config.log_dirs) {
    if (!dir.starts_with('/')) std::abort();
  }
  return 0;
}
