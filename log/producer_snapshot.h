// The producer snapshot file `<20-digit offset>.snapshot`, version 1: the producers at that offset, the last batch of each.
//
//   0 version int16 = 1 | 2 crc32c uint32 (of all from 6 on) | 6 count int32 | then per producer 46 bytes: id int64, epoch
//   int16, last sequence int32, last offset int64, offset delta int32, timestamp int64, coordinator epoch int32, first offset
//   of its open transaction int64 (-1: none). See docs/formats/producer-snapshot.md.
#pragma once

#include <expected>
#include <map>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "log/producer_state.h"

namespace squall::log {

[[nodiscard]] ByteBuffer encode_producer_snapshot(const std::map<ProducerId, ProducerEntry>& producers);
// Or what is wrong with the bytes.
[[nodiscard]] std::expected<std::vector<ProducerEntry>, std::string_view> decode_producer_snapshot(ByteView bytes);

}  // namespace squall::log
