// Nodes that have replayed the metadata log up to the same offset have the same picture of the cluster, and a sound one.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "raft/metadata/metadata_image.h"
#include "scenarios/checks/check.h"

namespace squall::scenarios {

struct NodeImage {
  std::string node;
  std::shared_ptr<const raft::MetadataImage> image;  // not null
};

class ReplayedEqually final : public Check {
 public:
  ReplayedEqually()
      : Check("replayed_equally", "Nodes that have replayed the same metadata see the same cluster, and a sound one.") {}

  // Costs O(partitions) for each of `images`.
  void compare(std::span<const NodeImage> images, Instant at);
};

}  // namespace squall::scenarios
