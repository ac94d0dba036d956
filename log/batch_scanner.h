// Steps from batch to batch through a segment file, reading headers only, a window at a time.
#pragma once

#include <array>
#include <cstdint>
#include <expected>

#include "log/batch_info.h"
#include "log/log_error.h"
#include "runtime/io.h"

namespace squall::log {

// Why a segment could not be used: the device (storage_error), or what it holds (corrupt_message).
struct SegmentError {
  LogError code = LogError::storage_error;
  runtime::IoError io = runtime::IoError::io_failure;
};
template <class T>
using SegmentResult = std::expected<T, SegmentError>;

[[nodiscard]] inline std::unexpected<SegmentError> segment_error(runtime::IoError error) {
  return std::unexpected(SegmentError{LogError::storage_error, error});
}

class BatchScanner {
 public:
  // From the batch that begins at `position`, up to `end`. The file outlives the scanner.
  BatchScanner(runtime::File& file, std::uint64_t position, std::uint64_t end) : file_{file}, position_{position}, end_{end} {}

  // False at the end. corrupt_message where no batch begins, or one that reaches beyond the end. May wait.
  SegmentResult<bool> next(BatchInfo& info);
  // Where the next batch begins, or the first that is no batch.
  [[nodiscard]] std::uint64_t position() const { return position_; }

 private:
  runtime::File& file_;
  std::uint64_t position_;
  std::uint64_t end_;
  std::uint64_t window_from_ = 0;
  std::size_t window_bytes_ = 0;
  std::array<std::uint8_t, 4096> window_;
};

}  // namespace squall::log
