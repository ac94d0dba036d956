// docs/configuration.md, made from the tables.
#include <fmt/format.h>

#include <iterator>

#include "broker/config.h"
#include "broker/config_keys.h"

namespace squall::broker {
namespace {

std::string valid_text(const ConfigKey& key) {
  if (!key.choices.empty()) {
    std::string words;
    for (const std::string& word : parse_list(key.choices)) fmt::format_to(std::back_inserter(words), "{} ", word);
    if (!words.empty()) words.pop_back();
    return words;
  }
  const bool has_min = key.min != std::numeric_limits<std::int64_t>::min();
  const bool has_max = key.max != std::numeric_limits<std::int64_t>::max() &&
                       !(key.type == ConfigType::int32 && key.max == std::numeric_limits<std::int32_t>::max());
  if (has_min && has_max) return fmt::format("{} to {}", key.min, key.max);
  if (has_min) return fmt::format(">= {}", key.min);
  return {};
}

std::string default_text(const ConfigKey& key) {
  if (!key.default_value) return "unset";
  return key.default_value->empty() ? "empty" : fmt::format("`{}`", *key.default_value);
}

std::string broker_keys_text(const TopicConfigKey& row) {
  std::string text;
  for (const Synonym& synonym : row.synonyms) {
    if (synonym.broker_key.empty()) continue;
    fmt::format_to(std::back_inserter(text), "{}`{}`", text.empty() ? "" : ", ", synonym.broker_key);
  }
  return text;
}

}  // namespace

std::string config_reference_page() {
  std::string page =
      "# Configuration\n\n"
      "Made by `squall-broker --print-config-reference`; a test keeps this page equal to the tables in the code.\n\n"
      "Names, types, units, defaults and ranges are those of Kafka 4.2. An unknown key is a warning that names the nearest\n"
      "known one; a bad value is an error with file, line, key and remedy.\n\n"
      "## server.properties\n\n| Key | Type | Default | Valid | Meaning |\n| --- | --- | --- | --- | --- |\n";
  auto out = std::back_inserter(page);
  for (const ConfigKey& key : broker_config_keys()) {
    fmt::format_to(out, "| `{}` | {} | {} | {} | {} |\n", key.name, to_string(key.type), default_text(key), valid_text(key),
                   key.doc);
  }
  page +=
      "\n## Brokers, while they run\n\nSet by IncrementalAlterConfigs for one broker, or for all of them with an empty name; "
      "the first wins.\n\n| Key | Type | Default | Valid | Meaning |\n| --- | --- | --- | --- | --- |\n";
  for (const ConfigKey& key : dynamic_broker_config_keys()) {
    fmt::format_to(out, "| `{}` | {} | {} | {} | {} |\n", key.name, to_string(key.type), default_text(key), valid_text(key),
                   key.doc);
  }
  page +=
      "\n## Topics\n\nSet by CreateTopics and IncrementalAlterConfigs. Where a topic sets nothing, the first of the broker "
      "keys that\n"
      "is set gives the value.\n\n| Key | Type | Default | Valid | Broker keys | Meaning |\n| --- | --- | --- | --- | --- | "
      "--- |\n";
  for (const TopicConfigKey& row : topic_config_keys()) {
    fmt::format_to(out, "| `{}` | {} | {} | {} | {} | {} |\n", row.key.name, to_string(row.key.type), default_text(row.key),
                   valid_text(row.key), broker_keys_text(row), row.key.doc);
  }
  return page;
}

}  // namespace squall::broker
