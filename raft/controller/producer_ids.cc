#include <limits>

#include "raft/controller/configs.h"

namespace squall::raft {

Decision<ProducerIdBlock> decide_producer_id_block(const MetadataImage& image, NodeId broker) {
  Decision<ProducerIdBlock> decision;
  const std::int64_t first = image.next_producer_id;
  if (first > std::numeric_limits<std::int64_t>::max() - producer_id_block) return decision;
  protocol::ProducerIdsRecord record;
  record.broker_id = broker.value();
  if (const BrokerImage* registration = image.brokers.get(broker)) record.broker_epoch = registration->epoch;
  record.next_producer_id = first + producer_id_block;
  decision.records.emplace_back(std::move(record));
  decision.response = {first, producer_id_block};
  return decision;
}

Decision<protocol::AllocateProducerIdsResponse> decide_allocate_producer_ids(
    const DecisionContext& context, const protocol::AllocateProducerIdsRequest& request) {
  Decision<protocol::AllocateProducerIdsResponse> decision;
  const NodeId broker{request.broker_id};
  if (auto wrong = check_broker_epoch(context.image, broker, request.broker_epoch)) {
    decision.response.error_code = protocol::to_wire(wrong->code);
    return decision;
  }
  auto block = decide_producer_id_block(context.image, broker);
  if (block.records.empty()) {
    decision.response.error_code = protocol::to_wire(protocol::ErrorCode::unknown_server_error);
    return decision;
  }
  decision.records = std::move(block.records);
  decision.response.producer_id_start = block.response.first;
  decision.response.producer_id_len = static_cast<std::int32_t>(block.response.count);
  return decision;
}

}  // namespace squall::raft
