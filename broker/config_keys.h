// The tables of configuration keys: what a node reads from `server.properties`, and what a topic may override.
//
// Names, types, units, defaults and ranges are Kafka's (4.2). One row is all there is to a key: the parser, DescribeConfigs,
// the help text and docs/configuration.md are made from it. Keys of Kafka that Squall accepts without effect say so in `doc`.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace squall::broker {

// Values are those of DescribeConfigs on the wire.
enum class ConfigType : std::uint8_t {
  boolean = 1,
  string = 2,
  int32 = 3,
  int16 = 4,
  int64 = 5,
  decimal = 6,
  list = 7,
};

[[nodiscard]] std::string_view to_string(ConfigType type);

struct ConfigKey {
  std::string_view name;
  ConfigType type = ConfigType::string;
  // No default: the key is unset (null on the wire), and what follows from that is in `doc`.
  std::optional<std::string_view> default_value;
  std::int64_t min = std::numeric_limits<std::int64_t>::min();  // of numbers, included
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
  std::string_view choices;  // of strings and lists: the words allowed, with commas between; empty: any
  std::string_view doc;
};

// A broker key that gives a topic key its default: the first of a topic key's synonyms that is set wins, else the last one's
// default, times `multiplier`.
struct Synonym {
  std::string_view broker_key;
  std::int64_t multiplier = 1;
};

struct TopicConfigKey {
  ConfigKey key;
  std::array<Synonym, 3> synonyms;  // unused ones have an empty name; all unused: `key.default_value` holds
};

[[nodiscard]] std::span<const ConfigKey> broker_config_keys();
[[nodiscard]] std::span<const TopicConfigKey> topic_config_keys();
// What IncrementalAlterConfigs sets for one broker, or for all of them, while they run (KIP-226). None of them is a key of
// `server.properties`.
[[nodiscard]] std::span<const ConfigKey> dynamic_broker_config_keys();
[[nodiscard]] const ConfigKey* find_dynamic_broker_config_key(std::string_view name);
[[nodiscard]] const ConfigKey* find_broker_config_key(std::string_view name);
[[nodiscard]] const TopicConfigKey* find_topic_config_key(std::string_view name);

// What is wrong with `text` as the value of `key` ("must be a whole number from 0 to 10, not 'x'"), or nothing.
[[nodiscard]] std::optional<std::string> check_value(const ConfigKey& key, std::string_view text);

[[nodiscard]] std::optional<std::int64_t> parse_integer(std::string_view text);
[[nodiscard]] std::optional<bool> parse_boolean(std::string_view text);
// The parts of a comma-separated list, trimmed, without empty ones.
[[nodiscard]] std::vector<std::string> parse_list(std::string_view text);
[[nodiscard]] std::string_view trim(std::string_view text);

// The known broker key nearest to `name` by edit distance; empty if none is near.
[[nodiscard]] std::string_view nearest_broker_config_key(std::string_view name);

}  // namespace squall::broker
