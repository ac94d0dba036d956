// What stands around the messages that are records in a log.
//
// Every `decode_` here takes the whole key or value of a record and fails on bytes that are left over.
#pragma once

#include <cstdint>
#include <expected>

#include "base/bytes.h"
#include "protocol/message.h"
#include "protocol/messages/group_records.h"
#include "protocol/messages/metadata_records.h"
#include "protocol/messages/remote_log_records.h"
#include "protocol/messages/transaction_records.h"
#include "protocol/reader.h"
#include "protocol/writer.h"

namespace squall::protocol {

// The value of a record of the metadata log: frame version 1, type and version as unsigned varints, body (KIP-631).
EncodeResult encode_metadata_record(Writer& writer, std::int16_t version, const MetadataRecord& record);
std::expected<MetadataRecord, DecodeError> decode_metadata_record(ByteView value);

// The value of a record of __remote_log_metadata: type and version as unsigned varints, body.
EncodeResult encode_remote_log_record(Writer& writer, std::int16_t version, const RemoteLogRecord& record);
std::expected<RemoteLogRecord, DecodeError> decode_remote_log_record(ByteView value);

// The key of a coordinator's record: its type as int16, then the body in version 0.
EncodeResult encode_record_key(Writer& writer, const GroupKey& key);
EncodeResult encode_record_key(Writer& writer, const TransactionKey& key);
std::expected<GroupKey, DecodeError> decode_group_key(ByteView key);
std::expected<TransactionKey, DecodeError> decode_transaction_key(ByteView key);

// The value of a coordinator's record: its version as int16, then the body; the type is that of the key.
EncodeResult encode_record_value(Writer& writer, std::int16_t version, const GroupValue& value);
EncodeResult encode_record_value(Writer& writer, std::int16_t version, const TransactionValue& value);
std::expected<GroupValue, DecodeError> decode_group_value(std::int16_t type, ByteView value);
std::expected<TransactionValue, DecodeError> decode_transaction_value(std::int16_t type, ByteView value);

// A message behind its version as int16, as in ConsumerProtocolSubscription. A version above those known is read as the
// highest known, and what follows is left: such messages grow at their end.
template <class Message>
EncodeResult encode_versioned(Writer& writer, std::int16_t version, const Message& message) {
  const Writer::Mark begin = writer.mark();
  writer.integer(version);
  if (EncodeResult written = encode(writer, version, message); !written) {
    writer.rewind(begin);
    return written;
  }
  return {};
}
template <class Message>
DecodeResult decode_versioned(Reader& reader, Message& out) {
  const auto version = reader.integer<std::int16_t>();
  return decode(reader, version > Message::version_max ? Message::version_max : version, out);
}

}  // namespace squall::protocol
