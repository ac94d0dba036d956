// The partitions of which this broker holds a replica, found by name or by topic id. Follows the metadata image: `apply` opens
// and removes logs and hands the partitions their roles, so that the table agrees with it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/metadata_image.h"
#include "broker/partition.h"
#include "log/log_manager.h"
#include "raft/shell/metadata_loader.h"
#include "runtime/world.h"

namespace squall::broker {

using ImageChange = raft::MetadataDelta;

class PartitionTable {
 public:
  // `config_of` gives the configuration that a topic has at the time it is asked.
  PartitionTable(runtime::World& world, log::LogManager& logs, const PartitionSetup& setup,
                 std::function<TopicConfig(std::string_view)> config_of)
      : world_{world}, logs_{logs}, setup_{setup}, config_of_{std::move(config_of)} {}

  // Null if there is none.
  [[nodiscard]] const PartitionRef& find(std::string_view topic, std::int32_t index) const;
  [[nodiscard]] const PartitionRef& find(Uuid topic, std::int32_t index) const;
  [[nodiscard]] bool knows(Uuid topic) const { return by_id_.contains(topic); }
  [[nodiscard]] bool knows(std::string_view topic) const { return by_name_.contains(topic); }

  // Makes the table agree with `image` in what changed: logs are made durable before it returns. May wait: for new logs, and
  // for what is being written to partitions that change their role. Calls take turns.
  void apply(const MetadataImage& image, const ImageChange& change);
  // At start: all topics of `image`; logs of no topic in it are set aside as strays. The image is no older than this broker's
  // own registration: a leader of before must not lead its old epoch again (see MetadataChanged). May wait.
  void load(const MetadataImage& image);

  // All partitions, by topic name and number.
  [[nodiscard]] std::vector<PartitionRef> all() const;

 private:
  struct Topic {
    std::string name;
    Uuid id;
    std::vector<PartitionRef> partitions{};  // by number; null: not on this broker
    // What was last applied: only what differs from it is looked at.
    MetadataImage::Topic applied{};
    TopicConfig config{};
  };
  using TopicRef = std::shared_ptr<Topic>;
  struct NameHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const {
      return std::hash<std::string_view>{}(name);  // allowed: to look up, never to walk
    }
  };
  struct IdHash {
    std::size_t operator()(const Uuid& id) const {
      return static_cast<std::size_t>(id.most_significant ^ id.least_significant);
    }
  };

  void know_brokers(const MetadataImage& image);
  void know_defaults(const MetadataImage& image);
  void agree(const MetadataImage& image, const std::string& name, log::PartitionAge age);
  void remove(std::string_view name);
  void put(const MetadataImage::Topic& topic, log::PartitionAge age);
  // All `indexes`, several at once where it has to wait: for a log, or for the end of a role.
  void put_all(Topic& held, const TopicImage& topic, const std::vector<std::size_t>& indexes, log::PartitionAge age);
  [[nodiscard]] bool is_long(const Topic& held, const TopicImage& topic, std::size_t index) const;
  void put(Topic& held, const TopicImage& topic, std::size_t index, log::PartitionAge age);
  void configure(Topic& held);
  PartitionRef opened(const TopicImage& topic, std::size_t index, log::PartitionAge age);

  runtime::World& world_;
  log::LogManager& logs_;
  PartitionSetup setup_;
  raft::ConfigValues defaults_;  // set for all brokers
  Brokers brokers_ = std::make_shared<const BrokerDirectory>();
  std::function<TopicConfig(std::string_view)> config_of_;
  std::unordered_map<std::string, TopicRef, NameHash, std::equal_to<>> by_name_;  // looked up only, never walked
  std::unordered_map<Uuid, TopicRef, IdHash> by_id_;
  std::map<std::string, TopicRef, std::less<>> ordered_;
};

}  // namespace squall::broker
