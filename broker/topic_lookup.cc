#include "broker/topic_lookup.h"

#include <algorithm>

#include "broker/broker_state.h"

namespace squall::broker {

using protocol::ErrorCode;

ErrorCode error_code_of(log::LogError error) {
  switch (error) {
    case log::LogError::corrupt_message: return ErrorCode::corrupt_message;
    case log::LogError::invalid_record: return ErrorCode::invalid_record;
    case log::LogError::message_too_large: return ErrorCode::message_too_large;
    case log::LogError::record_list_too_large: return ErrorCode::record_list_too_large;
    case log::LogError::invalid_timestamp: return ErrorCode::invalid_timestamp;
    case log::LogError::unsupported_format: return ErrorCode::unsupported_for_message_format;
    case log::LogError::offset_out_of_range: return ErrorCode::offset_out_of_range;
    case log::LogError::out_of_order_sequence: return ErrorCode::out_of_order_sequence_number;
    case log::LogError::invalid_producer_epoch: return ErrorCode::invalid_producer_epoch;
    case log::LogError::coordinator_fenced: return ErrorCode::transaction_coordinator_fenced;
    case log::LogError::invalid_transaction_state: return ErrorCode::invalid_txn_state;
    case log::LogError::no_space:
    case log::LogError::storage_error: return ErrorCode::kafka_storage_error;
    case log::LogError::not_found: return ErrorCode::unknown_topic_or_partition;
    case log::LogError::unexpected_append_offset: break;
  }
  return ErrorCode::unknown_server_error;
}

FoundPartition find_partition(const BrokerState& broker, TopicNaming naming, std::string_view topic, Uuid topic_id,
                              std::int32_t index) {
  const bool by_id = naming == TopicNaming::by_id;
  const PartitionRef& partition = by_id ? broker.partitions->find(topic_id, index) : broker.partitions->find(topic, index);
  if (partition != nullptr && !partition->removed()) {
    if (!partition->online()) return {nullptr, ErrorCode::kafka_storage_error};
    return {partition, ErrorCode::none};
  }
  const MetadataImage& image = *broker.image();
  const MetadataImage::Topic known = by_id ? image.find(topic_id) : image.find(topic);
  if (known != nullptr && index >= 0 && static_cast<std::size_t>(index) < known->partitions.size()) {
    return {nullptr, ErrorCode::not_leader_or_follower};
  }
  return {nullptr, by_id && known == nullptr ? ErrorCode::unknown_topic_id : ErrorCode::unknown_topic_or_partition};
}

ErrorCode check_leader_epoch(const Partition& partition, std::int32_t current_leader_epoch) {
  if (current_leader_epoch < 0) return ErrorCode::none;
  if (current_leader_epoch < partition.leader_epoch().value()) return ErrorCode::fenced_leader_epoch;
  if (current_leader_epoch > partition.leader_epoch().value()) return ErrorCode::unknown_leader_epoch;
  return ErrorCode::none;
}

ErrorCode check_leads(const Partition& partition, std::int32_t current_leader_epoch) {
  const ErrorCode error = check_leader_epoch(partition, current_leader_epoch);
  if (error != ErrorCode::none) return error;
  return partition.leads() ? ErrorCode::none : ErrorCode::not_leader_or_follower;
}

LeaderHint leader_hint(const BrokerState& broker, TopicNaming naming, std::string_view topic, Uuid topic_id,
                       std::int32_t index) {
  const MetadataImage& image = *broker.image();
  const MetadataImage::Topic known = naming == TopicNaming::by_id ? image.find(topic_id) : image.find(topic);
  const PartitionImage* partition = known == nullptr ? nullptr : known->partition(index);
  if (partition == nullptr) return {};
  return {partition->leader, partition->leader_epoch};
}

const BrokerEndpointImage* endpoint_of(const BrokerImage& broker, std::string_view listener) {
  const auto at = std::ranges::find(broker.endpoints, listener, &BrokerEndpointImage::listener);
  return at == broker.endpoints.end() ? nullptr : &*at;
}

}  // namespace squall::broker
