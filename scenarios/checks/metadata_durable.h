// Topics: what was created stays, what was deleted stays gone, partitions are never fewer, whatever happens in between.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "scenarios/checks/check.h"

namespace squall::scenarios {

class MetadataDurable final : public Check {
 public:
  MetadataDurable() : Check("metadata_durable", "An acknowledged change of metadata is never lost.") {}

  // A change is under way, or its outcome was not told: until the next listing, both outcomes are right.
  void uncertain(const std::string& topic) { topics_[topic].certain = false; }
  // Acknowledged changes.
  void created(const std::string& topic, std::int32_t partitions) { topics_[topic] = {true, true, partitions}; }
  void deleted(const std::string& topic) { known_gone(topic); }
  // A listing that was asked for after all of the above said this. What it says holds from now on.
  void listed(const std::string& topic, std::optional<std::int32_t> partitions, Instant at);
  // A change of a config is under way, or its outcome was not told; the last change that was acknowledged.
  void config_uncertain(const std::string& topic, const std::string& key) { configs_.erase({topic, key}); }
  void configured(const std::string& topic, const std::string& key, std::string value) {
    configs_[{topic, key}] = std::move(value);
  }
  // What one node has replayed, after everything above was acknowledged and the node has caught up.
  class NodeView {
   public:
    virtual ~NodeView() = default;
    [[nodiscard]] virtual std::optional<std::int32_t> partitions(const std::string& topic) const = 0;
    // Nothing: it is not set.
    [[nodiscard]] virtual std::optional<std::string> config(const std::string& topic, const std::string& key) const = 0;
  };
  void replayed(std::string_view node, const NodeView& view, Instant at);
  [[nodiscard]] bool destroyed() const { return destroyed_; }
  // A config was described after `acknowledged` was the last change to it.
  void config_seen(const std::string& topic, std::string_view key, std::string_view acknowledged, std::string_view seen,
                   Instant at);
  // Metadata was destroyed by a fault: nothing is certain any more.
  void forget_all();

 private:
  void known_gone(const std::string& topic);
  struct Known {
    bool certain = false;
    bool exists = false;
    std::int32_t partitions = 0;
  };
  std::map<std::string, Known> topics_;
  std::map<std::pair<std::string, std::string>, std::string> configs_;  // by topic and key: acknowledged, and not changed since
  bool destroyed_ = false;
};

}  // namespace squall::scenarios
