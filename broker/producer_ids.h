// Hands out producer ids from durable blocks of 1,000: an id is never given twice, across restarts too.
#pragma once

#include <cstdint>

#include "base/types.h"
#include "broker/metadata_store.h"
#include "runtime/mutex.h"

namespace squall::broker {

class ProducerIds {
 public:
  explicit ProducerIds(runtime::World& world) : turn_{world} {}

  // May wait: for a new block, if this one is used up.
  MetadataResult<ProducerId> next(MetadataStore& store);

 private:
  runtime::Mutex turn_;
  ProducerIdBlock block_;
};

}  // namespace squall::broker
