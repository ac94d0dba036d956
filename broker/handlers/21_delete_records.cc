// DeleteRecords: moves the start of a partition's log; -1 means "up to the high watermark".
#include "broker/broker_state.h"
#include "broker/handlers/handler.h"
#include "broker/topic_lookup.h"
#include "protocol/messages/delete_records.h"

namespace squall::broker {
namespace {

using protocol::ErrorCode;
using Answer = protocol::DeleteRecordsResponse::DeleteRecordsPartitionResult;

void delete_before(BrokerState& broker, std::string_view topic, std::int32_t index, std::int64_t offset, Answer& answer) {
  answer.partition_index = index;
  answer.low_watermark = -1;
  const FoundPartition found = find_partition(broker, TopicNaming::by_name, topic, {}, index);
  ErrorCode error = found.error;
  if (error == ErrorCode::none && offset < -1) error = ErrorCode::offset_out_of_range;
  if (error == ErrorCode::none) {
    log::Log& log = found.partition->log();
    if (log.config().cleanup_compact && !log.config().cleanup_delete) {
      error = ErrorCode::policy_violation;  // records of a topic that is only compacted are not deleted by offset
    } else if (const auto done = log.delete_records_before(offset == -1 ? log.high_watermark() : Offset{offset}); !done) {
      error = error_code_of(done.error());
    } else {
      answer.low_watermark = log.log_start_offset().value();
      found.partition->notify();
    }
  }
  answer.error_code = wire(error);
  broker.metrics.error(answer.error_code);
}

Disposition handle(RequestContext& context) {
  protocol::DeleteRecordsRequest request;
  if (!context.decode_body(request)) return Disposition::close;
  protocol::DeleteRecordsResponse response;
  for (const auto& topic : request.topics) {
    auto& answers = response.topics.emplace_back();
    answers.name = topic.name;
    context.broker.world.charge(runtime::Cost::partition, topic.partitions.size());
    for (const auto& partition : topic.partitions) {
      delete_before(context.broker, topic.name, partition.partition_index, partition.offset, answers.partitions.emplace_back());
    }
  }
  return context.answer(response);
}

}  // namespace

const ApiHandler delete_records_handler{.key = 21, .min = 0, .max = 2, .advertised_min = 0, .handle = &handle};

}  // namespace squall::broker
