#include "log/producer_snapshot.h"

#include "base/crc32c.h"

namespace squall::log {
namespace {

constexpr std::int16_t snapshot_version = 1;
constexpr std::size_t crc_at = 2;
constexpr std::size_t covered_from = 6;
constexpr std::size_t entries_from = 10;
constexpr std::size_t entry_bytes = 46;

template <class T>
void put(std::uint8_t*& at, T value) {
  store_be(at, value);
  at += sizeof value;
}

template <class T>
T take(const std::uint8_t*& at) {
  const T value = load_be<T>(at);
  at += sizeof value;
  return value;
}

}  // namespace

ByteBuffer encode_producer_snapshot(const std::map<ProducerId, ProducerEntry>& producers) {
  ByteBuffer bytes(entries_from + producers.size() * entry_bytes);
  std::uint8_t* at = bytes.data() + covered_from;
  put(at, static_cast<std::int32_t>(producers.size()));
  for (const auto& [id, entry] : producers) {
    const KeptBatch last = entry.batches().empty() ? KeptBatch{} : entry.batches().back();
    put(at, id.value());
    put(at, entry.producer_epoch.value());
    put(at, last.last_sequence);
    put(at, last.last_offset.value());
    put(at, last.offset_delta);
    put(at, entry.last_timestamp_ms);
    put(at, entry.coordinator_epoch);
    put(at, entry.current_txn_first_offset.value());
  }
  store_be(bytes.data(), snapshot_version);
  store_be(bytes.data() + crc_at, crc32c(ByteView{bytes}.subspan(covered_from)));
  return bytes;
}

std::expected<std::vector<ProducerEntry>, std::string_view> decode_producer_snapshot(ByteView bytes) {
  if (bytes.size() < entries_from) return std::unexpected("too short");
  if (load_be<std::int16_t>(bytes.data()) != snapshot_version) return std::unexpected("unknown version");
  if (load_be<std::uint32_t>(bytes.data() + crc_at) != crc32c(bytes.subspan(covered_from))) return std::unexpected("bad CRC");
  const auto count = load_be<std::int32_t>(bytes.data() + covered_from);
  if (count < 0 || bytes.size() != entries_from + static_cast<std::size_t>(count) * entry_bytes) {
    return std::unexpected("count and length disagree");
  }
  std::vector<ProducerEntry> entries(static_cast<std::size_t>(count));
  const std::uint8_t* at = bytes.data() + entries_from;
  for (ProducerEntry& entry : entries) {
    entry.producer_id = ProducerId{take<std::int64_t>(at)};
    entry.producer_epoch = ProducerEpoch{take<std::int16_t>(at)};
    KeptBatch last;
    last.last_sequence = take<std::int32_t>(at);
    last.last_offset = Offset{take<std::int64_t>(at)};
    last.offset_delta = take<std::int32_t>(at);
    entry.last_timestamp_ms = last.timestamp_ms = take<std::int64_t>(at);
    entry.coordinator_epoch = take<std::int32_t>(at);
    entry.current_txn_first_offset = Offset{take<std::int64_t>(at)};
    if (entry.producer_id <= no_producer || last.offset_delta < 0) return std::unexpected("an impossible entry");
    if (last.last_offset > no_offset) entry.keep(last);
  }
  return entries;
}

}  // namespace squall::log
