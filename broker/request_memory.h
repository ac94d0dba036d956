// The memory that requests may take (`queued.max.request.bytes`): while it is used up, no further request is read, and the
// sockets push back on the clients. As in Kafka one request may overshoot: it is enough that some memory is left.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "runtime/metrics.h"
#include "runtime/wait_queue.h"

namespace squall::broker {

class RequestMemory {
 public:
  // `limit` < 0: none.
  RequestMemory(runtime::World& world, std::int64_t limit, runtime::Gauge& gauge)
      : limit_{limit}, gauge_{gauge}, waiters_{world} {}

  // Memory that is given back when this goes.
  class Held {
   public:
    Held() = default;
    Held(RequestMemory& memory, std::int64_t bytes) : memory_{&memory}, bytes_{bytes} {}
    Held(Held&& other) noexcept : memory_{std::exchange(other.memory_, nullptr)}, bytes_{other.bytes_} {}
    Held& operator=(Held&& other) noexcept {
      std::swap(memory_, other.memory_);
      std::swap(bytes_, other.bytes_);
      return *this;
    }
    ~Held() {
      if (memory_ != nullptr) memory_->give_back(bytes_);
    }

   private:
    RequestMemory* memory_ = nullptr;
    std::int64_t bytes_ = 0;
  };

  // May wait.
  [[nodiscard]] Held take(std::size_t bytes) {
    while (limit_ >= 0 && used_ >= std::max<std::int64_t>(limit_, 1)) (void)waiters_.wait();
    used_ += static_cast<std::int64_t>(bytes);
    gauge_.set(used_);
    return {*this, static_cast<std::int64_t>(bytes)};
  }
  [[nodiscard]] std::int64_t used() const { return used_; }

 private:
  void give_back(std::int64_t bytes) {
    used_ -= bytes;
    gauge_.set(used_);
    if (limit_ >= 0) waiters_.wake_all();
  }

  std::int64_t limit_;
  std::int64_t used_ = 0;
  runtime::Gauge& gauge_;
  runtime::WaitQueue waiters_;
};

}  // namespace squall::broker
