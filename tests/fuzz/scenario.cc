// Any text as a scenario file: a scenario or one line that says where it is wrong.
#include "scenarios/language/scenario.h"

#include <cstdlib>

#include "base/bytes.h"
#include "scenarios/language/error.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = squall::as_text({data, size});
  const auto scenario = squall::scenarios::parse_scenario(text, "fuzz.toml", "fuzz");
  if (!scenario && scenario.error().message.empty()) std::abort();
  if (scenario && scenario->run.first_seed > scenario->run.last_seed) std::abort();
  return 0;
}
