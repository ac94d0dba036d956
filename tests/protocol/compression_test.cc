#include "protocol/compression.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "base/random.h"

namespace squall::protocol {
namespace {

constexpr std::array codecs{Codec::none, Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd};
constexpr std::array real_codecs{Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd};
constexpr std::size_t limit = std::size_t{1} << 20;

ByteBuffer some_bytes(Random& random, std::size_t size) {
  ByteBuffer bytes(size);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>('a' + random.below(7));
  return bytes;
}

ByteBuffer compressed(Compressor& compressor, Codec codec, ByteView bytes) {
  ByteBuffer to;
  compressor.compress(codec, bytes, to);
  return to;
}

class EachCodec : public testing::TestWithParam<Codec> {
 protected:
  Compressor compressor;
  ByteBuffer out;
};

TEST_P(EachCodec, GivesBackWhatWasCompressed) {
  Random random{7};
  for (const std::size_t size : {0U, 1U, 100U, 32767U, 32768U, 32769U, 65536U, 300000U}) {
    const ByteBuffer bytes = some_bytes(random, size);
    const ByteBuffer packed = compressed(compressor, GetParam(), bytes);
    ASSERT_TRUE(compressor.decompress(GetParam(), packed, out, limit)) << size;
    EXPECT_EQ(out, bytes) << size;
  }
}

TEST_P(EachCodec, AppendsToWhatIsThere) {
  ByteBuffer to{1, 2, 3};
  compressor.compress(GetParam(), as_bytes("hello hello hello"), to);
  EXPECT_EQ(ByteBuffer(to.begin(), to.begin() + 3), (ByteBuffer{1, 2, 3}));
  ASSERT_TRUE(compressor.decompress(GetParam(), ByteView{to}.subspan(3), out, limit));
  EXPECT_EQ(as_text(out), "hello hello hello");
}

TEST_P(EachCodec, GivesEqualBytesForEqualInput) {
  Random random{8};
  const ByteBuffer bytes = some_bytes(random, 100000);
  const ByteBuffer first = compressed(compressor, GetParam(), bytes);
  (void)compressed(compressor, GetParam(), as_bytes("something else in between"));
  Compressor other;
  EXPECT_EQ(compressed(compressor, GetParam(), bytes), first);
  EXPECT_EQ(compressed(other, GetParam(), bytes), first);
}

TEST_P(EachCodec, StopsAtTheLimit) {
  const ByteBuffer zeros(limit * 16);
  const ByteBuffer bomb = compressed(compressor, GetParam(), zeros);
  const auto result = compressor.decompress(GetParam(), bomb, out, limit);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error(), CompressionError::too_large);
  EXPECT_LE(out.capacity(), limit);
}

TEST_P(EachCodec, AcceptsExactlyTheLimit) {
  Random random{9};
  const ByteBuffer bytes = some_bytes(random, 5000);
  const ByteBuffer packed = compressed(compressor, GetParam(), bytes);
  EXPECT_TRUE(compressor.decompress(GetParam(), packed, out, bytes.size()));
  EXPECT_EQ(out, bytes);
  EXPECT_FALSE(compressor.decompress(GetParam(), packed, out, bytes.size() - 1));
}

INSTANTIATE_TEST_SUITE_P(Codecs, EachCodec, testing::ValuesIn(codecs),
                         [](const auto& parameter) { return std::string{to_string(parameter.param)}; });

class EachRealCodec : public EachCodec {};

TEST_P(EachRealCodec, RefusesBytesThatWereCutShort) {
  Random random{10};
  const ByteBuffer bytes = some_bytes(random, 2000);
  const ByteBuffer packed = compressed(compressor, GetParam(), bytes);
  for (std::size_t length = 0; length < packed.size(); ++length) {
    const bool accepted = compressor.decompress(GetParam(), ByteView{packed}.first(length), out, limit).has_value();
    // Xerial's framing has no end: cut after its header, it is an empty stream.
    EXPECT_FALSE(accepted && !(GetParam() == Codec::snappy && length == 16)) << length;
  }
}

TEST_P(EachRealCodec, SurvivesMutatedBytes) {
  Random random{11};
  const ByteBuffer bytes = some_bytes(random, 3000);
  const ByteBuffer good = compressed(compressor, GetParam(), bytes);
  for (int round = 0; round < 2000; ++round) {
    ByteBuffer bad = good;
    for (std::uint64_t flips = 1 + random.below(4); flips > 0; --flips) {
      const auto at = static_cast<std::size_t>(random.below(bad.size()));
      bad[at] = static_cast<std::uint8_t>(random.next());
    }
    (void)compressor.decompress(GetParam(), bad, out, limit);
    ASSERT_LE(out.size(), limit);
  }
  ASSERT_TRUE(compressor.decompress(GetParam(), good, out, limit)) << "an error leaves nothing behind";
  EXPECT_EQ(out, bytes);
}

INSTANTIATE_TEST_SUITE_P(Codecs, EachRealCodec, testing::ValuesIn(real_codecs),
                         [](const auto& parameter) { return std::string{to_string(parameter.param)}; });

TEST(Compression, ReadsGzipMembersOneAfterAnother) {
  Compressor compressor;
  ByteBuffer packed = compressed(compressor, Codec::gzip, as_bytes("first "));
  compressor.compress(Codec::gzip, as_bytes("second"), packed);
  ByteBuffer out;
  ASSERT_TRUE(compressor.decompress(Codec::gzip, packed, out, limit));
  EXPECT_EQ(as_text(out), "first second");
}

TEST(Compression, ReadsSnappyWithoutFraming) {
  // "aaaaaaaaaaaa" as librdkafka sends it: length 12, a literal of one byte, a copy of eleven from one byte back.
  const ByteBuffer raw{12, 0x00, 'a', 0x1D, 0x01};
  Compressor compressor;
  ByteBuffer out;
  ASSERT_TRUE(compressor.decompress(Codec::snappy, raw, out, limit));
  EXPECT_EQ(as_text(out), "aaaaaaaaaaaa");
}

TEST(Compression, DoesNotTrustTheLengthThatSnappyClaims) {
  const ByteBuffer claims_half_a_mebibyte{0x80, 0x80, 0x20, 0x00, 'a'};
  Compressor compressor;
  ByteBuffer out;
  EXPECT_FALSE(compressor.decompress(Codec::snappy, claims_half_a_mebibyte, out, limit));
  EXPECT_LT(out.capacity(), 1024U);
}

TEST(Compression, KnowsTheCodecsByName) {
  for (const Codec codec : codecs) EXPECT_EQ(codec_named(to_string(codec)), codec);
  EXPECT_FALSE(codec_named("brotli"));
}

}  // namespace
}  // namespace squall::protocol
