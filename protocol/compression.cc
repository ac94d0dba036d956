#include "protocol/compression.h"

#include <lz4frame.h>
#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/assert.h"

namespace squall::protocol {

namespace {

// Xerial's framing of snappy: a magic, two versions, then blocks, each with its length.
constexpr std::array<std::uint8_t, 8> xerial_magic{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0};
constexpr std::size_t xerial_header_bytes = 16;
constexpr std::size_t xerial_block_bytes = 32 * 1024;

using Outcome = std::expected<void, CompressionError>;

// Bytes that grow as a decoder fills them, up to a limit.
class BoundedOutput {
 public:
  BoundedOutput(ByteBuffer& to, std::size_t limit, std::size_t expected) : to_{to}, limit_{limit} {
    grow(std::max<std::size_t>(expected, 1024));
  }

  // Room to write to; empty only when the limit is reached.
  [[nodiscard]] MutableBytes room() {
    if (used_ == to_.size() && used_ < limit_) grow(std::max<std::size_t>(used_ * 2, 1024));
    return MutableBytes{to_}.subspan(used_);
  }
  void advance(std::size_t bytes) { used_ += bytes; }
  void finish() { to_.resize(used_); }

 private:
  void grow(std::size_t bytes) {
    bytes = std::min(bytes, limit_);
    to_.reserve(bytes);  // exactly: growing by itself, a vector would overshoot the limit
    to_.resize(bytes);
  }

  ByteBuffer& to_;
  std::size_t limit_;
  std::size_t used_ = 0;
};

// Four times the compressed size is a usual ratio of records.
[[nodiscard]] std::size_t expected_bytes(ByteView from) { return from.size() * 4; }

[[nodiscard]] Outcome fail(ByteBuffer& to, CompressionError error) {
  to.clear();
  return std::unexpected{error};
}

}  // namespace

struct Compressor::Contexts {
  z_stream deflate{};
  z_stream inflate{};
  bool deflate_ready = false;
  int deflate_level = gzip_level;
  bool inflate_ready = false;
  LZ4F_cctx* lz4_write = nullptr;
  LZ4F_dctx* lz4_read = nullptr;
  ZSTD_CCtx* zstd_write = nullptr;
  ZSTD_DCtx* zstd_read = nullptr;

  Contexts() = default;
  Contexts(const Contexts&) = delete;
  Contexts& operator=(const Contexts&) = delete;
  ~Contexts() {
    if (deflate_ready) deflateEnd(&deflate);
    if (inflate_ready) inflateEnd(&inflate);
    LZ4F_freeCompressionContext(lz4_write);
    LZ4F_freeDecompressionContext(lz4_read);
    ZSTD_freeCCtx(zstd_write);
    ZSTD_freeDCtx(zstd_read);
  }

