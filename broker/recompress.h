// The topic's codec, where it is not the producer's (`compression.type` other than `producer`).
#pragma once

#include "base/bytes.h"
#include "broker/partition.h"
#include "protocol/error_code.h"

namespace squall::broker {

struct BrokerState;

struct Recompressed {
  ByteBuffer bytes;  // empty without an error: the batch has the topic's codec already
  protocol::ErrorCode error = protocol::ErrorCode::none;
};

// One batch of a client, which has been framed but not validated.
[[nodiscard]] Recompressed recompress(BrokerState& broker, const Partition& partition, ByteView batch);

}  // namespace squall::broker
