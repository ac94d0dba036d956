// Whether all partitions of the plan have as many live replicas in sync as min.insync.replicas asks for.
//
// Asked again and again while metadata changes: it keeps which partitions lack one, and looks only at those that an image does
// not share with the one before.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/types.h"
#include "raft/metadata/metadata_image.h"

namespace squall::scenarios {

class ServeCheck {
 public:
  struct Wanted {
    std::string topic;
    std::size_t in_sync = 1;
  };
  explicit ServeCheck(std::vector<Wanted> topics) : topics_{std::move(topics)} {}

  // Partitions that `image` does not have count as served. `up` tells who is live, in any order.
  [[nodiscard]] bool all_served(const raft::MetadataImage& image, std::vector<NodeId> up);

 private:
  struct Seen {
    raft::MetadataImage::Topic topic;
    std::set<std::size_t> lacking;
  };
  void look(Seen& seen, const raft::MetadataImage::Topic& topic, std::size_t wanted) const;

  std::vector<Wanted> topics_;
  std::vector<NodeId> up_;
  std::map<std::string, Seen> seen_;
};

}  // namespace squall::scenarios
