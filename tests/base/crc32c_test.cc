#include "base/crc32c.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace squall {
namespace {

// The definition, bit by bit: the oracle.
std::uint32_t crc32c_by_definition(ByteView bytes) {
  std::uint32_t crc = 0xffffffffU;
  for (const std::uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0x82f63b78U : 0U);
  }
  return ~crc;
}

TEST(Crc32c, HasTheCheckValueOfRfc3720) { EXPECT_EQ(crc32c(as_bytes("123456789")), 0xe3069283U); }

TEST(Crc32c, AgreesWithItsDefinitionAtEveryLengthAndAlignment) {
  Random random{9};
  ByteBuffer bytes(3000);
  random.fill(bytes);
  for (std::size_t length = 0; length < 600; ++length) {
    const ByteView view = ByteView{bytes}.subspan(length % 17, length);
    ASSERT_EQ(crc32c(view), crc32c_by_definition(view)) << length;
  }
}

TEST(Crc32c, ContinuesFromWhatCameBefore) {
  Random random{10};
  ByteBuffer bytes(1000);
  random.fill(bytes);
  const ByteView all{bytes};
  for (std::size_t cut = 0; cut <= bytes.size(); cut += 37)
    EXPECT_EQ(crc32c(all.subspan(cut), crc32c(all.first(cut))), crc32c(all));
}

}  // namespace
}  // namespace squall