  void gzip(ByteView from, ByteBuffer& to, int level);
  void lz4(ByteView from, ByteBuffer& to, int level);
  void zstd(ByteView from, ByteBuffer& to, int level);
  Outcome gunzip(ByteView from, ByteBuffer& to, std::size_t limit);
  Outcome unlz4(ByteView from, ByteBuffer& to, std::size_t limit);
  Outcome unzstd(ByteView from, ByteBuffer& to, std::size_t limit);
};

void Compressor::Contexts::gzip(ByteView from, ByteBuffer& to, int level) {
  constexpr int gzip_window_bits = 15 + 16;
  constexpr int default_memory_level = 8;
  if (!deflate_ready) {
    const int made = deflateInit2(&deflate, level, Z_DEFLATED, gzip_window_bits, default_memory_level, Z_DEFAULT_STRATEGY);
    SQUALL_ASSERT(made == Z_OK, "deflate can be set up");
    deflate_ready = true;
  } else {
    deflateReset(&deflate);
    if (level != deflate_level) {  // nothing has been written yet: takes effect at once
      const int changed = deflateParams(&deflate, level, Z_DEFAULT_STRATEGY);
      SQUALL_ASSERT(changed == Z_OK, "the level is one of gzip's");
    }
  }
  deflate_level = level;
  const std::size_t before = to.size();
  const std::size_t room = ::deflateBound(&deflate, from.size());
  SQUALL_ASSERT(room <= std::numeric_limits<uInt>::max(), "a batch is below 2 GiB");
  to.resize(before + room);
  deflate.next_in = const_cast<Bytef*>(from.data());  // zlib only reads it
  deflate.avail_in = static_cast<uInt>(from.size());
  deflate.next_out = to.data() + before;
  deflate.avail_out = static_cast<uInt>(room);
  const int done = ::deflate(&deflate, Z_FINISH);
  SQUALL_ASSERT(done == Z_STREAM_END, "deflate fits its own bound");
  to.resize(to.size() - deflate.avail_out);
}

Outcome Compressor::Contexts::gunzip(ByteView from, ByteBuffer& to, std::size_t limit) {
  if (!inflate_ready) {
    const int made = inflateInit2(&inflate, 15 + 16);
    SQUALL_ASSERT(made == Z_OK, "inflate can be set up");
    inflate_ready = true;
  } else {
    inflateReset(&inflate);
  }
  BoundedOutput output{to, limit, expected_bytes(from)};
  if (from.size() > std::numeric_limits<uInt>::max()) return fail(to, CompressionError::too_large);
  inflate.next_in = const_cast<Bytef*>(from.data());
  inflate.avail_in = static_cast<uInt>(from.size());
  std::uint8_t beyond = 0;  // where one byte more than the limit would go
  for (;;) {
    const MutableBytes room = output.room();
    const bool full = room.empty();
    const std::size_t room_bytes = std::min<std::size_t>(room.size(), std::numeric_limits<uInt>::max());
    inflate.next_out = full ? &beyond : room.data();
    inflate.avail_out = full ? 1 : static_cast<uInt>(room_bytes);
    const int state = ::inflate(&inflate, Z_NO_FLUSH);
    if (full && inflate.avail_out == 0) return fail(to, CompressionError::too_large);
    if (!full) output.advance(room_bytes - inflate.avail_out);
    if (state == Z_STREAM_END) {
      if (inflate.avail_in == 0) break;
      if (inflateReset(&inflate) != Z_OK) return fail(to, CompressionError::corrupt);  // another member follows
      continue;
    }
    if (state != Z_OK) return fail(to, CompressionError::corrupt);  // Z_BUF_ERROR: the stream was cut short
  }
  output.finish();
  return {};
}

void Compressor::Contexts::lz4(ByteView from, ByteBuffer& to, int level) {
  if (lz4_write == nullptr) {
    const std::size_t made = LZ4F_createCompressionContext(&lz4_write, LZ4F_VERSION);
    SQUALL_ASSERT(!LZ4F_isError(made), "an LZ4 context can be made");
  }
  LZ4F_preferences_t preferences{};
  preferences.frameInfo.blockSizeID = LZ4F_max64KB;
  preferences.frameInfo.blockMode = LZ4F_blockIndependent;
  preferences.compressionLevel = level;
  const std::size_t before = to.size();
  const std::size_t room = LZ4F_compressFrameBound(from.size(), &preferences) + LZ4F_HEADER_SIZE_MAX;
  to.resize(before + room);
  std::uint8_t* at = to.data() + before;
  std::uint8_t* const end = to.data() + to.size();
  const auto advance = [&at](std::size_t result) {
    SQUALL_ASSERT(!LZ4F_isError(result), "LZ4 fits its own bound");
    at += result;
  };
  advance(LZ4F_compressBegin(lz4_write, at, static_cast<std::size_t>(end - at), &preferences));
  advance(LZ4F_compressUpdate(lz4_write, at, static_cast<std::size_t>(end - at), from.data(), from.size(), nullptr));
  advance(LZ4F_compressEnd(lz4_write, at, static_cast<std::size_t>(end - at), nullptr));
  to.resize(static_cast<std::size_t>(at - to.data()));
}

Outcome Compressor::Contexts::unlz4(ByteView from, ByteBuffer& to, std::size_t limit) {
  if (lz4_read == nullptr) {
    const std::size_t made = LZ4F_createDecompressionContext(&lz4_read, LZ4F_VERSION);
    SQUALL_ASSERT(!LZ4F_isError(made), "an LZ4 context can be made");
  }
  LZ4F_resetDecompressionContext(lz4_read);
  BoundedOutput output{to, limit, expected_bytes(from)};
  std::uint8_t beyond = 0;
  for (std::size_t hint = 1; hint != 0 || !from.empty();) {
    const MutableBytes room = output.room();
    const bool full = room.empty();
    std::size_t written = full ? 1 : room.size();
    std::size_t taken = from.size();
    hint = LZ4F_decompress(lz4_read, full ? &beyond : room.data(), &written, from.data(), &taken, nullptr);
    if (LZ4F_isError(hint)) return fail(to, CompressionError::corrupt);
    if (full && written != 0) return fail(to, CompressionError::too_large);
    if (!full) output.advance(written);
    from = from.subspan(taken);
    if (hint != 0 && taken == 0 && written == 0) return fail(to, CompressionError::corrupt);  // cut short
  }
  output.finish();
  return {};
}

void Compressor::Contexts::zstd(ByteView from, ByteBuffer& to, int level) {
  if (zstd_write == nullptr) zstd_write = ZSTD_createCCtx();
  SQUALL_ASSERT(zstd_write != nullptr, "a zstd context can be made");
  const std::size_t before = to.size();
  to.resize(before + ZSTD_compressBound(from.size()));
  const std::size_t written =
      ZSTD_compressCCtx(zstd_write, to.data() + before, to.size() - before, from.data(), from.size(), level);
  SQUALL_ASSERT(!ZSTD_isError(written), "zstd fits its own bound");
  to.resize(before + written);
}

Outcome Compressor::Contexts::unzstd(ByteView from, ByteBuffer& to, std::size_t limit) {
  if (zstd_read == nullptr) zstd_read = ZSTD_createDCtx();
  SQUALL_ASSERT(zstd_read != nullptr, "a zstd context can be made");
  ZSTD_DCtx_reset(zstd_read, ZSTD_reset_session_only);
  BoundedOutput output{to, limit, expected_bytes(from)};
  ZSTD_inBuffer in{from.data(), from.size(), 0};
  std::uint8_t beyond = 0;
  for (std::size_t hint = 1; hint != 0 || in.pos < in.size;) {
    const MutableBytes room = output.room();
    const bool full = room.empty();
    ZSTD_outBuffer out{full ? &beyond : room.data(), full ? 1 : room.size(), 0};
    const std::size_t before = in.pos;
    hint = ZSTD_decompressStream(zstd_read, &out, &in);
    if (ZSTD_isError(hint)) return fail(to, CompressionError::corrupt);
    if (full && out.pos != 0) return fail(to, CompressionError::too_large);
    if (!full) output.advance(out.pos);
    if (hint != 0 && in.pos == before && out.pos == 0) return fail(to, CompressionError::corrupt);  // cut short
  }
  output.finish();
  return {};
}

namespace {

void snap(ByteView from, ByteBuffer& to) {
  const std::size_t before = to.size();
  const std::size_t blocks = from.size() / xerial_block_bytes + 1;
  to.resize(before + xerial_header_bytes + blocks * (4 + snappy::MaxCompressedLength(xerial_block_bytes)));
  std::uint8_t* at = std::copy(xerial_magic.begin(), xerial_magic.end(), to.data() + before);
  store_be(at, std::int32_t{1});      // version
  store_be(at + 4, std::int32_t{1});  // the oldest version that can read it
  at += 8;
  while (!from.empty()) {
    const ByteView block = from.first(std::min(from.size(), xerial_block_bytes));
    std::size_t written = 0;
    snappy::RawCompress(as_text(block).data(), block.size(), reinterpret_cast<char*>(at + 4), &written);
    store_be(at, static_cast<std::int32_t>(written));
    at += 4 + written;
    from = from.subspan(block.size());
  }
  to.resize(static_cast<std::size_t>(at - to.data()));
}

// Appends one raw snappy block to `to`.
[[nodiscard]] Outcome unsnap_block(ByteView block, ByteBuffer& to, std::size_t limit) {
  const std::string_view text = as_text(block);
  std::size_t claimed = 0;
  if (!snappy::GetUncompressedLength(text.data(), text.size(), &claimed)) return fail(to, CompressionError::corrupt);
  const std::size_t before = to.size();
  if (claimed > limit - before) return fail(to, CompressionError::too_large);
  // A block cannot expand more than this: the claim alone must not make us allocate.
  constexpr std::size_t expansion_max = 64;
  if (claimed / expansion_max > block.size()) return fail(to, CompressionError::corrupt);
  to.resize(before + claimed);
  if (!snappy::RawUncompress(text.data(), text.size(), reinterpret_cast<char*>(to.data() + before))) {
    return fail(to, CompressionError::corrupt);
  }
  return {};
}

[[nodiscard]] Outcome unsnap(ByteView from, ByteBuffer& to, std::size_t limit) {
  to.clear();
  const bool framed = from.size() >= xerial_header_bytes && std::equal(xerial_magic.begin(), xerial_magic.end(), from.begin());
  if (!framed) return unsnap_block(from, to, limit);
  from = from.subspan(xerial_header_bytes);
  while (!from.empty()) {
    // Streams that were appended to one another repeat the header.
    if (from.size() >= xerial_header_bytes && std::equal(xerial_magic.begin(), xerial_magic.end(), from.begin())) {
      from = from.subspan(xerial_header_bytes);
      continue;
    }
    if (from.size() < 4) return fail(to, CompressionError::corrupt);
    const auto length = load_be<std::int32_t>(from.data());
    from = from.subspan(4);
    if (length <= 0 || static_cast<std::size_t>(length) > from.size()) return fail(to, CompressionError::corrupt);
    if (auto block = unsnap_block(from.first(static_cast<std::size_t>(length)), to, limit); !block) return block;
    from = from.subspan(static_cast<std::size_t>(length));
  }
  return {};
}

}  // namespace

Compressor::Compressor() : contexts_{std::make_unique<Contexts>()} {}
Compressor::~Compressor() = default;
Compressor::Compressor(Compressor&&) noexcept = default;
Compressor& Compressor::operator=(Compressor&&) noexcept = default;

void Compressor::compress(Codec codec, ByteView from, ByteBuffer& to, std::optional<std::int32_t> level) {
  switch (codec) {
    case Codec::none: to.insert(to.end(), from.begin(), from.end()); return;
    case Codec::gzip: contexts_->gzip(from, to, level.value_or(gzip_level)); return;
    case Codec::snappy: snap(from, to); return;
    case Codec::lz4: contexts_->lz4(from, to, level.value_or(lz4_level)); return;
    case Codec::zstd: contexts_->zstd(from, to, level.value_or(zstd_level)); return;
  }
  SQUALL_ASSERT(false, "the codec exists");
}

Outcome Compressor::decompress(Codec codec, ByteView from, ByteBuffer& to, std::size_t limit_bytes) {
  switch (codec) {
    case Codec::none:
      if (from.size() > limit_bytes) return fail(to, CompressionError::too_large);
      to.assign(from.begin(), from.end());
      return {};
    case Codec::gzip: return contexts_->gunzip(from, to, limit_bytes);
    case Codec::snappy: return unsnap(from, to, limit_bytes);
    case Codec::lz4: return contexts_->unlz4(from, to, limit_bytes);
    case Codec::zstd: return contexts_->unzstd(from, to, limit_bytes);
  }
  return fail(to, CompressionError::corrupt);
}

std::string_view to_string(Codec codec) {
  constexpr std::array<std::string_view, codec_count> names{"none", "gzip", "snappy", "lz4", "zstd"};
  return names.at(static_cast<std::size_t>(codec));
}

std::optional<Codec> codec_named(std::string_view name) {
  for (std::size_t index = 0; index < codec_count; ++index) {
    const auto codec = static_cast<Codec>(index);
    if (to_string(codec) == name) return codec;
  }
  return std::nullopt;
}

}  // namespace squall::protocol
