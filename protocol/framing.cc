#include "protocol/framing.h"

#include <limits>
#include <optional>

namespace squall::protocol {
namespace {

constexpr std::uint32_t frame_version = 1;

// Writes what `prefix` writes and then the body; nothing if the body cannot be written.
template <class Any, class Prefix>
EncodeResult encode_behind(Writer& writer, std::int16_t version, const Any& any, Prefix prefix) {
  const Writer::Mark begin = writer.mark();
  prefix();
  EncodeResult written = encode_any(writer, version, any);
  if (!written) writer.rewind(begin);
  return written;
}

template <class Any>
std::expected<Any, DecodeError> decode_to_end(Reader& reader, std::int16_t type, std::int16_t version) {
  std::expected<Any, DecodeError> any;
  if (!reader.failed()) (void)decode_any(reader, type, version, *any);
  if (reader.remaining() > 0) reader.fail("bytes after the record");
  if (DecodeResult read = reader.result(); !read) return std::unexpected{read.error()};
  return any;
}

std::int16_t small_number(Reader& reader) {
  const std::uint32_t number = reader.unsigned_varint();
  if (number > std::numeric_limits<std::int16_t>::max()) reader.fail("a type or version of more than 16 bits");
  return static_cast<std::int16_t>(number);
}

void put_type_and_version(Writer& writer, std::int16_t type, std::int16_t version) {
  writer.unsigned_varint(static_cast<std::uint32_t>(type));
  writer.unsigned_varint(static_cast<std::uint32_t>(version));
}

template <class Any>
std::expected<Any, DecodeError> decode_typed(Reader& reader) {
  const std::int16_t type = small_number(reader);
  const std::int16_t version = small_number(reader);
  return decode_to_end<Any>(reader, type, version);
}

template <class Key>
std::expected<Key, DecodeError> decode_key(ByteView key) {
  Reader reader{key};
  const auto type = reader.integer<std::int16_t>();
  return decode_to_end<Key>(reader, type, 0);
}

template <class Value>
std::expected<Value, DecodeError> decode_value(std::int16_t type, ByteView value) {
  Reader reader{value};
  const auto version = reader.integer<std::int16_t>();
  return decode_to_end<Value>(reader, type, version);
}

}  // namespace

EncodeResult encode_metadata_record(Writer& writer, std::int16_t version, const MetadataRecord& record) {
  return encode_behind(writer, version, record, [&] {
    writer.unsigned_varint(frame_version);
    put_type_and_version(writer, type_of(record), version);
  });
}

std::expected<MetadataRecord, DecodeError> decode_metadata_record(ByteView value) {
  Reader reader{value};
  if (reader.unsigned_varint() != frame_version) reader.fail("an unknown frame version");
  return decode_typed<MetadataRecord>(reader);
}

EncodeResult encode_remote_log_record(Writer& writer, std::int16_t version, const RemoteLogRecord& record) {
  return encode_behind(writer, version, record, [&] { put_type_and_version(writer, type_of(record), version); });
}

std::expected<RemoteLogRecord, DecodeError> decode_remote_log_record(ByteView value) {
  Reader reader{value};
  return decode_typed<RemoteLogRecord>(reader);
}

EncodeResult encode_record_key(Writer& writer, const GroupKey& key) {
  return encode_behind(writer, 0, key, [&] { writer.integer(type_of(key)); });
}

EncodeResult encode_record_key(Writer& writer, const TransactionKey& key) {
  return encode_behind(writer, 0, key, [&] { writer.integer(type_of(key)); });
}

std::expected<GroupKey, DecodeError> decode_group_key(ByteView key) { return decode_key<GroupKey>(key); }

std::expected<TransactionKey, DecodeError> decode_transaction_key(ByteView key) { return decode_key<TransactionKey>(key); }

EncodeResult encode_record_value(Writer& writer, std::int16_t version, const GroupValue& value) {
  return encode_behind(writer, version, value, [&] { writer.integer(version); });
}

EncodeResult encode_record_value(Writer& writer, std::int16_t version, const TransactionValue& value) {
  return encode_behind(writer, version, value, [&] { writer.integer(version); });
}

std::expected<GroupValue, DecodeError> decode_group_value(std::int16_t type, ByteView value) {
  return decode_value<GroupValue>(type, value);
}

std::expected<TransactionValue, DecodeError> decode_transaction_value(std::int16_t type, ByteView value) {
  return decode_value<TransactionValue>(type, value);
}

}  // namespace squall::protocol
