// On each replica the high watermark only rises, and nothing below it is cut off, unless a fault excuses it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/types.h"
#include "scenarios/checks/check.h"

namespace squall::scenarios {

struct Truncation {
  Offset end;                             // where the log ends now
  Offset high_watermark;                  // before
  Offset log_start;                       // before
  std::int64_t excused_from = INT64_MAX;  // what lies from here on a fault may have cost
};

class HighWatermarkMonotonic final : public Check {
 public:
  HighWatermarkMonotonic()
      : Check("high_watermark_monotonic", "The high watermark of a replica never falls, and nothing below it is cut off.") {}

  // Nodes are numbered. This is told with most requests.
  void moved(std::uint32_t node, std::string_view node_name, std::string_view partition, Offset to, Instant at) {
    const auto [known, first] = place(node, partition, to);
    if (first) return;
    count();
    if (to <= *known) fell(node_name, partition, *known, to, at);
    *known = to;
  }
  void truncated(std::uint32_t node, std::string_view node_name, std::string_view partition, const Truncation& cut, Instant at);
  // The replica went from the node; one that comes later is another.
  void removed(std::uint32_t node, std::string_view partition);
  // A process begins with the high watermarks of its checkpoint.
  void started(std::uint32_t node);

 private:
  struct NameHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const {
      return std::hash<std::string_view>{}(name);  // allowed: to look up, never to walk
    }
  };
  using Marks = std::unordered_map<std::string, Offset, NameHash, std::equal_to<>>;
  struct Place {
    Offset* known;
    bool first;
  };
  Place place(std::uint32_t node, std::string_view partition, Offset first);
  void fell(std::string_view node, std::string_view partition, Offset from, Offset to, Instant at);

  std::vector<Marks> nodes_;
};

}  // namespace squall::scenarios
