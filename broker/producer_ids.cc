#include "broker/producer_ids.h"

#include <mutex>

namespace squall::broker {

MetadataResult<ProducerId> ProducerIds::next(MetadataStore& store) {
  const std::lock_guard lock{turn_};
  if (block_.count == 0) {
    const auto block = store.allocate_producer_ids();
    if (!block) return std::unexpected(block.error());
    if (block->count == 0) return std::unexpected(protocol::ErrorCode::unknown_server_error);  // 2^63 ids are used up
    block_ = *block;
  }
  --block_.count;
  return ProducerId{block_.first++};
}

}  // namespace squall::broker
