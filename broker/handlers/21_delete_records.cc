// DeleteRecords: moves the start of a partition's log; -1 means "up to the high watermark".
#include <algorithm>

#include "broker/broker_state.h"
#include "broker/handlers/handler.h"
#include "broker/topic_lookup.h"
#include "protocol/messages/delete_records.h"
#include "runtime/deadline.h"

namespace squall::broker {
namespace {

using protocol::ErrorCode;
using Wanted = protocol::DeleteRecordsRequest::DeleteRecordsPartition;
using Answer = protocol::DeleteRecordsResponse::DeleteRecordsPartitionResult;

struct Waiting {
  PartitionRef partition;
  Answer* answer = nullptr;
  std::uint64_t leadership = 0;
  Offset offset;
};

void delete_before(BrokerState& broker, std::string_view topic, const Wanted& wanted, Answer& answer,
                   std::vector<Waiting>& waiting) {
  answer.partition_index = wanted.partition_index;
  answer.low_watermark = -1;
  const FoundPartition found = find_partition(broker, TopicNaming::by_name, topic, {}, wanted.partition_index);
  ErrorCode error = found.error;
  if (error == ErrorCode::none) error = check_leads(*found.partition, no_epoch.value());
  if (error == ErrorCode::none && wanted.offset < -1) error = ErrorCode::offset_out_of_range;
  if (error == ErrorCode::none) {
    Partition& partition = *found.partition;
    const Offset offset = wanted.offset == -1 ? partition.high_watermark() : Offset{wanted.offset};
    const std::uint64_t leadership = partition.leaderships_ended();
    if (partition.log().config().cleanup_compact && !partition.log().config().cleanup_delete) {
      error = ErrorCode::policy_violation;  // records of a topic that is only compacted are not deleted by offset
    } else if (const auto done = partition.delete_records_before(offset); !done) {
      error = done.error();
    } else {
      answer.low_watermark = partition.low_watermark().value();
      if (partition.low_watermark() < offset) waiting.push_back({found.partition, &answer, leadership, offset});
    }
  }
  answer.error_code = wire(error);
}

// Until all live replicas have deleted, or the time is up.
void wait_for_replicas(RequestContext& context, std::int32_t timeout_ms, std::vector<Waiting>& waiting) {
  BrokerState& broker = context.broker;
  const Instant deadline = runtime::deadline_in(broker.world, std::chrono::milliseconds{std::max(timeout_ms, 0)});
  context.slot.release();
  for (const Waiting& one : waiting) {
    const auto led = [&] { return one.partition->leads() && one.partition->leaderships_ended() == one.leadership; };
    const auto done = [&] { return !led() || one.partition->low_watermark() >= one.offset || broker.stopping; };
    Watch watch{broker.world, 2};
    watch.add(one.partition->low_watermark_watchers());
    watch.add(broker.stop_watchers);
    while (!done() && watch.wait_until(deadline)) {
    }
    if (!led()) {
      one.answer->error_code = wire(ErrorCode::not_leader_or_follower);
      continue;
    }
    one.answer->low_watermark = one.partition->low_watermark().value();
    if (one.partition->low_watermark() < one.offset) one.answer->error_code = wire(ErrorCode::request_timed_out);
  }
}

Disposition handle(RequestContext& context) {
  protocol::DeleteRecordsRequest request;
  if (!context.decode_body(request)) return Disposition::close;
  protocol::DeleteRecordsResponse response;
  std::vector<Waiting> waiting;
  response.topics.resize(request.topics.size());
  for (std::size_t i = 0; i < request.topics.size(); ++i) {
    const auto& topic = request.topics[i];
    auto& answers = response.topics[i];
    answers.name = topic.name;
    answers.partitions.resize(topic.partitions.size());
    context.broker.world.charge(runtime::Cost::partition, topic.partitions.size());
    for (std::size_t j = 0; j < topic.partitions.size(); ++j) {
      delete_before(context.broker, topic.name, topic.partitions[j], answers.partitions[j], waiting);
    }
  }
  if (!waiting.empty()) wait_for_replicas(context, request.timeout_ms, waiting);
  for (const auto& topic : response.topics) {
    for (const Answer& answer : topic.partitions) context.broker.metrics.error(answer.error_code);
  }
  return context.answer(response);
}

}  // namespace

const ApiHandler delete_records_handler{.key = 21, .min = 0, .max = 2, .advertised_min = 0, .handle = &handle};

}  // namespace squall::broker
