// Any bytes as the records of a produce request: stepped over, validated, decompressed and walked.
//
// The first byte chooses: odd, and the checksum of each batch is made right first, so that what lies behind it is reached.
#include "protocol/record_batch.h"

#include <cstdlib>

#include "base/crc32c.h"
#include "tests/fuzz/target.h"

namespace squall::protocol {
namespace {

constexpr std::size_t decompressed_bytes_max = 1 << 20;
constexpr std::size_t crc_at = 17;
constexpr std::size_t checksummed_from = 21;

std::uint64_t walk(const RecordBatchView& batch, Compressor& compressor, ByteBuffer& scratch) {
  auto reader = RecordReader::open(batch, compressor, scratch, decompressed_bytes_max);
  if (!reader) return 0;
  std::uint64_t sum = 0;
  RecordView record;
  while (reader->next(record)) {
    for (const auto byte : record.value.value_or(ByteView{})) sum += byte;
    for (const auto byte : record.key.value_or(ByteView{})) sum += byte;
    auto headers = record.headers();
    RecordHeader header;
    while (headers.next(header)) sum += header.key.size() + header.value.value_or(ByteView{}).size();
    if (record.offset < batch.base_offset() || record.offset > batch.last_offset()) std::abort();
  }
  return sum;
}

void repair_checksum(MutableBytes bytes) {
  if (bytes.size() < batch_header_bytes) return;
  const RecordBatchView batch{bytes};
  if (!batch.validate_frame()) return;
  const auto whole = bytes.first(batch.size_bytes());
  store_be(whole.data() + crc_at, crc32c(whole.subspan(checksummed_from)));
}

void take(ByteView input) {
  if (input.empty()) return;
  ByteBuffer bytes{input.begin() + 1, input.end()};
  const bool repair = (input[0] & 1U) != 0;
  if (repair) repair_checksum(bytes);
  static Compressor compressor;
  ByteBuffer scratch;
  BatchCursor cursor{bytes};
  RecordBatchView batch;
  volatile std::uint64_t sum = 0;
  while (cursor.next(batch)) {
    if (batch.validate()) sum = sum + walk(batch, compressor, scratch);
    if (batch.validate_from_producer() && !batch.validate()) std::abort();
  }
}

}  // namespace
}  // namespace squall::protocol

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  squall::protocol::take({data, size});
  return 0;
}
