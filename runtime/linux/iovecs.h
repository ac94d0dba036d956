// Views of bytes as the kernel wants them.
#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

#include "base/bytes.h"

namespace squall::runtime {

// As much of `from` as one system call should take: calls may be short, and a bounded one keeps the reactor responsive.
class Iovecs {
 public:
  static constexpr std::size_t views_max = 64;
  static constexpr std::size_t bytes_max = std::size_t{1024} * 1024;

  explicit Iovecs(std::span<const ByteView> from) {
    for (const ByteView view : from) {
      if (count_ == views_max || bytes_ == bytes_max) break;
      if (view.empty()) continue;
      const std::size_t size = std::min(view.size(), bytes_max - bytes_);
      // The kernel only reads through it.
      iovecs_[count_++] = iovec{.iov_base = const_cast<std::uint8_t*>(view.data()), .iov_len = size};
      bytes_ += size;
    }
  }
  [[nodiscard]] iovec* data() { return iovecs_.data(); }
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  std::array<iovec, views_max> iovecs_;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace squall::runtime
