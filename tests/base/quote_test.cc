#include "base/quote.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace squall {
namespace {

TEST(Quote, CutsWhatIsLongAndShowsWhatIsNotPrintable) {
  struct Row {
    std::string text;
    std::string quoted;
  };
  const std::string full(100, 'a');
  const std::vector<Row> rows{{"", ""},
                              {"retention.ms", "retention.ms"},
                              {std::string{"a\0b\n\x7F", 5}, "a\\x00b\\x0a\\x7f"},
                              {"\xC3\xA4", "\\xc3\\xa4"},
                              {full, full},
                              {full + "b", full + "... (101 bytes)"}};
  for (const Row& row : rows) EXPECT_EQ(quote(row.text), row.quoted);
}

}  // namespace
}  // namespace squall
