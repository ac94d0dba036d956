#include "base/quote.h"

#include <fmt/format.h>

#include <iterator>

namespace squall {

std::string quote(std::string_view text) {
  std::string quoted;
  for (const char c : text.substr(0, quoted_bytes_max)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7F) {
      quoted.push_back(c);
    } else {
      fmt::format_to(std::back_inserter(quoted), "\\x{:02x}", byte);
    }
  }
  if (text.size() > quoted_bytes_max) fmt::format_to(std::back_inserter(quoted), "... ({} bytes)", text.size());
  return quoted;
}

}  // namespace squall
