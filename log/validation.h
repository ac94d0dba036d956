// What is checked of batches before they are appended, and what is stamped into them.
#pragma once

#include <cstdint>
#include <expected>
#include <vector>

#include "base/bytes.h"
#include "base/types.h"
#include "log/batch_info.h"
#include "log/log_config.h"
#include "log/log_error.h"
#include "log/producer_state.h"
#include "runtime/world.h"

namespace squall::log {

struct ValidationRequest {
  AppendOrigin origin{};
  const LogConfig* config = nullptr;
  std::int64_t now_ms = 0;
  Offset log_end;     // where the next record goes
  LeaderEpoch epoch;  // the leader's
};

// Checks every batch of `bytes` and describes it in `batches`. From a client or coordinator: length, magic, CRC, size limit,
// one batch per append (client), records well-formed, timestamps within bounds, keys where compaction needs them; the max
// timestamp is put right, or the log-append time set. From a leader: length, magic, CRC, offsets that rise from `log_end` on,
// epochs not above `epoch` (KAFKA-18723). Offsets of a client's batches are those it sent: `assign_offsets` comes after.
std::expected<void, AppendError> validate(runtime::World& world, MutableBytes bytes, const ValidationRequest& request,
                                          protocol::Compressor& compressor, ByteBuffer& scratch,
                                          std::vector<BatchInfo>& batches);

// Gives the batches the next offsets and the leader's epoch, in the bytes and in `batches`. Leaves the CRC alone: neither field
// is under it.
void assign_offsets(MutableBytes bytes, Offset first, LeaderEpoch epoch, std::vector<BatchInfo>& batches);

}  // namespace squall::log
