// The future: a 4-ary heap of small events, earliest first. Events of one instant come in an order that the seed draws.
#pragma once

#include <cstdint>
#include <vector>

#include "base/time.h"
#include "base/uint128.h"

namespace squall::sim {

enum class EventKind : std::uint8_t {
  fiber_timer,   // a: fiber slot, b: fiber generation
  control,       // a: slot of the function
  pipe_arrival,  // a: stream slot * 2 + direction, b: stream serial
  pipe_give_up,  // likewise: the sender's retransmissions have lasted too long
  writeback,     // a: node
};

struct Event {
  std::int64_t at = 0;
  std::uint64_t a = 0;
  std::uint64_t b = 0;
  std::uint32_t order = 0;  // among events of one instant
  EventKind kind{};
};

class EventQueue {
 public:
  explicit EventQueue(std::uint64_t seed) : seed_{seed} {}

  void push(Instant at, EventKind kind, std::uint64_t a, std::uint64_t b);
  Event pop();
  [[nodiscard]] bool empty() const { return heap_.empty(); }
  [[nodiscard]] std::size_t size() const { return heap_.size(); }
  [[nodiscard]] Instant earliest() const { return empty() ? end_of_time : Instant{Duration{heap_.front().at}}; }
  // Spends one draw, as a push that was short-cut would have.
  void skip_draw() { ++serial_; }

 private:
  [[nodiscard]] std::uint32_t draw();
  // Instant, then order, as one number: compared without a branch, which nobody could predict.
  [[nodiscard]] static uint128 rank(const Event& event) {
    return (static_cast<uint128>(static_cast<std::uint64_t>(event.at)) << 64) | event.order;
  }
  [[nodiscard]] std::size_t earlier(std::size_t left, std::size_t right) const {
    return rank(heap_[right]) < rank(heap_[left]) ? right : left;
  }
  void sift_up(std::size_t hole, const Event& event);

  std::vector<Event> heap_;
  std::uint64_t seed_;
  std::uint64_t serial_ = 0;
};

}  // namespace squall::sim
