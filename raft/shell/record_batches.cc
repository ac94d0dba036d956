#include "raft/shell/record_batches.h"

#include "protocol/framing.h"
#include "protocol/record_batch_builder.h"
#include "protocol/writer.h"

namespace squall::raft {
namespace {

using protocol::ErrorCode;

class Encoder {
 public:
  Encoder(bool atomic, std::int64_t timestamp_ms, const BatchLimits& limits)
      : atomic_{atomic}, timestamp_ms_{timestamp_ms}, limits_{limits} {
    builder_.start({});
  }

  std::expected<void, ErrorCode> add(const protocol::MetadataRecord& record, MetadataVersion version) {
    value_.clear();
    {
      protocol::Writer writer{value_};
      const auto framed = protocol::encode_metadata_record(writer, record_version(record, version), record);
      if (!framed) return std::unexpected(ErrorCode::unknown_server_error);
    }
    const std::size_t bytes = protocol::RecordBatchBuilder::record_bytes_max(std::nullopt, ByteView{value_});
    const auto count = static_cast<std::size_t>(builder_.record_count());
    const bool full = count >= limits_.records_max || builder_.size_bytes() + bytes > limits_.bytes_max;
    if (full && (atomic_ || count == 0)) return std::unexpected(ErrorCode::policy_violation);
    if (full) {
      close();
      if (builder_.size_bytes() + bytes > limits_.bytes_max) return std::unexpected(ErrorCode::policy_violation);
    }
    builder_.append(timestamp_ms_, std::nullopt, ByteView{value_});
    return {};
  }
  std::vector<EncodedBatch> finish() {
    if (builder_.record_count() > 0) close();
    return std::move(batches_);
  }

 private:
  void close() {
    const std::int32_t count = builder_.record_count();
    (void)builder_.finish();
    batches_.push_back({.bytes = builder_.take(), .count = count});
    builder_.start({});
  }

  bool atomic_;
  std::int64_t timestamp_ms_;
  const BatchLimits& limits_;
  protocol::RecordBatchBuilder builder_;
  ByteBuffer value_;
  std::vector<EncodedBatch> batches_;
};

}  // namespace

std::expected<std::vector<EncodedBatch>, ErrorCode> encode_batches(std::span<const protocol::MetadataRecord> records,
                                                                   MetadataVersion version, bool atomic,
                                                                   std::int64_t timestamp_ms, const BatchLimits& limits) {
  Encoder encoder{atomic, timestamp_ms, limits};
  for (const protocol::MetadataRecord& record : records) {
    if (auto added = encoder.add(record, version); !added) return std::unexpected(added.error());
    const auto* feature = std::get_if<protocol::FeatureLevelRecord>(&record);
    if (feature != nullptr && feature->name == metadata_version_feature) version.level = feature->feature_level;
  }
  return encoder.finish();
}

}  // namespace squall::raft
