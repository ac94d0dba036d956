#include "protocol/writer.h"

#include <algorithm>

namespace squall::protocol {

void Writer::grow(std::size_t size) {
  const std::size_t wanted = cursor_ + size;
  if (wanted > buffer_.capacity()) buffer_.reserve(std::max<std::size_t>(wanted, 2 * buffer_.capacity()));
  // A window of some size, not all the capacity: growing fills with zeros.
  buffer_.resize(std::min(buffer_.capacity(), wanted + std::max<std::size_t>(256, cursor_ / 2)));
}

void Writer::fail(std::string_view field, std::string_view what) {
  if (failed_) return;
  failed_ = true;
  error_ = {.field = field, .what = what};
}

void Writer::rewind(Mark begin) {
  failed_ = false;
  cursor_ = begin.position;
  while (splices_.size() > begin.splices) {
    external_bytes_ -= splices_.back().bytes;
    splices_.pop_back();
  }
  finish();
}

EncodeResult Writer::end_message(Mark begin) {
  if (failed_) {
    rewind(begin);
    return std::unexpected{error_};
  }
  finish();
  return {};
}

void Writer::null_length(bool compact, bool wide, bool nullable, std::string_view field) {
  if (!nullable) return fail(field, "is null, which this version cannot carry");
  if (compact) {
    unsigned_varint(0);
  } else if (wide) {
    integer<std::int32_t>(-1);
  } else {
    integer<std::int16_t>(-1);
  }
}

void Writer::string(const std::optional<std::string>& value, bool compact, bool nullable, std::string_view field) {
  if (value) return string(*value, compact, field);
  null_length(compact, false, nullable, field);
}

void Writer::bytes(ByteView value, bool compact, std::string_view field) {
  length_32(value.size(), compact, field);
  if (!failed_) raw(value);
}

void Writer::bytes(const std::optional<ByteBuffer>& value, bool compact, bool nullable, std::string_view field) {
  if (value) return bytes(*value, compact, field);
  null_length(compact, true, nullable, field);
}

void Writer::records(const Records& value, bool compact, bool nullable, std::string_view field) {
  if (value.is_null) return null_length(compact, true, nullable, field);
  if (value.external_bytes == 0) return bytes(value.bytes, compact, field);
  length_32(value.external_bytes, compact, field);
  if (failed_) return;
  splices_.push_back({.position = cursor_, .bytes = value.external_bytes});
  external_bytes_ += value.external_bytes;
}

void Writer::null_array(bool compact, bool nullable, std::string_view field) { null_length(compact, true, nullable, field); }

void Writer::end_tagged(Mark begin) {
  const std::size_t written = cursor_ - begin.position - 1;
  std::uint64_t length = written;
  for (std::size_t i = begin.splices; i < splices_.size(); ++i) length += splices_[i].bytes;
  if (length > length_max) return fail("tagged field", "is longer than a 32-bit length can say");
  const std::size_t extra = unsigned_varint_size(static_cast<std::uint32_t>(length)) - 1;
  if (extra > 0) {
    (void)room(extra);
    std::uint8_t* body = buffer_.data() + begin.position + 1;
    std::memmove(body + extra, body, written);
    cursor_ += extra;
    for (std::size_t i = begin.splices; i < splices_.size(); ++i) splices_[i].position += extra;
  }
  write_unsigned_varint(buffer_.data() + begin.position, static_cast<std::uint32_t>(length));
}

}  // namespace squall::protocol
