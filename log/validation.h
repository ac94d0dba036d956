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

// What the records of one batch may decompress to, where they are appended as where one of them is looked up: what was accepted
// can be looked up, and a bomb takes no node down. Kafka has no such limit. Nothing waits while such a buffer is held, so that
// a node holds one of them at a time.
inline constexpr std::size_t decompressed_bytes_max = std::size_t{64} << 20;

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
