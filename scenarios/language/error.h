// What is wrong with a scenario, in one line that says where and what would have been right.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace squall::scenarios {

struct Place {
  std::uint32_t line = 0;  // from 1; 0: the file as a whole
  std::uint32_t column = 0;
};

struct LanguageError {
  std::string file;
  Place place;
  std::string key;      // the full key, `fault[2].pause.node`; empty for the file as a whole
  std::string message;  // a clause without a final stop

  // `broker/pause.toml:12:3: fault[2].paus: no such fault; did you mean "pause"?`
  [[nodiscard]] std::string to_string() const;
};

// The word of `words` that is nearest to `wrong` by edit distance, if it is near enough to be what was meant; else empty.
[[nodiscard]] std::string_view nearest_word(std::string_view wrong, std::span<const std::string_view> words);

// `; did you mean "x"?` if a word is near, else `; valid: a, b, c` — for the end of a message.
[[nodiscard]] std::string suggestion(std::string_view wrong, std::span<const std::string_view> words);

}  // namespace squall::scenarios
