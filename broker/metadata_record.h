// Records of the metadata log (KIP-631) as values, and their framing: frame version 1, type and version as unsigned varints,
// then the flexible body.
#pragma once

#include <expected>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "protocol/messages/metadata_records.h"

namespace squall::broker {

// A record of another type than these is skipped by replay: it belongs to a part of Kafka that this node does not serve.
struct OtherRecord {
  std::uint32_t type = 0;
};

using MetadataRecord =
    std::variant<protocol::TopicRecord, protocol::PartitionRecord, protocol::PartitionChangeRecord, protocol::RemoveTopicRecord,
                 protocol::ConfigRecord, protocol::RegisterBrokerRecord, protocol::BrokerRegistrationChangeRecord,
                 protocol::FeatureLevelRecord, protocol::ProducerIdsRecord, protocol::NoOpRecord, OtherRecord>;

// Appends the framed record to `to`. Not for OtherRecord.
void encode_metadata_record(const MetadataRecord& record, ByteBuffer& to);
// Fails with what is wrong with the bytes.
[[nodiscard]] std::expected<MetadataRecord, std::string> decode_metadata_record(ByteView bytes);

}  // namespace squall::broker
