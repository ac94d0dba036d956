#include "tools/squall/library.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace squall::tools {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> scenario_folders() {
  std::vector<fs::path> folders;
  const auto consider = [&](const fs::path& folder) {
    std::error_code error;
    const fs::path whole = fs::weakly_canonical(folder, error);
    if (!error && fs::is_directory(whole / "broker", error) && std::ranges::find(folders, whole) == folders.end()) {
      folders.push_back(whole);
    }
  };
  consider("scenarios");
  std::error_code error;
  for (fs::path at = fs::read_symlink("/proc/self/exe", error).parent_path(); !at.empty() && at != at.root_path();
       at = at.parent_path()) {
    consider(at / "scenarios");
    consider(at / "share" / "squall" / "scenarios");
  }
  return folders;
}

std::string name_of(const fs::path& path, const std::string& asked) {
  std::error_code error;
  const fs::path whole = fs::weakly_canonical(path, error);
  for (const fs::path& folder : scenario_folders()) {
    const fs::path relative = whole.lexically_relative(folder);
    if (!relative.empty() && *relative.begin() != "..") return fs::path{relative}.replace_extension().string();
  }
  return asked;
}

bool is_file(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

}  // namespace

std::expected<FoundScenario, std::string> find_scenario(const std::string& asked) {
  for (const std::string& candidate : {asked, asked + ".toml"}) {
    if (is_file(candidate)) return FoundScenario{candidate, name_of(candidate, asked)};
  }
  for (const fs::path& folder : scenario_folders()) {
    const fs::path candidate = folder / (asked + ".toml");
    if (is_file(candidate)) return FoundScenario{candidate, name_of(candidate, asked)};
  }
  const std::vector<FoundScenario> shipped = shipped_scenarios();
  std::vector<std::string_view> names;
  for (const FoundScenario& one : shipped) names.emplace_back(one.name);
  std::string near{scenarios::nearest_word(asked, names)};
  return std::unexpected(fmt::format("there is no scenario file \"{}\"{}", asked,
                                     near.empty() ? "; see `squall list`" : fmt::format("; did you mean \"{}\"?", near)));
}

std::expected<scenarios::Scenario, std::string> load_scenario(const std::string& asked) {
  const auto found = find_scenario(asked);
  if (!found) return std::unexpected(found.error());
  std::ifstream file{found->path, std::ios::binary};
  std::stringstream text;
  text << file.rdbuf();
  if (!file) return std::unexpected(fmt::format("{} cannot be read", found->path.string()));
  auto scenario = scenarios::parse_scenario(text.str(), found->path.string(), found->name);
  if (!scenario) return std::unexpected(scenario.error().to_string());
  return std::move(*scenario);
}

std::vector<FoundScenario> shipped_scenarios() {
  std::vector<FoundScenario> list;
  const std::vector<fs::path> folders = scenario_folders();
  if (folders.empty()) return list;
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator{folders.front(), error}) {
    if (entry.path().extension() != ".toml") continue;
    list.push_back({entry.path(), fs::path{entry.path().lexically_relative(folders.front())}.replace_extension().string()});
  }
  std::ranges::sort(list, {}, &FoundScenario::name);
  return list;
}

}  // namespace squall::tools
