#include "scenarios/checks/replayed_equally.h"

#include <fmt/format.h>

namespace squall::scenarios {

void ReplayedEqually::compare(std::span<const NodeImage> images, Instant at) {
  for (std::size_t one = 0; one < images.size(); ++one) {
    const NodeImage& mine = images[one];
    count();
    if (const auto wrong = raft::wrong_with(*mine.image)) {
      return violated(at, fmt::format("the metadata that {} has replayed up to {} contradicts itself: {}", mine.node,
                                      mine.image->end_offset, *wrong));
    }
    for (std::size_t other = 0; other < one; ++other) {
      if (images[other].image->end_offset != mine.image->end_offset) continue;
      if (const auto differs = raft::difference(*mine.image, *images[other].image)) {
        return violated(at, fmt::format("{} and {} have both replayed the metadata up to {}, but differ in {}", mine.node,
                                        images[other].node, mine.image->end_offset, *differs));
      }
      break;  // that one was compared with the others
    }
  }
}

}  // namespace squall::scenarios
