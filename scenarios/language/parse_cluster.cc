#include <fmt/format.h>

#include <algorithm>

#include "scenarios/language/parse_internal.h"

namespace squall::scenarios {
namespace {

constexpr std::array<std::string_view, 2> control_planes{"kraft", "zookeeper"};

// "1..200" or one number.
void parse_seeds(Section& section, RunSpec& into) {
  const toml::node* node = section.node("seeds");
  if (node == nullptr) return;
  if (const auto* number = node->as_integer(); number != nullptr && number->get() >= 0) {
    into.first_seed = into.last_seed = static_cast<std::uint64_t>(number->get());
    return;
  }
  if (const auto* text = node->as_string()) {
    const std::string_view range = text->get();
    const std::size_t dots = range.find("..");
    const auto first = parse_quantity(range.substr(0, dots), Unit::count);
    const auto last = dots == std::string_view::npos ? first : parse_quantity(range.substr(dots + 2), Unit::count);
    if (first && last && *first >= 0 && *first <= *last) {
      into.first_seed = static_cast<std::uint64_t>(*first);
      into.last_seed = static_cast<std::uint64_t>(*last);
      return;
    }
  }
  section.fail("seeds", "must be a range of seeds such as \"1..200\"");
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

}  // namespace

ConfigEntries parse_config(Section& owner, std::vector<std::pair<std::string, Place>>* places) {
  ConfigEntries entries;
  const toml::table* table = owner.table("config");
  if (table == nullptr) return entries;
  Section section{*table, owner.path_of("config"), owner.errors()};
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
    if (into.control_plane == "zookeeper") {
      section.fail("control_plane", "only \"kraft\" is simulated: one node that is broker and controller");
    }
  }
  for (const std::string_view key : {"brokers", "controllers"}) {
    const auto count = section.integer(key, {1, 1'000});
    if (count && *count != 1) {
      section.fail(key, fmt::format("must be 1: a cluster is one node that is broker and controller, without replication"));
    }
  }
  if (const auto hardware = section.value("hardware", Unit::word, {}, hardware_profile_names())) {
    into.hardware = hardware->to_string();
  }
  section.read("disks", Unit::count, into.disks, {1, 16});
  section.read("disk_size", Unit::bytes, into.disk_size, {1 << 20, INT64_MAX});
  section.read("page_cache", Unit::bytes, into.page_cache, {1 << 16, INT64_MAX});
  section.read("clock_skew", Unit::duration, into.clock_skew);
  into.config = parse_config(section, &into.config_places);
  section.finish();
}

TopicSpec parse_topic(Section section) {
  TopicSpec topic;
  topic.place = section.place();
  section.require("name", "the name of the topic");
  topic.name = section.text("name").value_or("");
  section.read("partitions", Unit::count, topic.partitions, {1, 10'000});
  if (const auto replication = section.integer("replication", {1, 1'000}); replication && *replication != 1) {
    section.fail("replication", "must be 1: the cluster has one broker");
  }
  topic.config = parse_config(section, &topic.config_places);
  section.finish();
  return topic;
}

void parse_expect(Section section, ExpectSpec& into) {
  const auto bound = [&](std::string_view key, std::optional<Value>& target) {
    const toml::node* node = section.node(key);
    if (node == nullptr) return;
    std::string text = node->is_string() ? node->as_string()->get() : "";
    if (text.starts_with("<")) text.erase(0, 1);
    auto value = Value::parse(text, Unit::duration);
    if (!value || !value->is_fixed()) {
      section.fail(key, value ? std::string{"must be one bound such as \"< 5s\""} : value.error());
      return;
    }
    target = std::move(*value);
  };
  bound("available_after_heal", into.available_after_heal);
  bound("produce_latency_max", into.produce_latency_max);
  bound("unavailable_max", into.unavailable_max);
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
