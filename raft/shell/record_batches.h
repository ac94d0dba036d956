// Records of the metadata log, encoded in batches: what the controller proposes to the quorum.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "protocol/error_code.h"
#include "protocol/messages/metadata_records.h"
#include "raft/controller/decision.h"
#include "raft/metadata/record_version.h"

namespace squall::raft {

// Base offset and epoch are filled in by the quorum.
struct EncodedBatch {
  ByteBuffer bytes;
  std::int32_t count = 0;
};

struct BatchLimits {
  std::size_t records_max = records_per_operation_max;
  std::size_t bytes_max = std::size_t{8} << 20;  // of one batch, as in Kafka's KafkaRaftClient
};

// In the order of `records`: one batch if `atomic`, else as few as the limits allow. `version` is what the image says that they
// are decided from; a record that sets `metadata.version` holds for those behind it.
//
// POLICY_VIOLATION: an atomic operation, or a single record, is larger than a batch may be. UNKNOWN_SERVER_ERROR: a record
// cannot be written in its version.
[[nodiscard]] std::expected<std::vector<EncodedBatch>, protocol::ErrorCode> encode_batches(
    std::span<const protocol::MetadataRecord> records, MetadataVersion version, bool atomic, std::int64_t timestamp_ms,
    const BatchLimits& limits = {});

}  // namespace squall::raft
