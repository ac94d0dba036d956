#include <fmt/format.h>
#include <xxhash.h>

#include <array>

#include "scenarios/language/parse_internal.h"
#include "sim/profile.h"

namespace squall::scenarios {
namespace {

template <class Function>
void for_each_table(Section& document, std::string_view key, ErrorSink& errors, Function&& function) {
  const toml::node* node = document.node(key);
  if (node == nullptr) return;
  const toml::array* array = node->as_array();
  if (array == nullptr || !array->is_homogeneous(toml::node_type::table)) {
    errors.report(place_of(*node), std::string{key}, fmt::format("write each one as a table of its own: [[{}]]", key));
    return;
  }
  for (std::size_t at = 0; at < array->size(); ++at) {
    function(Section{*(*array)[at].as_table(), fmt::format("{}[{}]", key, at + 1), errors});
  }
}

void parse_document(const toml::table& table, Scenario& scenario, ErrorSink& errors) {
  Section document{table, "", errors};
  scenario.title = document.text("title").value_or("");
  if (const toml::table* cluster = document.table("cluster")) {
    parse_cluster(Section{*cluster, "cluster", errors}, scenario.cluster);
  }
  for_each_table(document, "topic", errors, [&](Section section) { scenario.topics.push_back(parse_topic(section)); });
  for_each_table(document, "workload", errors, [&](Section section) { scenario.workloads.push_back(parse_workload(section)); });
  for_each_table(document, "fault", errors, [&](Section section) { scenario.faults.push_back(parse_fault(section)); });
  if (const toml::table* swarm = document.table("swarm")) scenario.swarm = parse_swarm(Section{*swarm, "swarm", errors});
  if (const toml::table* expect = document.table("expect")) parse_expect(Section{*expect, "expect", errors}, scenario.expect);
  if (const toml::table* run = document.table("run")) parse_run(Section{*run, "run", errors}, scenario.run);
  document.finish();
  // Last: what is missing stands at the start of the file, and would hide every other error, a misspelt title among them.
  if (!errors.first()) document.require("title", "what this scenario shows, in one line");
}

}  // namespace

std::span<const std::string_view> hardware_profile_names() {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> list;
    for (const sim::HardwareProfile& profile : sim::all_profiles()) list.push_back(profile.name);
    return list;
  }();
  return names;
}

std::expected<Scenario, LanguageError> parse_scenario(std::string_view text, std::string file, std::string name) {
  ErrorSink errors{file};
  Scenario scenario;
  scenario.file = file;
  scenario.name = std::move(name);
  scenario.digest = fmt::format("{:08x}", XXH3_64bits(text.data(), text.size()) >> 32);
  try {
    const toml::table table = toml::parse(text, file);
    parse_document(table, scenario, errors);
  } catch (const toml::parse_error& error) {
    return std::unexpected(
        LanguageError{file, {error.source().begin.line, error.source().begin.column}, "", std::string{error.description()}});
  }
  check_references(scenario, errors);
  if (errors.first()) return std::unexpected(*errors.first());
  return scenario;
}

}  // namespace squall::scenarios
