#include <fmt/format.h>

#include <algorithm>

#include "runtime/events.h"
#include "scenarios/language/parse_internal.h"

namespace squall::scenarios {
namespace {

constexpr std::array<std::string_view, 1> control_planes{"kraft"};
constexpr std::array<std::string_view, 2> voter_kinds{"static", "dynamic"};

// "1..200" or one number.
void parse_seeds(Section& section, RunSpec& into) {
  const toml::node* node = section.node("seeds");
  if (node == nullptr) return;
  if (const auto* number = node->as_integer(); number != nullptr && number->get() >= 0) {
    into.first_seed = into.last_seed = static_cast<std::uint64_t>(number->get());
    return;
  }
  if (const auto* text = node->as_string()) {
    if (const auto range = parse_seed_range(text->get())) {
      into.first_seed = range->first;
      into.last_seed = range->last;
      return;
    }
  }
  section.fail("seeds", "must be a range of seeds such as \"1..200\"");
}

// What makes the nodes of a scenario nodes of one cluster.
constexpr std::array<std::string_view, 10> own_keys{"process.roles",
                                                    "node.id",
                                                    "broker.id",
                                                    "listeners",
                                                    "advertised.listeners",
                                                    "log.dirs",
                                                    "log.dir",
                                                    "cluster.id",
                                                    "controller.quorum.voters",
                                                    "controller.quorum.bootstrap.servers"};

void refuse_own_keys(Section& section, std::string_view name, const std::vector<std::pair<std::string, Place>>& places) {
  for (const auto& [key, place] : places) {
    if (std::ranges::find(own_keys, key) == own_keys.end()) continue;
    section.errors().report(place, section.path_of(fmt::format("{}.{}", name, key)),
                            "is set for each node by what else [cluster] says");
  }
}

void read_fixed_duration(Section& section, std::string_view key, Duration& into, Bounds bounds) {
  const auto value = section.value(key, Unit::duration, bounds);
  if (!value) return;
  if (value->is_fixed()) {
    into = Duration{value->least()};
  } else {
    section.fail(key, "must be one time, not a distribution");
  }
}

void parse_nodes(Section& section, ClusterSpec& into) {
  into.brokers = section.integer("brokers", {1, 64}).value_or(1);
  into.controllers = section.integer("controllers", {0, 9}).value_or(0);
  into.combined = section.flag("combined").value_or(false);
  into.racks = section.integer("racks", {1, 64}).value_or(0);
  const bool none = !section.has("controllers") || (section.raw().at("controllers").value<std::int64_t>() == 0);
  if (into.combined && none) {
    section.fail("combined", "needs `controllers`: so many of the brokers are controllers too");
  } else if (into.brokers > 1 && none) {
    section.fail("brokers", "needs `controllers` for more than one broker, such as controllers = 3");
  }
  if (into.combined && into.controllers > into.brokers) {
    section.fail("controllers", fmt::format("must be at most {}: controllers that are combined are brokers", into.brokers));
  }
  if (into.racks > into.brokers) {
    section.fail("racks", fmt::format("must be at most {}, the number of brokers", into.brokers));
  }
}

void parse_voters(Section& section, ClusterSpec& into) {
  if (const auto kind = section.value("voters", Unit::word, {}, voter_kinds)) {
    into.dynamic_voters = kind->to_string() == "dynamic";
    if (into.dynamic_voters && into.controllers == 0) section.fail("voters", "needs `controllers`, such as controllers = 3");
  }
  into.initial_voters = section.integer("initial_voters", {1, 9}).value_or(0);
  if (into.initial_voters > 0 && !into.dynamic_voters) {
    section.fail("initial_voters", "needs voters = \"dynamic\": static voters are all of the controllers");
  } else if (into.initial_voters > into.controllers) {
    section.fail("initial_voters", fmt::format("must be at most {}, the number of controllers", into.controllers));
  }
}

// "3", "2..5", ">= 2" or "<= 5", into bounds.
bool read_count_bounds(std::string_view text, std::int64_t& least, std::int64_t& most) {
  const auto number = [](std::string_view part) { return parse_quantity(part, Unit::count); };
  const auto skip = [](std::string_view part) { return part.substr(std::min(part.find_first_not_of(' '), part.size())); };
  std::string_view low = text;
  std::string_view high = text;
  if (text.starts_with(">=")) {
    low = skip(text.substr(2));
    high = "";
  } else if (text.starts_with("<=")) {
    low = "";
    high = skip(text.substr(2));
  } else if (const std::size_t dots = text.find(".."); dots != std::string_view::npos) {
    low = text.substr(0, dots);
    high = text.substr(dots + 2);
  }
  const auto first = number(low.empty() ? "0" : low);
  if (!first) return false;
  least = *first;
  if (high.empty()) return true;
  const auto last = number(high);
  if (last) most = *last;
  return last && least <= most;
}

void parse_expected_events(Section section, std::vector<EventExpectation>& into) {
  std::vector<std::string_view> names;
  for (const runtime::EventName event : runtime::all_events()) names.push_back(runtime::to_string(event));
  for (const auto& [key, node] : section.raw()) {
    section.know(key.str());
    const auto event = runtime::event_named(key.str());
    if (!event) {
      section.fail(key.str(), fmt::format("\"{}\" is no event{}", key.str(), suggestion(key.str(), names)));
      continue;
    }
    EventExpectation expected{.event = *event};
    const std::string text = node.is_string()    ? node.as_string()->get()
                             : node.is_integer() ? fmt::format("{}", node.as_integer()->get())
                                                 : "";
    if (text.empty() || !read_count_bounds(text, expected.least, expected.most)) {
      section.fail(key.str(), "must be a count, or bounds of one such as \">= 2\", \"<= 5\" or \"2..5\"");
    }
    into.push_back(expected);
  }
}

}  // namespace

ConfigEntries parse_config(Section& owner, std::string_view name, std::vector<std::pair<std::string, Place>>* places) {
  ConfigEntries entries;
  const toml::table* table = owner.table(name);
  if (table == nullptr) return entries;
  Section section{*table, owner.path_of(name), owner.errors()};
  for (const auto& [key, node] : *table) {
    auto value = value_of(node, Unit::word);
    if (!value) {
      section.fail(key.str(), value.error());
      continue;
    }
    entries.emplace_back(std::string{key.str()}, std::move(*value));
    if (places != nullptr) places->emplace_back(std::string{key.str()}, place_of(node));
  }
  return entries;
}

void parse_cluster(Section section, ClusterSpec& into) {
  if (const auto plane = section.value("control_plane", Unit::word, {}, control_planes)) {
    into.control_plane = plane->to_string();
  }
  parse_nodes(section, into);
  parse_voters(section, into);
  if (const auto hardware = section.value("hardware", Unit::word, {}, hardware_profile_names())) {
    into.hardware = hardware->to_string();
  }
  section.read("disks", Unit::count, into.disks, {1, 16});
  section.read("disk_size", Unit::bytes, into.disk_size, {1 << 20, INT64_MAX});
  section.read("page_cache", Unit::bytes, into.page_cache, {1 << 16, INT64_MAX});
  section.read("clock_skew", Unit::duration, into.clock_skew);
  into.config = parse_config(section, "config", &into.config_places);
  into.broker_config = parse_config(section, "broker_config", &into.broker_config_places);
  into.controller_config = parse_config(section, "controller_config", &into.controller_config_places);
  refuse_own_keys(section, "config", into.config_places);
  refuse_own_keys(section, "broker_config", into.broker_config_places);
  refuse_own_keys(section, "controller_config", into.controller_config_places);
  section.finish();
}

TopicSpec parse_topic(Section section) {
  TopicSpec topic;
  topic.place = section.place();
  section.require("name", "the name of the topic");
  topic.name = section.text("name").value_or("");
  section.read("partitions", Unit::count, topic.partitions, {1, 10'000});
  topic.replication = section.integer("replication", {1, 64}).value_or(1);
  if (const toml::node* replication = section.node("replication")) topic.replication_place = place_of(*replication);
  topic.config = parse_config(section, "config", &topic.config_places);
  section.finish();
  return topic;
}

void parse_expect(Section section, ExpectSpec& into) {
  const auto bound = [&](std::string_view key, std::optional<Value>& target, char sign = '<') {
    const toml::node* node = section.node(key);
    if (node == nullptr) return;
    std::string text = node->is_string() ? node->as_string()->get() : "";
    if (text.starts_with(sign)) text.erase(0, 1);
    auto value = Value::parse(text, Unit::duration);
    if (!value || !value->is_fixed()) {
      section.fail(key, value ? fmt::format("must be one bound such as \"{} 5s\"", sign) : value.error());
      return;
    }
    target = std::move(*value);
  };
  bound("available_after_heal", into.available_after_heal);
  bound("produce_latency_max", into.produce_latency_max);
  bound("unavailable_max", into.unavailable_max);
  bound("controller_failover", into.controller_failover);
  bound("produce_latency_min", into.produce_latency_min, '>');
  bound("unavailable_min", into.unavailable_min, '>');
  if (const toml::table* events = section.table("events")) {
    parse_expected_events(Section{*events, "expect.events", section.errors()}, into.events);
  }
  bound("full_isr_after_heal", into.full_isr_after_heal);
  into.acked_min = section.integer("acked_min", {0, INT64_MAX}).value_or(into.acked_min);
  into.read_min = section.integer("read_min", {0, INT64_MAX}).value_or(into.read_min);
  into.faults_min = section.integer("faults_min", {0, INT64_MAX}).value_or(into.faults_min);
  into.operations_min = section.integer("operations_min", {0, INT64_MAX}).value_or(into.operations_min);
  section.finish();
}

void parse_run(Section section, RunSpec& into) {
  read_fixed_duration(section, "duration", into.duration, {1'000'000, INT64_MAX});
  read_fixed_duration(section, "heal", into.heal, {1'000'000, INT64_MAX});
  parse_seeds(section, into);
  section.finish();
}

}  // namespace squall::scenarios
