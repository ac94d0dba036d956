// How a client's words are repeated in an error message: cut to what a message has room for, and every byte visible.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace squall {

inline constexpr std::size_t quoted_bytes_max = 100;

// The first `quoted_bytes_max` bytes of `text`; those that are not printable ASCII as `\xNN`. What is left out is told of.
[[nodiscard]] std::string quote(std::string_view text);

}  // namespace squall
