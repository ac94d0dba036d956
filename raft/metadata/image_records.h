// The records that make an image out of nothing: what a snapshot holds.
#pragma once

#include <functional>

#include "protocol/messages/metadata_records.h"
#include "raft/metadata/metadata_image.h"

namespace squall::raft {

// Calls `visit` with each record in an order that can be replayed, `metadata.version` first. Replaying them gives `image`, but
// for its end offset. The image has no open transaction.
void visit_records(const MetadataImage& image, const std::function<void(const protocol::MetadataRecord&)>& visit);

}  // namespace squall::raft
