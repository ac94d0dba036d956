// Frames are read into buffers that are reused: allocating and clearing a megabyte per request would cost more than reading it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"

namespace squall::broker {

// Memory of a fixed capacity whose bytes are not cleared.
struct Buffer {
  std::unique_ptr<std::uint8_t[]> data;
  std::size_t capacity = 0;

  [[nodiscard]] MutableBytes from(std::size_t position) const { return {data.get() + position, capacity - position}; }
};

class BufferPool {
 public:
  static constexpr std::size_t small_bytes = std::size_t{16} << 10;  // what a connection begins with

  // At least `capacity` bytes.
  [[nodiscard]] Buffer take(std::size_t capacity);
  void give_back(Buffer buffer);

 private:
  static constexpr std::size_t kept_bytes_max = std::size_t{16} << 20;

  std::vector<Buffer> small_;
  std::vector<Buffer> large_;  // of powers of two
  std::size_t kept_bytes_ = 0;
};

}  // namespace squall::broker
