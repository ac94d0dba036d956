// The version in which this broker writes each record of the metadata log (KIP-631); protocol/framing.h frames them.
#pragma once

#include <cstdint>

#include "protocol/messages/metadata_records.h"

namespace squall::broker {

using protocol::MetadataRecord;

// That of metadata.version 4.2. Not for records that this broker never writes: asserted.
[[nodiscard]] std::int16_t written_version(const MetadataRecord& record);

}  // namespace squall::broker
