// OffsetForLeaderEpoch: where an epoch ended, so that a reader can tell whether its log and this one part ways (KIP-320).
#include "broker/broker_state.h"
#include "broker/handlers/handler.h"
#include "broker/topic_lookup.h"
#include "protocol/messages/offset_for_leader_epoch.h"

namespace squall::broker {
namespace {

using protocol::ErrorCode;

Disposition handle(RequestContext& context) {
  protocol::OffsetForLeaderEpochRequest request;
  if (!context.decode_body(request)) return Disposition::close;
  protocol::OffsetForLeaderEpochResponse response;
  for (const auto& topic : request.topics) {
    auto& answers = response.topics.emplace_back();
    answers.topic = topic.topic;
    context.broker.world.charge(runtime::Cost::partition, topic.partitions.size());
    for (const auto& partition : topic.partitions) {
      auto& answer = answers.partitions.emplace_back();
      answer.partition = partition.partition;
      const FoundPartition found = find_partition(context.broker, TopicNaming::by_name, topic.topic, {}, partition.partition);
      ErrorCode error = found.error;
      if (error == ErrorCode::none) error = check_leads(*found.partition, partition.current_leader_epoch);
      if (error == ErrorCode::none) {
        const log::Log& log = found.partition->log();
        // Not cut to the high watermark: that of a new leader may be below what consumers have read, and is not lost.
        const log::EpochEnd end = log.end_offset_for_epoch(LeaderEpoch{partition.leader_epoch});
        answer.leader_epoch = end.epoch.value();
        answer.end_offset = end.end_offset.value();
      }
      answer.error_code = wire(error);
      context.broker.metrics.error(answer.error_code);
    }
  }
  return context.answer(response);
}

}  // namespace

const ApiHandler offset_for_leader_epoch_handler{.key = 23, .min = 2, .max = 4, .advertised_min = 2, .handle = &handle};

}  // namespace squall::broker
