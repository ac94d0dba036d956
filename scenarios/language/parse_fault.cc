#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "scenarios/language/parse_internal.h"

namespace squall::scenarios {
namespace {

constexpr std::array<std::string_view, 2> truths{"true", "false"};

std::vector<std::string_view> event_names() {
  std::vector<std::string_view> names;
  for (const runtime::EventName event : runtime::all_events()) names.push_back(runtime::to_string(event));
  return names;
}

void parse_event(Section section, FaultSpec& into) {
  bool event_known = false;
  section.require("event", "the name of a product event, as `squall list events` shows them");
  if (const auto name = section.text("event")) {
    const auto event = runtime::event_named(*name);
    if (event) {
      event_known = true;
      into.event = *event;
    } else {
      section.fail("event", fmt::format("\"{}\" is no event{}", *name, suggestion(*name, event_names())));
    }
  }
  section.read("count", Unit::count, into.event_count, {1, INT64_MAX});
  if (const toml::table* where = section.table("where")) {
    std::vector<std::string_view> fields{"node"};
    for (const std::string_view field : runtime::fields_of(into.event)) fields.push_back(field);
    for (const auto& [key, node] : *where) {
      if (event_known && std::ranges::find(fields, key.str()) == fields.end()) {
        section.errors().report(
            place_of(node), section.path_of("where." + std::string{key.str()}),
            fmt::format("the event {} has no such field{}", runtime::to_string(into.event), suggestion(key.str(), fields)));
        continue;
      }
      const auto value = value_of(node, Unit::word);
      if (value) {
        into.where.emplace_back(std::string{key.str()}, value->to_string());
      } else {
        section.errors().report(place_of(node), section.path_of("where." + std::string{key.str()}), value.error());
      }
    }
  }
  section.finish();
}

void parse_trigger(Section& section, FaultSpec& into) {
  const int triggers = (section.has("at") ? 1 : 0) + (section.has("on") ? 1 : 0) + (section.has("after") ? 1 : 0);
  if (triggers > 1) section.fail("", "has more than one of `at`, `on` and `after`");
  if (triggers == 0 && !section.has("every")) section.fail("", "never fires: give it `at`, `on`, `after` or `every`");
  section.read("at", Unit::duration, into.at, {0, INT64_MAX});
  if (const toml::node* at = section.node("at")) into.at_place = place_of(*at);
  if (const toml::table* on = section.table("on")) {
    into.trigger = TriggerKind::on_event;
    parse_event(Section{*on, section.path_of("on"), section.errors()}, into);
  }
  if (const auto after = section.text("after")) {
    into.trigger = TriggerKind::after_fault;
    into.after = *after;
    if (into.after.starts_with("end of ")) {
      into.after.erase(0, 7);
      into.after_end = true;
    }
  }
  section.read("delay", Unit::duration, into.delay, {0, INT64_MAX});
  section.read("every", Unit::duration, into.every, {0, INT64_MAX});
  if (into.every && into.every->greatest() < 1'000'000) section.fail("every", "must be at least 1ms");
  section.read("times", Unit::count, into.times, {0, INT64_MAX});
  section.read("chance", Unit::probability, into.chance);
}

std::optional<Selector> parse_selector(Section& section, const ParameterInfo& info) {
  const auto text = section.text(info.name);
  if (section.has(info.name) && !text) return std::nullopt;
  const auto selector = Selector::parse(text.value_or(std::string{info.fallback}));
  if (!selector) {
    section.fail(info.name, selector.error());
    return std::nullopt;
  }
  if (info.kind == ParameterKind::broker && !selector->is_server()) {
    section.fail(info.name, fmt::format("\"{}\" may name a client, but this fault strikes brokers and controllers",
                                        selector->to_string()));
  }
  if (info.kind == ParameterKind::client && !selector->is_client()) {
    section.fail(info.name,
                 fmt::format("\"{}\" may name a broker or controller, but this fault strikes clients", selector->to_string()));
  }
  return *selector;
}

Bounds parameter_bounds(const ParameterInfo& info) {
  constexpr std::int64_t million = 1'000'000;
  constexpr std::int64_t millisecond = million;
  if (info.name == "by") return {};
  if (info.name == "ppm") return {1 - million, INT64_MAX};  // a clock never stands still
  if (info.name == "factor") return {factor_one, 10'000 * factor_one};
  if (info.name == "up" || info.name == "down") return {millisecond, INT64_MAX};
  if (info.name == "rounds") return {1, 1'000};
  if (info.name == "flips") return {1, million};
  return {0, INT64_MAX};
}

void parse_parameter(Section& section, const ParameterInfo& info, FaultSpec& into) {
  if (info.kind == ParameterKind::broker || info.kind == ParameterKind::client || info.kind == ParameterKind::node) {
    auto selector = parse_selector(section, info);
    if (const toml::node* node = section.node(info.name)) into.selector_places.emplace_back(info.name, place_of(*node));
    (info.name == "from" ? into.from : info.name == "to" ? into.to : into.node) = std::move(selector);
    return;
  }
  const auto words = info.kind == ParameterKind::flag ? std::span<const std::string_view>{truths} : info.words;
  if (info.fallback.empty()) section.require(info.name, info.help);
  auto value = section.value(info.name, info.unit, parameter_bounds(info), words);
  if (!value && !info.fallback.empty()) {
    auto fallback = Value::parse(info.fallback, info.unit, words);
    SQUALL_ASSERT(fallback.has_value(), "the defaults in the table of faults are valid");
    value = std::move(*fallback);
  }
  if (value) into.values.emplace_back(info.name, std::move(*value));
}

void parse_action(Section& section, FaultSpec& into) {
  const FaultInfo* chosen = nullptr;
  for (const std::string_view name : fault_names()) {
    if (!section.raw().contains(name)) continue;
    section.know(name);
    if (chosen != nullptr) {
      return section.fail(name, fmt::format("a [[fault]] does one thing, and this one does \"{}\" already", chosen->name));
    }
    chosen = fault_named(name);
  }
  if (chosen == nullptr) return;  // a misspelt one is reported as an unknown key; none at all below
  into.kind = chosen->kind;
  const toml::table* table = section.table(chosen->name);
  if (table == nullptr) return;
  Section action{*table, section.path_of(chosen->name), section.errors()};
  for (const ParameterInfo& parameter : chosen->parameters) parse_parameter(action, parameter, into);
  action.finish();
}

// A key that is neither known nor a fault: say what it may have meant, keys and faults alike.
void finish_fault(Section& section) {
  bool any_action = false;
  for (const std::string_view name : fault_names()) any_action = any_action || section.raw().contains(name);
  for (const std::string_view name : fault_names()) section.know(name);
  bool unknown = false;
  constexpr std::array<std::string_view, 8> others{"name", "at", "on", "after", "delay", "every", "times", "chance"};
  for (const auto& [key, node] : section.raw()) {
    unknown = unknown || (fault_named(key.str()) == nullptr && std::ranges::find(others, key.str()) == others.end());
  }
  section.finish();
  if (!any_action && !unknown) section.fail("", "does nothing: give it a fault such as pause = { for = \"2s\" }");
}

}  // namespace

const Value& FaultSpec::value(std::string_view parameter) const {
  const auto found = std::ranges::find(values, parameter, &std::pair<std::string_view, Value>::first);
  SQUALL_ASSERT(found != values.end(), "a fault is asked only for parameters of its kind");
  return found->second;
}

FaultSpec parse_fault(Section section) {
  FaultSpec fault;
  fault.place = section.place();
  fault.name = section.text("name").value_or("");
  parse_trigger(section, fault);
  parse_action(section, fault);
  finish_fault(section);
  return fault;
}

SwarmSpec parse_swarm(Section section) {
  SwarmSpec swarm;
  section.require("count", "how many faults to draw, such as \"uniform(2, 6)\"");
  section.require("between", "the pause before each fault, such as \"exponential(3s)\"");
  section.read("count", Unit::count, swarm.count, {0, 10'000});
  section.read("between", Unit::duration, swarm.between, {0, INT64_MAX});
  const toml::node* node = section.node("faults");
  const toml::array* array = node == nullptr ? nullptr : node->as_array();
  if (array == nullptr || array->empty()) {
    section.fail("faults", "must be an array of kinds of faults, such as [\"pause\", \"crash\"]");
  } else {
    for (const toml::node& element : *array) {
      const std::string word = element.is_string() ? element.as_string()->get() : "";
      const FaultInfo* info = fault_named(word);
      if (info == nullptr) {
        section.errors().report(place_of(element), section.path_of("faults"),
                                fmt::format("\"{}\" is no fault{}", word, suggestion(word, fault_names())));
        break;
      }
      const auto needed = std::ranges::find_if(info->parameters, [](const auto& one) { return one.fallback.empty(); });
      if (needed != info->parameters.end()) {
        section.errors().report(place_of(element), section.path_of("faults"),
                                fmt::format("\"{}\" cannot be drawn: its `{}` has no default", word, needed->name));
      }
      swarm.kinds.push_back(info->kind);
    }
  }
  section.finish();
  return swarm;
}

}  // namespace squall::scenarios
