#include "scenarios/payload.h"

#include "base/assert.h"
#include "base/crc32c.h"

namespace squall::scenarios {

void write_payload(MutableBytes into, const RecordTag& tag) {
  SQUALL_ASSERT(into.size() >= payload_bytes_min, "a payload holds its tag");
  std::uint8_t* at = into.data();
  store_be(at + 4, tag.workload);
  store_be(at + 6, tag.client);
  store_be(at + 8, tag.partition);
  store_be(at + 12, tag.sequence);
  store_be(at + 20, tag.timestamp_ms);
  // Every other word repeats, so that codecs have something to do.
  std::uint64_t word = (tag.sequence + 1) * 0x9e3779b97f4a7c15U;
  std::size_t filled = payload_bytes_min;
  for (; filled + 8 <= into.size(); filled += 8) {
    const bool repeat = (filled & 8) != 0;
    if (!repeat) word = (word ^ (word >> 29)) * 0xbf58476d1ce4e5b9U;
    store_be(at + filled, repeat ? std::uint64_t{0x73717561'6c6c2121U} : word);
  }
  for (; filled < into.size(); ++filled) at[filled] = static_cast<std::uint8_t>(word >> (8 * (filled & 7)));
  store_be(at, crc32c(ByteView{into}.subspan(4)));
}

std::optional<RecordTag> read_payload(ByteView bytes) {
  if (bytes.size() < payload_bytes_min) return std::nullopt;
  const std::uint8_t* at = bytes.data();
  if (load_be<std::uint32_t>(at) != crc32c(bytes.subspan(4))) return std::nullopt;
  return RecordTag{.workload = load_be<std::uint16_t>(at + 4),
                   .client = load_be<std::uint16_t>(at + 6),
                   .partition = load_be<std::uint32_t>(at + 8),
                   .sequence = load_be<std::uint64_t>(at + 12),
                   .timestamp_ms = load_be<std::int64_t>(at + 20)};
}

}  // namespace squall::scenarios
