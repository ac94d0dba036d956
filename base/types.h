// Strong integer types: an offset is not an epoch is not a node id.
//
// Each type wraps one integer, orders and compares like it, and converts only on request. Arithmetic exists where it has a
// meaning: value + count, value - value = count.
#pragma once

#include <fmt/format.h>

#include <compare>
#include <cstdint>

namespace squall {

template <class Tag, class Rep>
class Strong {
 public:
  using rep = Rep;

  constexpr Strong() = default;
  constexpr explicit Strong(Rep value) : value_{value} {}

  [[nodiscard]] constexpr Rep value() const { return value_; }

  constexpr auto operator<=>(const Strong&) const = default;

  constexpr Strong& operator++() {
    ++value_;
    return *this;
  }
  constexpr Strong& operator+=(Rep count) {
    value_ += count;
    return *this;
  }
  friend constexpr Strong operator+(Strong left, Rep count) { return Strong{static_cast<Rep>(left.value_ + count)}; }
  friend constexpr Strong operator-(Strong left, Rep count) { return Strong{static_cast<Rep>(left.value_ - count)}; }
  friend constexpr Rep operator-(Strong left, Strong right) { return static_cast<Rep>(left.value_ - right.value_); }

 private:
  Rep value_{};
};

// Position of a record in a partition; the first record has offset 0.
using Offset = Strong<struct OffsetTag, std::int64_t>;
// Generation of a partition's (or the quorum's) leadership; -1 is "none".
using LeaderEpoch = Strong<struct LeaderEpochTag, std::int32_t>;
// `node.id`; -1 is "none".
using NodeId = Strong<struct NodeIdTag, std::int32_t>;
using PartitionIndex = Strong<struct PartitionIndexTag, std::int32_t>;
// Idempotent producers (KIP-98); -1 is "none".
using ProducerId = Strong<struct ProducerIdTag, std::int64_t>;
using ProducerEpoch = Strong<struct ProducerEpochTag, std::int16_t>;

inline constexpr Offset no_offset{-1};
inline constexpr LeaderEpoch no_epoch{-1};
inline constexpr NodeId no_node{-1};
inline constexpr ProducerId no_producer{-1};

}  // namespace squall

template <class Tag, class Rep>
struct fmt::formatter<squall::Strong<Tag, Rep>> : fmt::formatter<Rep> {
  auto format(squall::Strong<Tag, Rep> value, fmt::format_context& context) const {
    return fmt::formatter<Rep>::format(value.value(), context);
  }
};
