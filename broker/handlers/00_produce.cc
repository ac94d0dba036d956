// Produce: appends each partition's batch, and answers once it is as safe as `acks` asks.
#include <algorithm>

#include "broker/broker_state.h"
#include "broker/confirm_leadership.h"
#include "broker/handlers/handler.h"
#include "broker/recompress.h"
#include "broker/topic_lookup.h"
#include "protocol/messages/produce.h"
#include "protocol/record_batch.h"
#include "runtime/deadline.h"

namespace squall::broker {
namespace {

using protocol::ErrorCode;
using PartitionData = protocol::ProduceRequest::PartitionProduceData;
using PartitionAnswer = protocol::ProduceResponse::PartitionProduceResponse;

struct Waiting {
  PartitionRef partition;
  PartitionAnswer* answer = nullptr;
  std::uint64_t leadership = 0;  // in which it was appended
  Offset end;                    // acks=all: the high watermark must reach it
};

struct SequenceGap {
  PartitionRef partition;
  PartitionAnswer* answer = nullptr;
  LeaderEpoch epoch;  // in which it was found
};

struct ProduceCall {
  RequestContext& context;
  protocol::ProduceRequest& request;
  protocol::ProduceResponse& response;
  std::vector<Waiting> waiting;
  std::vector<SequenceGap> gaps;
  bool any_error = false;
};

void refuse(PartitionAnswer& answer, ErrorCode code, std::string_view message) {
  answer.error_code = wire(code);
  answer.base_offset = -1;
  if (!message.empty()) answer.error_message = std::string{message};
}

// From version 3 on: one batch, of format 2, nothing else (ProduceRequest.validateRecords).
ErrorCode check_records(std::int16_t version, const protocol::Records& records, std::string_view& why) {
  if (records.is_null || records.bytes.empty()) {
    why = "Produce requests must have a record batch.";
    return ErrorCode::invalid_record;
  }
  protocol::BatchCursor cursor{records.bytes};
  protocol::RecordBatchView batch;
  if (!cursor.next(batch)) {
    why = "The record batch is malformed.";
    return cursor.error() == protocol::BatchError::old_magic ? ErrorCode::invalid_record : ErrorCode::corrupt_message;
  }
  if (!cursor.rest().empty()) {
    why = "Produce requests must contain exactly one record batch per partition.";
    return ErrorCode::invalid_record;
  }
  constexpr std::int16_t first_with_zstd = 7;
  if (batch.codec() == protocol::Codec::zstd && version < first_with_zstd) {
    why = "Produce requests below version 7 cannot carry zstd.";
    return ErrorCode::unsupported_compression_type;
  }
  if (batch.is_transactional()) {
    why = "Transactions are not served.";
    return ErrorCode::invalid_txn_state;
  }
  return ErrorCode::none;
}

void note_append_error(PartitionAnswer& answer, const log::AppendError& error) {
  refuse(answer, error_code_of(error.code), error.message);
  for (const log::RecordError& record : error.record_errors) {
    answer.record_errors.push_back({.batch_index = record.batch_index, .batch_index_error_message = record.message});
  }
}

void append_one(ProduceCall& call, std::string_view topic, Uuid topic_id, const PartitionData& data, PartitionAnswer& answer) {
  BrokerState& broker = call.context.broker;
  std::string_view why;
  if (const ErrorCode code = check_records(call.context.version, data.records, why); code != ErrorCode::none) {
    return refuse(answer, code, why);
  }
  constexpr std::int16_t first_with_topic_ids = 13;
  const TopicNaming naming = call.context.version >= first_with_topic_ids ? TopicNaming::by_id : TopicNaming::by_name;
  FoundPartition found = find_partition(broker, naming, topic, topic_id, data.index);
  if (found.error != ErrorCode::none) return refuse(answer, found.error, {});
  const PartitionRef partition = std::move(found.partition);
  if (!partition->leads()) return refuse(answer, ErrorCode::not_leader_or_follower, {});
  broker.world.charge(runtime::Cost::checksummed_byte, data.records.bytes.size());
  broker.metrics.batches_in->add();
  broker.metrics.records_bytes_in->add(data.records.bytes.size());
  MutableBytes bytes = call.context.writable(data.records.bytes);
  Recompressed recompressed;
  if (partition->recompresses()) {
    recompressed = recompress(broker, *partition, bytes);
    if (recompressed.error != ErrorCode::none) return refuse(answer, recompressed.error, "The batch cannot be recompressed.");
    if (!recompressed.bytes.empty()) bytes = recompressed.bytes;
  }
  if (const ErrorCode code = partition->admit_produce(call.request.acks); code != ErrorCode::none) {
    return refuse(answer, code, {});
  }
  const LeaderEpoch epoch = partition->leader_epoch();
  const std::uint64_t leadership = partition->leaderships_ended();
  const auto appended = partition->append(bytes);
  if (!appended) {
    note_append_error(answer, appended.error());
    // To a leader of yesterday the next leader's sequences are ahead of its own; but a gap ends an idempotent producer for
    // good.
    if (appended.error().code == log::LogError::out_of_order_sequence) call.gaps.push_back({partition, &answer, epoch});
    return;
  }
  answer.base_offset = appended->first_offset.value();
  answer.log_append_time_ms = appended->log_append_time_ms;
  answer.log_start_offset = appended->log_start_offset.value();
  if (call.request.acks != -1) return;
  if (const auto outcome = partition->outcome(leadership, appended->end_offset())) {
    if (*outcome != ErrorCode::none) refuse(answer, *outcome, {});
  } else {
    call.waiting.push_back({partition, &answer, leadership, appended->end_offset()});
  }
}

// Until the high watermark has passed what was appended, or the time is up.
void wait_for_replication(ProduceCall& call) {
  BrokerState& broker = call.context.broker;
  const Instant deadline = runtime::deadline_in(broker.world, std::chrono::milliseconds{std::max(call.request.timeout_ms, 0)});
  call.context.slot.release();
  for (const Waiting& one : call.waiting) {
    Watch watch{broker.world, 2};
    watch.add(one.partition->watchers());
    watch.add(broker.stop_watchers);
    std::optional<ErrorCode> outcome = one.partition->outcome(one.leadership, one.end);
    while (!outcome && !broker.stopping && watch.wait_until(deadline)) {
      outcome = one.partition->outcome(one.leadership, one.end);
    }
    if (!outcome) outcome = one.partition->outcome(one.leadership, one.end).value_or(ErrorCode::request_timed_out);
    if (*outcome != ErrorCode::none) refuse(*one.answer, *outcome, {});
  }
}

void confirm_gaps(ProduceCall& call) {
  call.context.slot.release();
  for (const SequenceGap& gap : call.gaps) {
    if (confirms_leadership(call.context.broker, *gap.partition, gap.epoch)) continue;
    const std::int32_t index = gap.answer->index;
    *gap.answer = PartitionAnswer{};
    gap.answer->index = index;
    refuse(*gap.answer, ErrorCode::not_leader_or_follower, {});
  }
}

// KIP-951: from version 10 on.
void hint_leaders(ProduceCall& call) {
  constexpr std::int16_t first_with_hints = 10;
  constexpr std::int16_t first_with_topic_ids = 13;
  if (call.context.version < first_with_hints) return;
  const BrokerState& broker = call.context.broker;
  const TopicNaming naming = call.context.version >= first_with_topic_ids ? TopicNaming::by_id : TopicNaming::by_name;
  std::vector<NodeId> leaders;
  for (auto& topic : call.response.responses) {
    for (PartitionAnswer& answer : topic.partition_responses) {
      if (answer.error_code != wire(ErrorCode::not_leader_or_follower)) continue;
      const LeaderHint hint = leader_hint(broker, naming, topic.name, topic.topic_id, answer.index);
      answer.current_leader = {.leader_id = hint.leader.value(), .leader_epoch = hint.epoch.value()};
      if (hint.leader != no_node) leaders.push_back(hint.leader);
    }
  }
  list_leaders(*broker.image(), call.context.connection.listener->config.name, std::move(leaders),
               call.response.node_endpoints);
}

Disposition handle(RequestContext& context) {
  ProduceCall call{.context = context,
                   .request = context.scratch.produce_request,
                   .response = context.scratch.produce_response,
                   .waiting = {},
                   .gaps = {}};
  if (!context.decode_body(call.request)) return Disposition::close;
  const bool acks_known = call.request.acks >= -1 && call.request.acks <= 1;
  std::size_t partitions = 0;
  call.response.responses.resize(call.request.topic_data.size());
  call.response.node_endpoints.clear();
  for (std::size_t i = 0; i < call.request.topic_data.size(); ++i) {
    const auto& topic = call.request.topic_data[i];
    auto& answers = call.response.responses[i];
    answers.name = topic.name;
    answers.topic_id = topic.topic_id;
    answers.partition_responses.resize(topic.partition_data.size());
    for (std::size_t j = 0; j < topic.partition_data.size(); ++j) {
      PartitionAnswer& answer = answers.partition_responses[j];
      answer = PartitionAnswer{};  // what an earlier request left
      answer.index = topic.partition_data[j].index;
      if (acks_known) {
        append_one(call, topic.name, topic.topic_id, topic.partition_data[j], answer);
      } else {
        refuse(answer, ErrorCode::invalid_required_acks, {});
      }
      ++partitions;
    }
  }
  context.broker.world.charge(runtime::Cost::partition, partitions);
  if (!call.waiting.empty()) wait_for_replication(call);
  if (!call.gaps.empty()) confirm_gaps(call);
  for (const auto& topic : call.response.responses) {
    for (const PartitionAnswer& answer : topic.partition_responses) {
      context.broker.metrics.error(answer.error_code);
      call.any_error = call.any_error || answer.error_code != 0;
    }
  }
  if (call.any_error) hint_leaders(call);
  // Without a response, closing the connection is the one way to tell of an error.
  if (call.request.acks == 0) return call.any_error ? Disposition::close : Disposition::no_response;
  return context.answer(call.response);
}

}  // namespace

const ApiHandler produce_handler{.key = 0, .min = 3, .max = 13, .advertised_min = 0, .handle = &handle};

}  // namespace squall::broker
