// What the controller asks about configuration keys: which there are, what they may be, and what holds without them.
//
// The controller stores what the schema lets pass; the tables of keys belong to the broker.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/messages/create_topics.h"
#include "raft/metadata/metadata_image.h"

namespace squall::raft {

class ConfigSchema {
 public:
  ConfigSchema() = default;
  ConfigSchema(const ConfigSchema&) = delete;
  ConfigSchema& operator=(const ConfigSchema&) = delete;
  virtual ~ConfigSchema() = default;

  // Why `keys` of such a resource cannot be altered at all, or nothing.
  [[nodiscard]] virtual std::optional<std::string> refuses(ConfigResource resource,
                                                           const std::vector<std::string>& keys) const = 0;
  [[nodiscard]] virtual bool knows(ConfigResource resource, std::string_view key) const = 0;
  [[nodiscard]] virtual bool is_list(ConfigResource resource, std::string_view key) const = 0;
  // What is wrong with setting `key` to `value`, or nothing. The key is known.
  [[nodiscard]] virtual std::optional<std::string> check(ConfigResource resource, std::string_view key,
                                                         std::string_view value) const = 0;
  // What holds for `key` of a resource that has `own` set, if the cluster's dynamic configuration is `cluster`.
  [[nodiscard]] virtual std::optional<std::string> effective(ConfigResource resource, std::string_view key,
                                                             const ConfigValues& own, const ConfigValues& cluster) const = 0;
  // All that holds for a new topic, for the answer to its maker.
  [[nodiscard]] virtual std::vector<protocol::CreateTopicsResponse::CreatableTopicConfigs> describe_topic(
      const ConfigValues& own) const = 0;

  [[nodiscard]] virtual std::int32_t num_partitions() const = 0;
  [[nodiscard]] virtual std::int16_t default_replication_factor() const = 0;
};

// The effective `min.insync.replicas` of a topic, at least 1.
[[nodiscard]] std::size_t min_in_sync_replicas(const ConfigSchema& schema, const MetadataImage& image, std::string_view topic);
// Whether a topic would rather lose records than be without a leader.
[[nodiscard]] bool unclean_election_enabled(const ConfigSchema& schema, const MetadataImage& image, std::string_view topic);

}  // namespace squall::raft
