// ListOffsets: the offset of a time, or of the start or the end.
#include <set>

#include "broker/broker_state.h"
#include "broker/handlers/handler.h"
#include "broker/topic_lookup.h"
#include "protocol/messages/list_offsets.h"

namespace squall::broker {
namespace {

using protocol::ErrorCode;
using Answer = protocol::ListOffsetsResponse::ListOffsetsPartitionResponse;

// Timestamps with a meaning of their own, and the first version of the request that knows them.
constexpr std::int64_t latest = -1;
constexpr std::int64_t earliest = -2;
constexpr std::int64_t max_timestamp = -3;            // from version 7
constexpr std::int64_t earliest_local = -4;           // from version 8
constexpr std::int64_t latest_tiered = -5;            // from version 9
constexpr std::int64_t earliest_pending_upload = -6;  // from version 11

ErrorCode check_timestamp(std::int16_t version, std::int64_t timestamp) {
  const bool known = timestamp >= earliest || (timestamp == max_timestamp && version >= 7) ||
                     (timestamp == earliest_local && version >= 8) || (timestamp == latest_tiered && version >= 9) ||
                     (timestamp == earliest_pending_upload && version >= 11);
  return known ? ErrorCode::none : ErrorCode::unsupported_version;
}

using Found = std::expected<std::optional<log::TimestampOffset>, log::LogError>;

// Who asks: it decides where the log ends.
enum class Reader : std::uint8_t { consumer, committed_consumer, replica };

Offset end_for(const log::Log& log, Reader reader) {
  switch (reader) {
    case Reader::consumer: return log.high_watermark();
    case Reader::committed_consumer: return log.last_stable_offset();
    case Reader::replica: break;
  }
  return log.log_end_offset();
}

// KIP-207: a new leader that has not committed anything of its epoch does not know yet how far its predecessors came. Whoever
// asked before would see the end go back.
bool is_available(const Found& found, std::int64_t timestamp, Offset end, Offset epoch_start) {
  if (epoch_start <= end) return true;
  if (timestamp == latest) return false;
  return timestamp < 0 || (found && found->has_value());
}

Found look_up(log::Log& log, std::int64_t timestamp, Offset end) {
  const Offset start = log.log_start_offset();
  switch (timestamp) {
    case latest: return log::TimestampOffset{-1, end, log.latest_epoch()};
    case earliest:
    case earliest_local: return log::TimestampOffset{-1, start, log.epoch_at(start)};
    case latest_tiered:
    case earliest_pending_upload: return std::nullopt;  // nothing is ever tiered: offset -1
    case max_timestamp: {
      Found found = log.offset_of_max_timestamp();
      if (found && *found && (*found)->offset >= end) return std::nullopt;  // not to be read yet
      return found;
    }
    default: return log.offset_for_timestamp(timestamp, end);
  }
}

void answer_with(const Found& found, std::int16_t version, Answer& answer) {
  constexpr std::int16_t first_with_epoch = 4;
  if (!found) {
    answer.error_code = wire(error_code_of(found.error()));
  } else if (found->has_value()) {
    answer.timestamp = (*found)->timestamp_ms;
    answer.offset = (*found)->offset.value();
    if (version >= first_with_epoch) answer.leader_epoch = (*found)->leader_epoch.value();
  }
}

void look_up_for(Partition& partition, std::int64_t timestamp, Reader reader, std::int16_t version, Answer& answer) {
  constexpr std::int16_t first_with_not_available = 5;
  const Offset end = end_for(partition.log(), reader);
  const Offset epoch_start = partition.epoch_start();
  const Found found = look_up(partition.log(), timestamp, end);
  if (is_available(found, timestamp, end, epoch_start)) return answer_with(found, version, answer);
  answer.error_code =
      wire(version >= first_with_not_available ? ErrorCode::offset_not_available : ErrorCode::leader_not_available);
}

Disposition handle(RequestContext& context) {
  protocol::ListOffsetsRequest request;
  if (!context.decode_body(request)) return Disposition::close;
  const Reader consumer = request.isolation_level == 1 ? Reader::committed_consumer : Reader::consumer;
  const Reader reader = request.replica_id >= 0 ? Reader::replica : consumer;
  protocol::ListOffsetsResponse response;
  std::set<std::pair<std::string_view, std::int32_t>> seen;
  for (const auto& topic : request.topics) {
    auto& answers = response.topics.emplace_back();
    answers.name = topic.name;
    context.broker.world.charge(runtime::Cost::partition, topic.partitions.size());
    for (const auto& partition : topic.partitions) {
      Answer& answer = answers.partitions.emplace_back();
      answer.partition_index = partition.partition_index;
      ErrorCode error = check_timestamp(context.version, partition.timestamp);
      if (!seen.emplace(topic.name, partition.partition_index).second) error = ErrorCode::invalid_request;
      FoundPartition found;
      if (error == ErrorCode::none) {
        found = find_partition(context.broker, TopicNaming::by_name, topic.name, {}, partition.partition_index);
        error = found.error;
      }
      if (error == ErrorCode::none) error = check_leads(*found.partition, partition.current_leader_epoch);
      answer.error_code = wire(error);
      if (error == ErrorCode::none) look_up_for(*found.partition, partition.timestamp, reader, context.version, answer);
      context.broker.metrics.error(answer.error_code);
    }
  }
  return context.answer(response);
}

}  // namespace

const ApiHandler list_offsets_handler{.key = 2, .min = 1, .max = 11, .advertised_min = 1, .handle = &handle};

}  // namespace squall::broker
