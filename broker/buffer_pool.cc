#include "broker/buffer_pool.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace squall::broker {

Buffer BufferPool::take(std::size_t capacity) {
  std::vector<Buffer>& shelf = capacity <= small_bytes ? small_ : large_;
  const auto fits = std::ranges::find_if(shelf, [&](const Buffer& buffer) { return buffer.capacity >= capacity; });
  if (fits != shelf.end()) {
    std::swap(*fits, shelf.back());
    Buffer buffer = std::move(shelf.back());
    shelf.pop_back();
    kept_bytes_ -= buffer.capacity;
    return buffer;
  }
  const std::size_t size = capacity <= small_bytes ? small_bytes : std::bit_ceil(capacity);
  return {std::make_unique_for_overwrite<std::uint8_t[]>(size), size};
}

void BufferPool::give_back(Buffer buffer) {
  if (buffer.data == nullptr || kept_bytes_ + buffer.capacity > kept_bytes_max) return;
  kept_bytes_ += buffer.capacity;
  (buffer.capacity <= small_bytes ? small_ : large_).push_back(std::move(buffer));
}

}  // namespace squall::broker
