#include "protocol/record.h"

#include "base/varint.h"

namespace squall::protocol {

bool HeaderReader::next(RecordHeader& header) {
  if (left_ == 0) return false;
  const auto spoiled = [this] {
    left_ = 0;
    at_ = nullptr;
    return false;
  };
  std::int32_t length = 0;
  const std::uint8_t* at = read_varint(at_, end_, length);
  if (at == nullptr || length < 0 || end_ - at < length) return spoiled();
  header.key = as_text({at, static_cast<std::size_t>(length)});
  at += length;
  at = read_varint(at, end_, length);
  if (at == nullptr || end_ - at < length) return spoiled();
  if (length < 0) {
    header.value.reset();
  } else {
    header.value = ByteView{at, static_cast<std::size_t>(length)};
    at += length;
  }
  at_ = at;
  --left_;
  return true;
}

std::optional<ControlType> control_type_of(const RecordView& record) {
  if (!record.key || record.key->size() < control_key_bytes) return std::nullopt;
  const auto version = load_be<std::int16_t>(record.key->data());
  const auto type = load_be<std::int16_t>(record.key->data() + 2);
  if (version < 0 || type < 0 || type > static_cast<std::int16_t>(ControlType::kraft_voters)) return std::nullopt;
  return static_cast<ControlType>(type);
}

std::optional<EndTransactionMarker> EndTransactionMarker::parse(ByteView value) {
  if (value.size() < end_transaction_marker_bytes) return std::nullopt;
  const EndTransactionMarker marker{.version = load_be<std::int16_t>(value.data()),
                                    .coordinator_epoch = load_be<std::int32_t>(value.data() + 2)};
  if (marker.version < 0) return std::nullopt;
  return marker;
}

}  // namespace squall::protocol
