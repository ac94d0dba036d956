#include "sim/stream.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/assert.h"

namespace squall::sim {

void ByteRing::grow(std::size_t least) {
  ByteBuffer bigger(std::bit_ceil(std::max<std::size_t>(least, 1024)));
  const std::size_t kept = size_;
  pop(MutableBytes{bigger}.first(kept));
  bytes_ = std::move(bigger);
  head_ = 0;
  size_ = kept;
}

void ByteRing::push(ByteView bytes) {
  if (bytes.empty()) return;
  if (size_ + bytes.size() > bytes_.size()) grow(size_ + bytes.size());
  const std::size_t tail = (head_ + size_) & (bytes_.size() - 1);
  const std::size_t first = std::min(bytes.size(), bytes_.size() - tail);
  std::memcpy(bytes_.data() + tail, bytes.data(), first);
  if (first < bytes.size()) std::memcpy(bytes_.data(), bytes.data() + first, bytes.size() - first);
  size_ += bytes.size();
}

void ByteRing::pop(MutableBytes into) {
  SQUALL_ASSERT(into.size() <= size_, "only what is there is taken");
  if (into.empty()) return;
  const std::size_t first = std::min(into.size(), bytes_.size() - head_);
  std::memcpy(into.data(), bytes_.data() + head_, first);
  if (first < into.size()) std::memcpy(into.data() + first, bytes_.data(), into.size() - first);
  size_ -= into.size();
  head_ = size_ == 0 ? 0 : (head_ + into.size()) & (bytes_.size() - 1);
}

}  // namespace squall::sim
