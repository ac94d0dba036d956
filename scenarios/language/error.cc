#include "scenarios/language/error.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>
#include <vector>

namespace squall::scenarios {
namespace {

// Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours each cost one.
std::size_t edit_distance(std::string_view left, std::string_view right) {
  const std::size_t width = right.size() + 1;
  std::vector<std::size_t> before(width);
  std::vector<std::size_t> previous(width);
  std::vector<std::size_t> current(width);
  std::iota(previous.begin(), previous.end(), std::size_t{0});
  for (std::size_t i = 1; i <= left.size(); ++i) {
    current[0] = i;
    for (std::size_t j = 1; j < width; ++j) {
      const std::size_t substituted = previous[j - 1] + (left[i - 1] == right[j - 1] ? 0U : 1U);
      current[j] = std::min({previous[j] + 1, current[j - 1] + 1, substituted});
      if (i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1]) {
        current[j] = std::min(current[j], before[j - 2] + 1);
      }
    }
    std::swap(before, previous);
    std::swap(previous, current);
  }
  return previous[width - 1];
}

}  // namespace

std::string LanguageError::to_string() const {
  std::string text = file;
  if (place.line > 0) text += fmt::format(":{}:{}", place.line, place.column);
  text += ": ";
  if (!key.empty()) text += key + ": ";
  return text + message;
}

std::string_view nearest_word(std::string_view wrong, std::span<const std::string_view> words) {
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(2, wrong.size() / 3) + 1;
  for (const std::string_view word : words) {
    const std::size_t distance = edit_distance(wrong, word);
    if (distance < best_distance) {
      best = word;
      best_distance = distance;
    }
  }
  return best;
}

std::string suggestion(std::string_view wrong, std::span<const std::string_view> words) {
  if (const std::string_view near = nearest_word(wrong, words); !near.empty()) {
    return fmt::format("; did you mean \"{}\"?", near);
  }
  return words.empty() ? std::string{} : fmt::format("; valid: {}", fmt::join(words, ", "));
}

}  // namespace squall::scenarios
