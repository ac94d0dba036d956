// Topics: what was created stays, what was deleted stays gone, partitions are never fewer, whatever happens in between.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "scenarios/checks/check.h"

namespace squall::scenarios {

class MetadataDurable final : public Check {
 public:
  MetadataDurable() : Check("metadata_durable", "An acknowledged change of metadata is never lost.") {}

  // A change is under way, or its outcome was not told: until the next listing, both outcomes are right.
  void uncertain(const std::string& topic) { topics_[topic].certain = false; }
  // Acknowledged changes.
  void created(const std::string& topic, std::int32_t partitions) { topics_[topic] = {true, true, partitions}; }
  void deleted(const std::string& topic) { topics_[topic] = {true, false, 0}; }
  // A listing that was asked for after all of the above said this. What it says holds from now on.
  void listed(const std::string& topic, std::optional<std::int32_t> partitions, Instant at);
  // A config was described after `acknowledged` was the last change to it.
  void config_seen(const std::string& topic, std::string_view key, std::string_view acknowledged, std::string_view seen,
                   Instant at);
  // Metadata was destroyed by a fault: nothing is certain any more.
  void forget_all();

 private:
  struct Known {
    bool certain = false;
    bool exists = false;
    std::int32_t partitions = 0;
  };
  std::map<std::string, Known> topics_;
  bool destroyed_ = false;
};

}  // namespace squall::scenarios
