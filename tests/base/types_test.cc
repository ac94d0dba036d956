#include "base/types.h"

#include <gtest/gtest.h>

#include <type_traits>

#include "base/bytes.h"

namespace squall {
namespace {

TEST(StrongTypes, DoNotMix) {
  static_assert(!std::is_convertible_v<Offset, LeaderEpoch>);
  static_assert(!std::is_convertible_v<std::int64_t, Offset>);
  static_assert(!std::is_convertible_v<Offset, std::int64_t>);
  EXPECT_EQ(Offset{5} - Offset{3}, 2);
  EXPECT_EQ(Offset{5} + 2, Offset{7});
  EXPECT_LT(Offset{5}, Offset{6});
  EXPECT_EQ(fmt::format("{}", Offset{12}), "12");
}

TEST(Bytes, BigEndianLoadsUndoStores) {
  std::uint8_t buffer[8];
  store_be<std::int32_t>(buffer, -2);
  EXPECT_EQ(buffer[0], 0xff);
  EXPECT_EQ(buffer[3], 0xfe);
  EXPECT_EQ(load_be<std::int32_t>(buffer), -2);
  store_be<std::uint16_t>(buffer, 0x1234);
  EXPECT_EQ(buffer[0], 0x12);
  EXPECT_EQ(load_be<std::uint16_t>(buffer), 0x1234);
  store_be<std::int64_t>(buffer, INT64_MIN + 1);
  EXPECT_EQ(load_be<std::int64_t>(buffer), INT64_MIN + 1);
}

}  // namespace
}  // namespace squall
