#include "protocol/reader.h"

namespace squall::protocol {

void Reader::fail(std::string_view what) {
  if (failed_) return;
  failed_ = true;
  error_ = {.what = what, .position = position()};
  cursor_ = end_;
}

std::int64_t Reader::negative(std::int64_t length, bool nullable) {
  if (length == -1 && nullable) return -1;
  fail(length == -1 ? "null where there must be a value" : "a negative length");
  return 0;
}

std::string_view Reader::text(std::int64_t length) {
  if (length > static_cast<std::int64_t>(string_bytes_max)) {
    fail("a string of more than 32,767 bytes");
    return {};
  }
  return as_text(take(static_cast<std::size_t>(length)));
}

void Reader::string(std::string& out, bool compact) { out = text(length_16(compact, false)); }

void Reader::string(std::optional<std::string>& out, bool compact, bool nullable) {
  const std::int64_t length = length_16(compact, nullable);
  if (length < 0) {
    out.reset();
  } else {
    out.emplace(text(length));
  }
}

void Reader::bytes(ByteBuffer& out, bool compact) {
  const ByteView view = take(static_cast<std::size_t>(length_32(compact, false)));
  out.assign(view.begin(), view.end());
}

void Reader::bytes(std::optional<ByteBuffer>& out, bool compact, bool nullable) {
  const std::int64_t length = length_32(compact, nullable);
  if (length < 0) {
    out.reset();
  } else {
    const ByteView view = take(static_cast<std::size_t>(length));
    out.emplace(view.begin(), view.end());
  }
}

void Reader::records(Records& out, bool compact, bool nullable) {
  const std::int64_t length = length_32(compact, nullable);
  out = length < 0 ? Records::null() : Records::of(take(static_cast<std::size_t>(length)));
}

bool Reader::present() { return integer<std::int8_t>() >= 0 && !failed_; }

const std::uint8_t* Reader::enter(std::size_t size) {
  const std::uint8_t* outer_end = end_;
  if (size > remaining()) {
    fail("a tagged field points beyond the end");
  } else {
    end_ = cursor_ + size;
  }
  return outer_end;
}

void Reader::leave(const std::uint8_t* outer_end) {
  if (cursor_ != end_) fail("a tagged field is longer than its value");
  end_ = outer_end;
  if (failed_) cursor_ = end_;
}

}  // namespace squall::protocol
