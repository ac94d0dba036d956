#include "broker/replication/replication_wire.h"

#include "protocol/error_code.h"

namespace squall::broker {

protocol::FetchRequest fetch_request_of(const FetchPlan& plan, const ReplicaFetchLimits& limits, NodeId self,
                                        BrokerEpoch broker_epoch) {
  protocol::FetchRequest request;
  request.replica_id = self.value();
  request.replica_state = {.replica_id = self.value(), .replica_epoch = broker_epoch.value()};
  request.max_wait_ms = limits.max_wait_ms;
  request.min_bytes = limits.min_bytes;
  request.max_bytes = limits.max_bytes;
  request.session_id = plan.session_id;
  request.session_epoch = plan.session_epoch;
  for (const PlannedFetch& fetch : plan.fetch) {
    if (request.topics.empty() || request.topics.back().topic_id != fetch.key.topic_id) {
      request.topics.push_back({.topic = {}, .topic_id = fetch.key.topic_id, .partitions = {}});
    }
    auto& partition = request.topics.back().partitions.emplace_back();
    partition.partition = fetch.key.partition.value();
    partition.current_leader_epoch = fetch.position.tag.leader_epoch.value();
    partition.fetch_offset = fetch.position.tag.fetch_offset.value();
    partition.last_fetched_epoch = fetch.position.last_fetched_epoch.value();
    partition.log_start_offset = fetch.position.log_start.value();
    partition.partition_max_bytes = limits.partition_max_bytes;
    if (limits.state_high_watermark) partition.high_watermark = fetch.position.high_watermark.value();
  }
  for (const ReplicaKey& key : plan.forget) {
    if (request.forgotten_topics_data.empty() || request.forgotten_topics_data.back().topic_id != key.topic_id) {
      request.forgotten_topics_data.push_back({.topic = {}, .topic_id = key.topic_id, .partitions = {}});
    }
    request.forgotten_topics_data.back().partitions.push_back(key.partition.value());
  }
  return request;
}

FetchAnswered fetch_answer_of(const protocol::FetchResponse::PartitionData& data, const FetchTag& tag) {
  FetchAnswered answer{.tag = tag,
                       .error = protocol::error_from_wire(data.error_code),
                       .high_watermark = Offset{data.high_watermark},
                       .log_start = Offset{data.log_start_offset},
                       .has_records = !data.records.bytes.empty(),
                       .diverging = std::nullopt,
                       .own_epoch_end = {}};
  const EpochEndOffset diverging{LeaderEpoch{data.diverging_epoch.epoch}, Offset{data.diverging_epoch.end_offset}};
  if (diverging != EpochEndOffset{}) answer.diverging = diverging;
  return answer;
}

protocol::AlterPartitionRequest::PartitionData alter_request_of(const AlterPartitionAsk& ask, PartitionIndex index) {
  protocol::AlterPartitionRequest::PartitionData data;
  data.partition_index = index.value();
  data.leader_epoch = ask.tag.leader_epoch.value();
  data.partition_epoch = ask.tag.partition_epoch.value();
  data.leader_recovery_state = static_cast<std::int8_t>(ask.recovery);
  for (const IsrMember& member : ask.in_sync) {
    data.new_isr_with_epochs.push_back({.broker_id = member.id.value(), .broker_epoch = member.broker_epoch.value()});
  }
  return data;
}

AlterPartitionAnswered alter_answer_of(const protocol::AlterPartitionResponse::PartitionData& data, const AskTag& tag) {
  AlterPartitionAnswered answer{
      .tag = tag,
      .error = protocol::error_from_wire(data.error_code),
      .leader_epoch = LeaderEpoch{data.leader_epoch},
      .partition_epoch = PartitionEpoch{data.partition_epoch},
      .in_sync = {},
      .recovery = data.leader_recovery_state == 1 ? RecoveryState::recovering : RecoveryState::recovered};
  for (const std::int32_t id : data.isr) answer.in_sync.push_back(NodeId{id});
  return answer;
}

}  // namespace squall::broker
