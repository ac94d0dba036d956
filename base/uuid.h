// Kafka's Uuid: 128 bits, written as 22 characters of URL-safe base64 without padding (KIP-516).
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/random.h"

namespace squall {

struct Uuid {
  std::uint64_t most_significant = 0;
  std::uint64_t least_significant = 0;

  constexpr auto operator<=>(const Uuid&) const = default;
  [[nodiscard]] constexpr bool is_zero() const { return most_significant == 0 && least_significant == 0; }

  // A version 4 identifier that is never one of Kafka's reserved ones and never begins with '-'.
  [[nodiscard]] static Uuid random(Random& random);
  [[nodiscard]] static std::optional<Uuid> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
};

// The topic id of `__cluster_metadata`.
inline constexpr Uuid metadata_topic_id{0, 1};

}  // namespace squall
