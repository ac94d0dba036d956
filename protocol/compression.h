// The codecs of record batches (KIP-110 for zstd), each through its library.
//
// What is written: gzip members; snappy in the xerial framing of Java's clients (32 KiB blocks); LZ4 frames of independent
// 64 KiB blocks (Java reads no others); zstd frames. What is read: all that real clients write: concatenated gzip members, raw
// snappy and xerial, LZ4 and zstd frames of any settings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string_view>

#include "base/bytes.h"

namespace squall::protocol {

// The values are those of the batch attributes.
enum class Codec : std::uint8_t { none = 0, gzip = 1, snappy = 2, lz4 = 3, zstd = 4 };
inline constexpr std::size_t codec_count = 5;

[[nodiscard]] std::string_view to_string(Codec codec);
// The names of `compression.type`: none, gzip, snappy, lz4, zstd.
[[nodiscard]] std::optional<Codec> codec_named(std::string_view name);

enum class CompressionError : std::uint8_t {
  corrupt = 1,  // not what the codec writes, or cut short
  too_large,    // would give more than the limit
};

// The working memory of the codecs, made at first use and kept: own one per place that compresses often. Holds no state
// between calls: equal calls give equal bytes.
class Compressor {
 public:
  // The level that each codec is used with unless another is asked for: that of its library.
  static constexpr std::int32_t gzip_level = -1;
  static constexpr std::int32_t lz4_level = 0;
  static constexpr std::int32_t zstd_level = 3;

  Compressor();
  ~Compressor();
  Compressor(Compressor&&) noexcept;
  Compressor& operator=(Compressor&&) noexcept;

  // Appends `from`, compressed, to `to`. `none` appends a copy. `level` is the codec's own scale, within its library's range;
  // snappy has none.
  void compress(Codec codec, ByteView from, ByteBuffer& to, std::optional<std::int32_t> level = std::nullopt);

  // Replaces what `to` holds by `from`, decompressed. Never makes `to` larger than `limit_bytes`, whatever `from` claims.
  [[nodiscard]] std::expected<void, CompressionError> decompress(Codec codec, ByteView from, ByteBuffer& to,
                                                                 std::size_t limit_bytes);

 private:
  struct Contexts;
  std::unique_ptr<Contexts> contexts_;
};

}  // namespace squall::protocol
