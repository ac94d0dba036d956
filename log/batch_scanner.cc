#include "log/batch_scanner.h"

#include <algorithm>

namespace squall::log {

SegmentResult<bool> BatchScanner::next(BatchInfo& info) {
  if (position_ >= end_) return false;
  constexpr SegmentError corrupt{LogError::corrupt_message, runtime::IoError::io_failure};
  if (end_ - position_ < protocol::batch_header_bytes) return std::unexpected(corrupt);
  if (position_ < window_from_ || position_ + protocol::batch_header_bytes > window_from_ + window_bytes_) {
    const std::size_t wanted = static_cast<std::size_t>(std::min<std::uint64_t>(window_.size(), end_ - position_));
    const auto read = runtime::pread_full(file_, MutableBytes{window_}.first(wanted), position_);
    if (!read) return segment_error(read.error());
    window_from_ = position_;
    window_bytes_ = *read;
    if (window_bytes_ < protocol::batch_header_bytes) return std::unexpected(corrupt);
  }
  const std::size_t at = static_cast<std::size_t>(position_ - window_from_);
  const protocol::RecordBatchView batch{ByteView{window_}.subspan(at, protocol::batch_header_bytes)};
  const auto frame = batch.validate_frame();
  const bool frame_good = frame || frame.error() == protocol::BatchError::truncated;  // only the header is at hand
  if (!frame_good || batch.size_bytes() > end_ - position_ || batch.last_offset_delta() < 0 ||
      batch.base_offset() < Offset{0}) {
    return std::unexpected(corrupt);
  }
  info = describe(batch, position_);
  position_ += info.bytes;
  return true;
}

}  // namespace squall::log
