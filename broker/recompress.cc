#include "broker/recompress.h"

#include <vector>

#include "broker/broker_state.h"
#include "log/validation.h"
#include "protocol/record_batch.h"
#include "protocol/record_batch_builder.h"

namespace squall::broker {
namespace {

using protocol::Codec;

Codec codec_of(TopicCompression compression, Codec of_producer) {
  switch (compression) {
    case TopicCompression::producer: return of_producer;
    case TopicCompression::uncompressed: return Codec::none;
    case TopicCompression::gzip: return Codec::gzip;
    case TopicCompression::snappy: return Codec::snappy;
    case TopicCompression::lz4: return Codec::lz4;
    case TopicCompression::zstd: return Codec::zstd;
  }
  return of_producer;
}

}  // namespace

Recompressed recompress(BrokerState& broker, const Partition& partition, ByteView bytes) {
  const protocol::RecordBatchView batch{bytes};
  if (const auto valid = batch.validate_from_producer(); !valid) return {{}, protocol::error_code_of(valid.error())};
  const Codec wanted = codec_of(partition.compression(), batch.codec());
  if (wanted == batch.codec()) return {};
  ByteBuffer scratch;
  auto reader = protocol::RecordReader::open(batch, broker.compressor, scratch, log::decompressed_bytes_max);
  if (!reader) return {{}, protocol::error_code_of(reader.error())};
  protocol::RecordBatchBuilder builder;
  builder.start({.codec = wanted,
                 .compression_level = partition.compression_level(),
                 .transactional = batch.is_transactional(),
                 .base_offset = batch.base_offset(),
                 .producer_id = batch.producer_id(),
                 .producer_epoch = batch.producer_epoch(),
                 .base_sequence = batch.base_sequence()});
  protocol::RecordView record;
  std::vector<protocol::RecordHeader> headers;
  while (reader->next(record)) {
    headers.clear();
    protocol::HeaderReader from = record.headers();
    protocol::RecordHeader header;
    while (from.next(header)) headers.push_back(header);
    builder.append(record.timestamp_ms, record.key, record.value, headers);
  }
  if (reader->failed()) return {{}, protocol::ErrorCode::invalid_record};
  broker.world.charge(runtime::Cost::compressed_byte, scratch.size());
  const ByteView built = builder.finish(broker.compressor);
  return {{built.begin(), built.end()}, protocol::ErrorCode::none};
}

}  // namespace squall::broker
