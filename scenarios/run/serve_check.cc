#include "scenarios/run/serve_check.h"

#include <algorithm>
#include <utility>

namespace squall::scenarios {

bool ServeCheck::all_served(const raft::MetadataImage& image, std::vector<NodeId> up) {
  std::ranges::sort(up);
  if (up != up_) seen_.clear();
  up_ = std::move(up);
  bool all = true;
  for (const Wanted& wanted : topics_) {
    Seen& seen = seen_[wanted.topic];
    const raft::MetadataImage::Topic topic = image.find(wanted.topic);
    if (topic != seen.topic) look(seen, topic, wanted.in_sync);
    all = all && seen.lacking.empty();
  }
  return all;
}

void ServeCheck::look(Seen& seen, const raft::MetadataImage::Topic& topic, std::size_t wanted) const {
  const raft::MetadataImage::Topic before = std::exchange(seen.topic, topic);
  const bool grown = before != nullptr && topic != nullptr && before->id == topic->id;
  if (!grown) seen.lacking.clear();
  if (topic == nullptr) return;
  const auto is_live = [&](NodeId node) { return std::ranges::binary_search(up_, node); };
  topic->partitions.visit_unshared(grown ? before->partitions : raft::PersistentVector<raft::PartitionImage>{},
                                   [&](std::size_t index) {
                                     const raft::NodeList& in_sync = topic->partitions[index].in_sync_replicas;
                                     if (std::cmp_less(std::ranges::count_if(in_sync, is_live), wanted)) {
                                       seen.lacking.insert(index);
                                     } else {
                                       seen.lacking.erase(index);
                                     }
                                   });
}

}  // namespace squall::scenarios
