#include "broker/metadata_record.h"

#include <fmt/format.h>

#include "base/assert.h"
#include "protocol/reader.h"
#include "protocol/writer.h"

namespace squall::broker {
namespace {

constexpr std::uint32_t frame_version = 1;

// Type and version that each record is written with (metadata.version of Kafka 4.2).
template <class Record>
struct Format;
#define SQUALL_METADATA_RECORD(name, type_id, written) \
  template <>                                          \
  struct Format<protocol::name> {                      \
    static constexpr std::uint32_t type = type_id;     \
    static constexpr std::int16_t version = written;   \
  }
SQUALL_METADATA_RECORD(RegisterBrokerRecord, 0, 3);
SQUALL_METADATA_RECORD(TopicRecord, 2, 0);
SQUALL_METADATA_RECORD(PartitionRecord, 3, 1);
SQUALL_METADATA_RECORD(ConfigRecord, 4, 0);
SQUALL_METADATA_RECORD(PartitionChangeRecord, 5, 1);
SQUALL_METADATA_RECORD(RemoveTopicRecord, 9, 0);
SQUALL_METADATA_RECORD(FeatureLevelRecord, 12, 0);
SQUALL_METADATA_RECORD(ProducerIdsRecord, 15, 0);
SQUALL_METADATA_RECORD(BrokerRegistrationChangeRecord, 17, 2);
SQUALL_METADATA_RECORD(NoOpRecord, 20, 0);
#undef SQUALL_METADATA_RECORD

using Decoded = std::expected<MetadataRecord, std::string>;

template <class Record>
Decoded decode_as(protocol::Reader& reader, std::int16_t version) {
  Record record;
  if (const auto done = decode(reader, version, record); !done) {
    return std::unexpected(
        fmt::format("a metadata record of type {}, version {}: {}", Format<Record>::type, version, done.error().what));
  }
  return MetadataRecord{std::move(record)};
}

}  // namespace

void encode_metadata_record(const MetadataRecord& record, ByteBuffer& to) {
  protocol::Writer writer{to};
  std::visit(
      [&](const auto& value) {
        using Record = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<Record, OtherRecord>) {
          SQUALL_ASSERT(false, "records of other types are never written");
        } else {
          writer.unsigned_varint(frame_version);
          writer.unsigned_varint(Format<Record>::type);
          writer.unsigned_varint(static_cast<std::uint32_t>(Format<Record>::version));
          const auto done = encode(writer, Format<Record>::version, value);
          SQUALL_ASSERT(done.has_value(), "a metadata record fits the version it is written with");
        }
      },
      record);
}

Decoded decode_metadata_record(ByteView bytes) {
  protocol::Reader reader{bytes};
  const std::uint32_t frame = reader.unsigned_varint();
  const std::uint32_t type = reader.unsigned_varint();
  const std::uint32_t version_bits = reader.unsigned_varint();
  if (reader.failed() || frame != frame_version || version_bits > 0x7FFF) {
    return std::unexpected(std::string{"a metadata record without a valid frame"});
  }
  const auto version = static_cast<std::int16_t>(version_bits);
  switch (type) {
    case 0: return decode_as<protocol::RegisterBrokerRecord>(reader, version);
    case 2: return decode_as<protocol::TopicRecord>(reader, version);
    case 3: return decode_as<protocol::PartitionRecord>(reader, version);
    case 4: return decode_as<protocol::ConfigRecord>(reader, version);
    case 5: return decode_as<protocol::PartitionChangeRecord>(reader, version);
    case 9: return decode_as<protocol::RemoveTopicRecord>(reader, version);
    case 12: return decode_as<protocol::FeatureLevelRecord>(reader, version);
    case 15: return decode_as<protocol::ProducerIdsRecord>(reader, version);
    case 17: return decode_as<protocol::BrokerRegistrationChangeRecord>(reader, version);
    case 20: return decode_as<protocol::NoOpRecord>(reader, version);
    default: return MetadataRecord{OtherRecord{type}};
  }
}

}  // namespace squall::broker
