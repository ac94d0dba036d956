// Where scenario files are: a path, or the name of a shipped one (`broker/gc_pause`), which is looked for in the `scenarios`
// folders beside the working directory and above this program.
#pragma once

#include <expected>
#include <filesystem>
#include <string>
#include <vector>

#include "scenarios/language/scenario.h"

namespace squall::tools {

struct FoundScenario {
  std::filesystem::path path;
  std::string name;  // what ids call it: below `scenarios` the path from there without its suffix, else the path as given
};

[[nodiscard]] std::expected<FoundScenario, std::string> find_scenario(const std::string& asked);
// Reads and parses it. The error is one line.
[[nodiscard]] std::expected<scenarios::Scenario, std::string> load_scenario(const std::string& asked);
// The shipped ones, by name.
[[nodiscard]] std::vector<FoundScenario> shipped_scenarios();

}  // namespace squall::tools
